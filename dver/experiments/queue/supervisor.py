"""Starts workers until the queue is empty, and replaces those that die."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from dver.core.display import Displayed
from dver.core.errors import DverError, LocalIOError, StageError
from dver.experiments.journal import Journal
from dver.experiments.leases import running
from dver.experiments.queue.events import (
    StageStarted,
    TaskEnded,
    TaskStarted,
    WorkerEvent,
    WorkerFailed,
    decode_event,
)
from dver.experiments.queue.processes import KILL, STOP, registered
from dver.experiments.queue.slots import Slots
from dver.experiments.queue.worker import queued_ids
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.pipelines.engine.resources import DEVICES
from dver.pipelines.execution.machine_capacity import visible_devices
from dver.repo import Repository

_PROGRAM: Final = "dver.experiments.queue.worker_process"
_TICK: Final = 0.2
_LOOK: Final = 2.0
"""Seconds between two looks for new tasks, while fewer workers run than allowed."""
_PIECE: Final = 1 << 16
_KEPT: Final = 4000
"""The bytes of the end of a worker's error output that are kept."""
_MOST_FAILURES: Final = 3
_MOST_IDLE: Final = 3
"""The most workers in a row that end without a task before no more are started."""


class QueueWatcher(Protocol):
    """Receives what workers do. Workers have numbers, from 0."""

    def task_started(self, worker: int, name: str, attempt: int) -> None:
        """A worker took a task from the queue."""

    def stage_started(self, worker: int, stage: str) -> None:
        """A stage of the task of a worker started."""

    def task_ended(self, worker: int, experiment: Experiment) -> None:
        """A task ended and was recorded."""

    def worker_died(self, worker: int, name: str | None) -> None:
        """A worker was killed, with the task `name`, which is free again."""

    def stopping(self, *, kill: bool) -> None:
        """Workers were asked to end after their tasks, or to stop them."""

    def tick(self, left: int) -> None:
        """Called regularly. `left` tasks have not started, as of the last look."""


class TrialSource(Protocol):
    """Adds trials of a sweep to the queue while workers run."""

    @property
    def sweep(self) -> str:
        """The name of the sweep. Workers run its trials, and no other tasks."""

    @property
    def remaining(self) -> int:
        """The number of trials that are not queued yet, as of the last `refill`."""

    def refill(self) -> None:
        """Queue as many trials as can run now."""


class SilentWatcher:
    """A `QueueWatcher` that ignores everything."""

    def task_started(self, worker: int, name: str, attempt: int) -> None:
        """See `QueueWatcher`."""

    def stage_started(self, worker: int, stage: str) -> None:
        """See `QueueWatcher`."""

    def task_ended(self, worker: int, experiment: Experiment) -> None:
        """See `QueueWatcher`."""

    def worker_died(self, worker: int, name: str | None) -> None:
        """See `QueueWatcher`."""

    def stopping(self, *, kill: bool) -> None:
        """See `QueueWatcher`."""

    def tick(self, left: int) -> None:
        """See `QueueWatcher`."""


@dataclass(frozen=True, slots=True, repr=False)
class QueueResult(Displayed):
    """What the workers of one `dver queue start` did."""

    ended: tuple[Experiment, ...]
    """The tasks that ended, in order."""
    left: int
    """The number of tasks that are still queued and not running."""
    stopped: bool = False
    """Whether the workers were asked to end."""
    errors: tuple[DverError, ...] = ()
    """Why workers could not go on."""

    def count(self, status: ExperimentStatus) -> int:
        """The number of tasks that ended with a status."""
        return sum(one.status is status for one in self.ended)

    def error(self) -> DverError | None:
        """The error of a worker, or the one for failed tasks."""
        if self.errors:
            return self.errors[0]
        failed = [one.name for one in self.ended if one.status is ExperimentStatus.FAILED]
        if not failed:
            return None
        return StageError(
            f"{len(failed)} of {len(self.ended)} experiments failed",
            why="their stages did, or could not start",
            fix=f"see why: dver queue logs {failed[0]}; then run them again: dver queue retry --failed",
        )


@dataclass(slots=True)
class _Worker:
    """A worker process."""

    number: int
    process: subprocess.Popen[bytes]
    events: int
    """The pipe with its events."""
    rest: bytes = b""
    said: bytes = b""
    """The end of its error output."""
    task: str | None = None
    was_busy: bool = False
    reported: bool = False
    """Whether it reported why it cannot go on."""


def work_off(
    repo: Repository, watcher: QueueWatcher, *, jobs: int, cwd: Path, source: TrialSource | None = None
) -> QueueResult:
    """Run the tasks of the queue in up to `jobs` worker processes, until none is left; with `source`, its trials.

    Signals of this process ask the workers to end after their tasks; repeated ones stop the tasks.
    """
    with Journal(repo) as journal, registered(journal.directory):
        slots = Slots(repo.git, journal.directory)
        slots.clear()
        result = _Supervisor(journal, watcher, jobs, cwd, source).run()
        slots.clear()  # of workers that were killed
        return result


@dataclass(slots=True)
class _Supervisor:
    journal: Journal
    watcher: QueueWatcher
    jobs: int
    cwd: Path
    source: TrialSource | None = None
    workers: dict[int, _Worker] = field(default_factory=dict)
    """By number."""
    ended: list[Experiment] = field(default_factory=list)
    errors: list[DverError] = field(default_factory=list)
    requests: int = 0
    """How often this process was asked to end."""
    kills: int = 0
    """How often it was asked to stop the tasks."""
    sent_stop: bool = False
    sent_kills: int = 0
    failures: int = 0
    """How many workers in a row could not go on."""
    idle: int = 0
    """How many workers in a row ended without a task."""
    left: int = 0
    looked: float = 0.0
    devices: tuple[str, ...] = ()
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def run(self) -> QueueResult:
        self.devices = visible_devices() if self.jobs > 1 else ()
        with self.selector, self.handling_signals():
            try:
                self.start_workers()
                while self.workers:
                    self.forward_requests()
                    self.read_events()
                    self.reap()
                    self.start_workers()
                    self.watcher.tick(self.left + (self.source.remaining if self.source is not None else 0))
            finally:
                self.abandon()
        self.left = self.free_tasks()
        return QueueResult(tuple(self.ended), self.left, bool(self.requests or self.kills), tuple(self.errors))

    # -- workers

    def free_tasks(self) -> int:
        """The number of queued tasks that no process runs."""
        queued = queued_ids(self.journal, self.source.sweep if self.source is not None else "")
        return len(set(queued).difference(running(self.journal.directory))) if queued else 0

    def start_workers(self) -> None:
        if len(self.workers) >= self.jobs or self.requests or self.kills or self.errors or self.idle >= _MOST_IDLE:
            return
        if self.workers and time.monotonic() - self.looked < _LOOK:
            return
        if self.source is not None:
            self.source.refill()
        self.looked, self.left = time.monotonic(), self.free_tasks()
        waiting = sum(one.task is None for one in self.workers.values())
        free_numbers = (number for number in range(self.jobs) if number not in self.workers)
        for number in list(free_numbers)[: max(0, self.left - waiting)]:
            self.start_worker(number)

    @property
    def only(self) -> list[str]:
        """The argument of workers for a sweep."""
        return [self.source.sweep] if self.source is not None else []

    def start_worker(self, number: int) -> None:
        ours, theirs = os.pipe()
        try:
            process = subprocess.Popen(
                # -P: a module of the user's must not replace one of ours.
                [sys.executable, "-P", "-m", _PROGRAM, os.fspath(self.cwd), str(theirs), *self.only],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(theirs,),
                process_group=0,  # Ctrl-C is for this process
                env=worker_environment(self.devices, number, self.jobs),
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        worker = self.workers[number] = _Worker(number, process, ours)
        assert process.stderr is not None
        for pipe in (ours, process.stderr.fileno()):
            os.set_blocking(pipe, False)
            self.selector.register(pipe, selectors.EVENT_READ, worker)

    def read_events(self) -> None:
        for key, _ in self.selector.select(_TICK):
            assert isinstance(key.data, _Worker)
            if not self.read(key.data, key.fd):
                self.selector.unregister(key.fd)

    def read(self, worker: _Worker, pipe: int) -> bool:
        """Read a pipe of a worker. Returns False at its end."""
        try:
            piece = os.read(pipe, _PIECE)
        except BlockingIOError:
            return True
        if pipe != worker.events:
            worker.said = (worker.said + piece)[-_KEPT:]
        else:
            *lines, worker.rest = (worker.rest + piece).split(b"\n")
            for line in lines:
                self.heard(worker, decode_event(line))
        return bool(piece)

    def heard(self, worker: _Worker, event: WorkerEvent) -> None:
        match event:
            case TaskStarted(name, attempt):
                worker.task, worker.was_busy = name, True
                self.left = max(0, self.left - 1)
                self.watcher.task_started(worker.number, name, attempt)
            case StageStarted(stage):
                self.watcher.stage_started(worker.number, stage)
            case TaskEnded(experiment):
                worker.task, self.failures = None, 0
                self.ended.append(experiment)
                self.watcher.task_ended(worker.number, experiment)
                if self.source is not None and not (self.requests or self.kills or self.errors):
                    self.source.refill()  # this worker waits a moment for it
            case WorkerFailed(error):
                worker.task, worker.reported = None, True
                self.worker_failed(error)

    def reap(self) -> None:
        """Remove the workers that ended."""
        for worker in list(self.workers.values()):
            if worker.process.poll() is not None:
                self.drain(worker)
                del self.workers[worker.number]
                self.worker_ended(worker, worker.process.returncode)

    def drain(self, worker: _Worker) -> None:
        """Read what a worker that ended has written, and close its pipes."""
        assert worker.process.stderr is not None
        for pipe in (worker.events, worker.process.stderr.fileno()):
            with suppress(OSError):
                while self.read(worker, pipe) and not _is_empty(pipe):
                    pass
            with suppress(KeyError):
                self.selector.unregister(pipe)
        os.close(worker.events)
        worker.process.stderr.close()

    def worker_ended(self, worker: _Worker, code: int) -> None:
        self.looked = 0.0
        self.idle = 0 if worker.was_busy else self.idle + 1
        if code < 0:
            self.idle = 0
            self.watcher.worker_died(worker.number, worker.task)
        elif code and not worker.reported:
            said = worker.said.decode(errors="replace").strip().splitlines()
            why = said[-1] if said else f"exit code {code}"
            self.worker_failed(DverError("a worker of the queue failed", why=why, fix="dver doctor"))

    def worker_failed(self, error: DverError) -> None:
        """Start no more workers if the disk fails, or after several failures in a row. Git may fail once."""
        self.failures += 1
        if isinstance(error, LocalIOError) or self.failures >= _MOST_FAILURES:
            self.errors.append(error)

    def abandon(self) -> None:
        """Ask workers to end that are left after an error in this process. Their tasks are recorded."""
        for worker in self.workers.values():
            worker.process.send_signal(STOP)
            self.drain(worker)

    # -- signals

    def forward_requests(self) -> None:
        """Pass requests to end on to the workers."""
        kills = self.kills + max(0, self.requests - 1)
        if kills > self.sent_kills:
            self.sent_kills, self.sent_stop = kills, True
            self.watcher.stopping(kill=True)
            self.signal_workers(KILL)
        elif self.requests and not self.sent_stop:
            self.sent_stop = True
            self.watcher.stopping(kill=False)
            self.signal_workers(STOP)

    def signal_workers(self, number: signal.Signals) -> None:
        for worker in self.workers.values():
            with suppress(ProcessLookupError):
                worker.process.send_signal(number)

    @contextmanager
    def handling_signals(self) -> Iterator[None]:
        """Count requests to end instead of ending. Only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def request(*_: object) -> None:
            self.requests += 1

        def stop(*_: object) -> None:  # of `dver queue stop`, which may come repeatedly
            self.requests = max(1, self.requests)

        def kill(*_: object) -> None:
            self.kills += 1

        handlers = {STOP: stop, KILL: kill, **dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), request)}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def worker_environment(devices: tuple[str, ...], number: int, jobs: int) -> Mapping[str, str]:
    """The environment of a worker: each gets its own part of the GPUs, or shares one if there are fewer."""
    if not devices:
        return os.environ
    size = len(devices)
    own = devices[number * size // jobs : (number + 1) * size // jobs] or (devices[number % size],)
    return {**os.environ, DEVICES: ",".join(own)}


def _is_empty(pipe: int) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        return not selector.select(0)
