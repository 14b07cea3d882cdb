"""Runs jobs as processes of this machine.

Every job is a process group of its own, so that all of it can be ended. While a job runs, its processes hold a lock: if
dver itself is killed, what it started lives on, and whoever wants to run the stage again learns that.
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
from dver.pipelines.engine.job import Ended, Ending, Event, Job, Said
from dver.pipelines.engine.shell_script import shell_arguments

_PIECE: Final = 1 << 16
_NOT_STARTED: Final = 127
_UNHEARD: Final = 16 << 20
"""Bytes of output of one job that are held in memory at most; a job that writes more waits until they are heard."""
_PIPE: Final = 1 << 20
"""Bytes that a pipe holds at most."""
_LAST_WORDS: Final = 1.0
"""Seconds to wait for output after the end of a job, since something it left behind may hold its output open."""
_GRACE: Final = 10.0
"""Seconds between asking a job to end and ending it."""


class LocalRunner:
    """Runs jobs as processes of this machine. `guards` is a folder for one lock file a job."""

    def __init__(self, guards: Path) -> None:
        self._guards = guards
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._running: dict[str, _Running] = {}
        self._claimed: dict[str, int] = {}
        """The locks of jobs that are about to begin."""
        self._shell = shutil.which("bash") or "/bin/sh"

    def claim(self, name: str) -> None:
        """See `Runner`."""
        if name not in self._claimed:
            self._claimed[name] = _guard(self._guards, name)

    def release(self, name: str) -> None:
        """See `Runner`."""
        if name in self._claimed:
            os.close(self._claimed.pop(name))

    def submit(self, job: Job) -> None:
        """Start `job`. Raises StageError if one of that name still runs."""
        self.claim(job.name)
        running = _Running(job, self._claimed.pop(job.name), self._shell, self._events)
        self._running[job.name] = running
        running.thread.start()

    def poll(self, seconds: float) -> Sequence[Event]:
        """What has happened since the last call."""
        found: list[Event] = []
        with suppress(queue.Empty):
            found.append(self._events.get(timeout=max(0.0, min(seconds, self._until_a_deadline()))))
            while True:
                found.append(self._events.get_nowait())
        for event in found:
            if isinstance(event, Ended):
                self._running.pop(event.job).thread.join()
            else:
                self._running[event.job].unheard.take(len(event.content))
        for running in self._running.values():
            running.enforce(time.monotonic())
        return found

    def busy(self) -> bool:
        """Is there a job that has not ended?"""
        # Ctrl-C may have come between noting a job and starting it.
        return any(one.thread.ident is not None for one in self._running.values())

    def stop(self, *, force: bool = False) -> None:
        """Ask all jobs to end."""
        for running in self._running.values():
            running.stop(Ending.STOPPED, force=force)

    def close(self) -> None:
        """End whatever still runs."""
        for name in list(self._claimed):
            self.release(name)
        self.stop(force=True)
        while self.busy():
            self.poll(1.0)

    def _until_a_deadline(self) -> float:
        now = time.monotonic()
        return min((one.deadline - now for one in self._running.values() if one.deadline is not None), default=3600.0)


def _guard(folder: Path, name: str) -> int:
    """A file descriptor that holds the lock of the job called `name`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    if not filelock.try_lock(fd):
        os.close(fd)
        raise StageError(
            f"stage {name!r} is running already",
            why="another `dver repro` runs it, or one that was killed left it running",
            fix="wait until it ends, or end its processes",
        )
    return fd


class _Unheard:
    """Counts what a job wrote and nobody has heard yet: whoever listens may be busy with what another job made."""

    def __init__(self, limit: float) -> None:
        self._bytes = 0
        self._limit = limit
        self._changed = threading.Condition()

    def add(self, size: int) -> None:
        """Count `size` bytes, once there is room for more."""
        with self._changed:
            self._changed.wait_for(lambda: self._bytes < self._limit)
            self._bytes += size

    def take(self, size: int) -> None:
        """They were heard."""
        with self._changed:
            self._bytes -= size
            self._changed.notify_all()

    def allow(self, more: float) -> None:
        """Let so many bytes more be held."""
        with self._changed:
            self._limit += more
            self._changed.notify_all()


@dataclass(slots=True)
class _Running:
    """A job that runs, in a thread that waits for it."""

    job: Job
    guard: int
    shell: str
    events: queue.SimpleQueue[Event]
    deadline: float | None = None
    """When it is to be ended, or if that has been tried, to be killed."""
    ending: Ending | None = None
    """Why it is ended, if it is."""
    process: subprocess.Popen[bytes] | None = None
    over: bool = False
    """Has its end been told? What it left behind may still write: nobody hears that."""
    unheard: _Unheard = field(default_factory=lambda: _Unheard(_UNHEARD))
    lock: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.job.timeout if self.job.timeout is not None else None
        self.thread = threading.Thread(target=self.run, name=f"job {self.job.name}", daemon=True)

    def enforce(self, now: float) -> None:
        """End the job if its time is over, and kill it if that did not help."""
        if self.deadline is not None and now >= self.deadline:
            self.stop(Ending.TIMED_OUT, force=self.ending is not None)

    def stop(self, why: Ending, *, force: bool) -> None:
        """Ask the job to end, or kill it."""
        with self.lock:
            asked = signal.SIGINT if why is Ending.STOPPED else signal.SIGTERM
            self.ending = self.ending or why
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
        # Given back by name: what the job left running on purpose has the lock, too, and does not stand in the way.
        filelock.unlock(self.guard)
        os.close(self.guard)
        ending = self.ending or (Ending.FAILED if exit_code else Ending.DONE)
        with self.lock:
            self.over = True
            self.events.put(Ended(self.job.name, ending, exit_code, started, time.time(), peak))
        self.unheard.allow(math.inf)  # what it left behind is read on, or it could not write any more

    def is_ending(self) -> bool:
        return self.ending is not None

    def run_one(self, command: str) -> tuple[int, int]:
        """Run one command to its end: its exit code, and the bytes of memory that it needed."""
        with self.lock:
            if self.is_ending():
                return -signal.SIGINT, 0
            try:
                process = self.process = self.start(command)
            except OSError as error:
                self.events.put(Said(self.job.name, f"dver: cannot start: {error}\n".encode()))
                return _NOT_STARTED, 0
        inherited = own_peak_memory()
        reader = threading.Thread(target=self.read, args=(process,), daemon=True)
        reader.start()
        # It is waited for twice: as long as it is not reaped, its number is its own, and safe to send signals to.
        wait_for_exit(process.pid)
        with self.lock:
            if self.is_ending():
                _signal(process.pid, signal.SIGKILL)  # what the command started and did not wait for
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.process = None
        self.unheard.allow(_PIPE)  # what it wrote last must not wait for whoever listens
        reader.join(_LAST_WORDS)
        # Linux counts the memory of whoever starts a program as the program's own: less than that is not known.
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
            pass_fds=(self.guard,),
            process_group=0,
        )

    def read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as stream:
            while piece := os.read(stream.fileno(), _PIECE):
                self.unheard.add(len(piece))
                with self.lock:
                    if not self.over:
                        self.events.put(Said(self.job.name, piece))


def _signal(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
