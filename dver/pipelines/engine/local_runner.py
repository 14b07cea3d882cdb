"""A runner whose jobs are processes of this machine.

Every job is a process group, so that all its processes can be ended. They hold a lock while they run: after dver is
killed, a second run of the stage sees that the first still goes on.
"""

from __future__ import annotations

import hashlib
import math
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dver.core.errors import StageError
from dver.core.platform import filelock
from dver.core.platform.machine import own_peak_memory, peak_memory, wait_for_exit
from dver.pipelines.engine.job import Event, Job, JobEnd, JobOutcome, JobOutput
from dver.pipelines.engine.leftover_jobs import sign_job
from dver.pipelines.engine.shell_script import shell_arguments

_PIECE: Final = 1 << 16
_NOT_STARTED: Final = 127
_MAX_BUFFERED: Final = 16 << 20
"""The output of a job, in bytes, that is held in memory at most; a job that writes more waits."""
_PIPE: Final = 1 << 20
"""The most bytes that a pipe holds."""
_DRAIN_TIMEOUT: Final = 1.0
"""Seconds to wait for output after a job ended, since a process it left behind may hold the pipe open."""
_GRACE: Final = 10.0
"""Seconds between asking a job to end and killing it."""


class LocalRunner:
    """Runs jobs as processes of this machine. `lock_dir` holds a lock file for each job."""

    def __init__(self, lock_dir: Path) -> None:
        self._lock_dir = lock_dir
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._running: dict[str, _RunningJob] = {}
        self._claimed: dict[str, int] = {}
        """The locks of jobs that have not started."""
        self._shell = shutil.which("bash") or "/bin/sh"

    def claim(self, name: str) -> None:
        """See `Runner`."""
        if name not in self._claimed:
            self._claimed[name] = _acquire_lock(self._lock_dir, name)

    def release(self, name: str) -> None:
        """See `Runner`."""
        if name in self._claimed:
            os.close(self._claimed.pop(name))

    def submit(self, job: Job) -> None:
        """See `Runner`."""
        self.claim(job.name)
        running = _RunningJob(job, self._claimed.pop(job.name), self._shell, self._events)
        self._running[job.name] = running
        running.thread.start()

    def poll(self, seconds: float) -> Sequence[Event]:
        """See `Runner`."""
        found: list[Event] = []
        with suppress(queue.Empty):
            found.append(self._events.get(timeout=max(0.0, min(seconds, self._until_a_deadline()))))
            while True:
                found.append(self._events.get_nowait())
        for event in found:
            if isinstance(event, JobEnd):
                self._running.pop(event.job).thread.join()
            else:
                self._running[event.job].room.extend(len(event.content))
        for running in self._running.values():
            running.enforce(time.monotonic())
        return found

    def busy(self) -> bool:
        """See `Runner`."""
        # Ctrl-C may have come after a job was entered and before it started.
        return any(one.thread.ident is not None for one in self._running.values())

    def stop(self, *, force: bool = False) -> None:
        """See `Runner`."""
        for running in self._running.values():
            running.stop(JobOutcome.STOPPED, force=force)

    def close(self) -> None:
        """See `Runner`."""
        for name in list(self._claimed):
            self.release(name)
        self.stop(force=True)
        while self.busy():
            self.poll(1.0)

    def _until_a_deadline(self) -> float:
        now = time.monotonic()
        return min((one.deadline - now for one in self._running.values() if one.deadline is not None), default=3600.0)


def _acquire_lock(folder: Path, name: str) -> int:
    """Return a file descriptor that holds the lock of the job called `name`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    if not filelock.try_lock(fd):
        os.close(fd)
        raise StageError(
            f"stage {name!r} is already running",
            why="another `dver repro` runs it, or a killed one left it running",
            fix="wait for it, or end its processes",
        )
    return fd


class _OutputRoom:
    """The bytes that a job may write before a poll. Without any left, the job has to wait."""

    def __init__(self, left: float) -> None:
        self._left = left
        self._changed = threading.Condition()

    def use(self, size: int) -> None:
        """Use `size` bytes, once there is room."""
        with self._changed:
            self._changed.wait_for(lambda: self._left > 0)
            self._left -= size

    def extend(self, size: float) -> None:
        """Make room for `size` more bytes."""
        with self._changed:
            self._left += size
            self._changed.notify_all()


@dataclass(slots=True)
class _RunningJob:
    """A running job, with a thread that waits for it."""

    job: Job
    lock_fd: int
    shell: str
    events: queue.SimpleQueue[Event]
    deadline: float | None = None
    """When to ask it to end, or to kill it if it was asked before."""
    outcome: JobOutcome | None = None
    """Why it was asked to end; None if it was not."""
    process: subprocess.Popen[bytes] | None = None
    reported: bool = False
    """Set once its end is reported. Output of processes it left behind is dropped then."""
    room: _OutputRoom = field(default_factory=lambda: _OutputRoom(_MAX_BUFFERED))
    lock: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.job.timeout if self.job.timeout is not None else None
        self.thread = threading.Thread(target=self.run, name=f"job {self.job.name}", daemon=True)

    def enforce(self, now: float) -> None:
        """End the job after its deadline; kill it if it was asked to end before."""
        if self.deadline is not None and now >= self.deadline:
            self.stop(JobOutcome.TIMED_OUT, force=self.outcome is not None)

    def stop(self, why: JobOutcome, *, force: bool) -> None:
        """Ask the job to end, or kill it."""
        with self.lock:
            asked = signal.SIGINT if why is JobOutcome.STOPPED else signal.SIGTERM
            self.outcome = self.outcome or why
            self.deadline = time.monotonic() + _GRACE
            if self.process is not None:
                _signal(self.process.pid, signal.SIGKILL if force else asked)

    def run(self) -> None:
        started = time.time()
        exit_code, peak = 0, 0
        for command in self.job.commands:
            exit_code, memory = self.run_one(command)
            peak = max(peak, memory)
            if exit_code != 0 or self.is_ending():
                break
        # Unlocked explicitly: processes that the job left running hold a copy, which must not block the next run.
        filelock.unlock(self.lock_fd)
        os.close(self.lock_fd)
        outcome = self.outcome or (JobOutcome.FAILED if exit_code else JobOutcome.DONE)
        with self.lock:
            self.reported = True
            self.events.put(JobEnd(self.job.name, outcome, exit_code, started, time.time(), peak))
        self.room.extend(math.inf)  # processes it left behind can go on writing

    def is_ending(self) -> bool:
        return self.outcome is not None

    def run_one(self, command: str) -> tuple[int, int]:
        """Run one command to its end. Returns its exit code and its peak memory in bytes."""
        with self.lock:
            if self.is_ending():
                return -signal.SIGINT, 0
            try:
                process = self.process = self.start(command)
            except OSError as error:
                self.events.put(JobOutput(self.job.name, f"dver: cannot start: {error}\n".encode()))
                return _NOT_STARTED, 0
        sign_job(self.lock_fd, process.pid)
        inherited = own_peak_memory()
        reader = threading.Thread(target=self.read, args=(process,), daemon=True)
        reader.start()
        # The process is reaped later: until then its pid cannot be reused, and signals reach the right process.
        wait_for_exit(process.pid)
        with self.lock:
            if self.is_ending():
                _signal(process.pid, signal.SIGKILL)  # children that the command did not wait for
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.process = None
        self.room.extend(_PIPE)  # the rest in the pipe must not wait for a poll
        reader.join(_DRAIN_TIMEOUT)
        # Linux counts the memory of the parent at the fork as the child's own, so a smaller peak is unknown.
        peak = peak_memory(usage)
        return process.returncode, peak if peak > inherited else 0

    def start(self, command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            shell_arguments(self.shell, command),
            cwd=self.job.cwd,
            env={**os.environ, **self.job.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(self.lock_fd,),
            process_group=0,
        )

    def read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as stream:
            while piece := os.read(stream.fileno(), _PIECE):
                self.room.use(len(piece))
                with self.lock:
                    if not self.reported:
                        self.events.put(JobOutput(self.job.name, piece))


def _signal(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
