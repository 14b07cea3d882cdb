"""A pool of forked processes that share work: reading, hashing and writing thousands of small files.

Such work is system calls and short computations. Python's threads do them one at a time, processes in parallel. The
pool is forked before this process starts threads. It gets its jobs through pipes, and ends with this process.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, pairwise
from types import TracebackType
from typing import Any, Final, Protocol, Self

from dver.core.errors import DverError, LocalIOError
from dver.core.platform.machine import available_cpus, can_fork

MAX_SIZE: Final = 8
"""The largest number of processes, including this one: more do not make the disk faster."""
_HEADER: Final = 9


Report = Callable[[int], None]
"""Called with an amount of finished work while the job runs."""


class Worker(Protocol):
    """Does the jobs of one process. Jobs and answers consist of bytes, numbers, tuples and lists."""

    def do(self, job: Any, report: Report) -> Any:
        """Do a job, and return the answer."""

    def finish(self) -> None:
        """Complete unfinished work: there are no more jobs."""


@dataclass(frozen=True, slots=True)
class _Member:
    pid: int
    to: int
    answers: int


def _ignore(amount: int) -> None:
    """Ignore reports."""


class WorkerPool:
    """Forked processes, each with a worker made by `start`. It is empty where forking is not safe."""

    def __init__(self, start: Callable[[], Worker], *, size: int | None = None, killable: bool = False) -> None:
        """`killable`: the workers write no files, so that an error or Ctrl-C here may end them in a job."""
        self._killable = killable
        self._members: list[_Member] = []
        self._arrived: dict[int, tuple[bytes, bytes] | None] = {}
        """Answers that arrived between reports, by their pipe."""
        self._working: set[int] = set()
        """The pipes of members without an answer yet."""
        for _ in range(_possible(size) - 1):
            self._members.append(self._fork(start))

    def __len__(self) -> int:
        return len(self._members)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
        else:
            self.abandon()

    def start_jobs(self, jobs: Sequence[Any]) -> None:
        """Give each member one of `jobs`: at most one job per member."""
        for member, job in zip(self._members, jobs, strict=False):
            self._start(member, job)

    def relay_reports(self, report: Report, *, wait: bool = False) -> None:
        """Pass the reports of the members to `report`. With `wait`, wait for the first message."""
        poll = select.poll()
        for pipe in self._working:
            poll.register(pipe, select.POLLIN)
        for pipe, _ in poll.poll(None if wait else 0) if self._working else ():
            message = _receive(pipe)
            if message is not None and message[0] == b"R":
                report(marshal.loads(message[1]))  # noqa: S302 - our own process wrote it
            else:
                self._arrived[pipe] = message
                self._working.remove(pipe)

    def answers(self, count: int, report: Report = _ignore) -> list[Any]:
        """The answers to the last `count` jobs, in order. `report` is called while they run.

        Raises the error of a worker.
        """
        while self._working:
            self.relay_reports(report, wait=True)
        return [_content(self._arrived.pop(member.answers)) for member in self._members[:count]]

    def answers_as_they_come(self, jobs: Iterable[Any]) -> Iterator[Any]:
        """The answers to any number of jobs. A member that has done one gets the next.

        Raises the error of a worker.
        """
        left = iter(jobs)
        self.start_jobs(list(islice(left, len(self._members))))
        while self._working:
            self.relay_reports(_ignore, wait=True)
            for member in self._members:
                if member.answers in self._arrived:
                    message = self._arrived.pop(member.answers)
                    for job in islice(left, 1):
                        self._start(member, job)
                    yield _content(message)

    def finish(self) -> None:
        """Let all workers complete their work, and end them."""
        members, self._members = self._members, []
        try:
            for member in members:
                _send(member.to, b"F", b"")
            for member in members:
                _content(_receive(member.answers))
        finally:
            _reap(members)

    def abandon(self) -> None:
        """End the workers: at once, or after their jobs if they are not killable."""
        members, self._members = self._members, []
        if self._killable:
            for member in members:
                os.kill(member.pid, signal.SIGKILL)
        _reap(members)

    def _start(self, member: _Member, job: Any) -> None:
        _send(member.to, b"J", marshal.dumps(job))
        self._working.add(member.answers)

    def _fork(self, start: Callable[[], Worker]) -> _Member:
        jobs, to = os.pipe()
        answers, out = os.pipe()
        pid = _fork()
        if pid == 0:
            status = 1
            with suppress(BaseException):
                os.close(to)
                os.close(answers)
                for other in self._members:  # or the pipes would stay open when the first process dies
                    os.close(other.to)
                    os.close(other.answers)
                _serve(start, jobs, out)
                status = 0
            os._exit(status)
        os.close(jobs)
        os.close(out)
        return _Member(pid, to, answers)


def no_workers() -> WorkerPool:
    """A pool without members, for a process with other threads, which must not fork."""
    return WorkerPool(_no_worker, size=1)


def _no_worker() -> Worker:
    raise AssertionError("a pool without members starts no worker")


def split_evenly(items: Sequence[Any], parts: int) -> list[Sequence[Any]]:
    """`items` split into `parts` runs of about the same length."""
    size, extra = divmod(len(items), parts)
    bounds = [part * size + min(part, extra) for part in range(parts + 1)]
    return [items[start:end] for start, end in pairwise(bounds)]


def _possible(size: int | None) -> int:
    return min(size or available_cpus() or 1, MAX_SIZE) if can_fork() else 1


def _fork() -> int:
    """Fork with Ctrl-C blocked, or Python would print a traceback and go on. In the child it stays blocked."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    pid = -1
    try:
        pid = os.fork()
    finally:
        if pid:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _serve(start: Callable[[], Worker], jobs: int, out: int) -> None:
    # Ctrl-C reaches all processes of the group: the first one decides, and closes our pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    worker = start()

    def report(amount: int) -> None:
        _send(out, b"R", marshal.dumps(amount))

    while (message := _receive(jobs)) is not None:
        kind, body = message
        try:
            if kind == b"F":
                worker.finish()
                _send(out, b"A", marshal.dumps(None))
                return
            answer = marshal.dumps(worker.do(marshal.loads(body), report))  # noqa: S302 - our own process wrote it
            _send(out, b"A", answer)
        except (DverError, OSError) as error:
            import pickle

            _send(out, b"E", pickle.dumps(error))


def _content(message: tuple[bytes, bytes] | None) -> Any:
    """The answer in `message`. Raises the error of a worker."""
    if message is None:
        raise LocalIOError(
            "a worker process died", why="it was killed, or memory ran out", fix="run the same command again"
        )
    kind, body = message
    if kind == b"E":
        import pickle

        raise pickle.loads(body)  # noqa: S301 - our own process wrote it
    return marshal.loads(body)  # noqa: S302


def _reap(members: Sequence[_Member]) -> None:
    for member in members:
        os.close(member.to)
        os.close(member.answers)
    for member in members:
        with suppress(ChildProcessError):
            os.waitpid(member.pid, 0)


def _send(fd: int, kind: bytes, body: bytes) -> None:
    message = memoryview(kind + len(body).to_bytes(8, "little") + body)
    while message:
        message = message[os.write(fd, message) :]


def _receive(fd: int) -> tuple[bytes, bytes] | None:
    """The next message; None when the other side has gone."""
    header = _read(fd, _HEADER)
    if len(header) < _HEADER:
        return None
    length = int.from_bytes(header[1:], "little")
    body = _read(fd, length)
    return (header[:1], body) if len(body) == length else None


def _read(fd: int, length: int) -> bytes:
    parts = []
    while length and (part := os.read(fd, min(length, 1 << 20))):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
