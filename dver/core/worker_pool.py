"""Copies of this process that take a share of the work: reading, hashing and writing thousands of small files.

Such work is system calls and short computations, which Python's threads do one at a time; processes do them side by
side. The crew is forked when nothing else runs in this process, gets its jobs through pipes, and ends with it.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Any, Final, Protocol, Self

from dver.core.errors import DverError, LocalIOError
from dver.core.platform.machine import available_cpus, can_fork

MAX_SIZE: Final = 8
"""Processes at most, this one among them: beyond that the disk has enough to do."""
_HEADER: Final = 9


Report = Callable[[int], None]
"""Called with an amount of work that is done, while the rest of the job goes on."""


class Worker(Protocol):
    """What a member of the crew does. Jobs and answers are made of bytes, numbers, tuples and lists."""

    def do(self, job: Any, report: Report) -> Any:
        """Do a job; the answer."""

    def finish(self) -> None:
        """There are no more jobs: complete what was begun."""


@dataclass(frozen=True, slots=True)
class _Member:
    pid: int
    to: int
    answers: int


def _ignore(amount: int) -> None:
    """For jobs of which nobody follows the progress."""


class WorkerPool:
    """Forked processes, each with a worker that `start` makes in it; none where forking is not safe."""

    def __init__(self, start: Callable[[], Worker], *, size: int | None = None) -> None:
        self._members: list[_Member] = []
        self._arrived: dict[int, tuple[bytes, bytes] | None] = {}
        """Answers that came while reports were read, by the pipe that they came through."""
        self._working: set[int] = set()
        """The pipes of members whose answer has not come."""
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

    def begin(self, jobs: Sequence[Any]) -> None:
        """Give each member one of `jobs`, at most as many as there are members."""
        for member, job in zip(self._members, jobs, strict=False):
            _send(member.to, b"J", marshal.dumps(job))
            self._working.add(member.answers)

    def pass_on(self, report: Report, *, wait: bool = False) -> None:
        """Pass on what members have reported by now; with `wait`, once there is anything from one of them."""
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
        """The answers to the last `count` jobs, in order; meanwhile, `report` learns of what is done.

        Raises what a worker raised.
        """
        while self._working:
            self.pass_on(report, wait=True)
        return [_content(self._arrived.pop(member.answers)) for member in self._members[:count]]

    def finish(self) -> None:
        """Have all workers complete what they began, and end."""
        members, self._members = self._members, []
        try:
            for member in members:
                _send(member.to, b"F", b"")
            for member in members:
                _content(_receive(member.answers))
        finally:
            _part(members)

    def abandon(self) -> None:
        """End the workers where they are."""
        members, self._members = self._members, []
        _part(members)

    def _fork(self, start: Callable[[], Worker]) -> _Member:
        jobs, to = os.pipe()
        answers, out = os.pipe()
        pid = _fork()
        if pid == 0:
            status = 1
            with suppress(BaseException):
                os.close(to)
                os.close(answers)
                for other in self._members:  # or their ends would stay open when the first process dies
                    os.close(other.to)
                    os.close(other.answers)
                _serve(start, jobs, out)
                status = 0
            os._exit(status)
        os.close(jobs)
        os.close(out)
        return _Member(pid, to, answers)


def no_workers() -> WorkerPool:
    """A crew without members, for where nobody may be forked: beside other threads."""
    return WorkerPool(_no_worker, size=1)


def _no_worker() -> Worker:
    raise AssertionError("a crew without members starts no worker")


def split_evenly(items: Sequence[Any], parts: int) -> list[Sequence[Any]]:
    """`items` cut into as many runs of about the same length."""
    size, extra = divmod(len(items), parts)
    bounds = [part * size + min(part, extra) for part in range(parts + 1)]
    return [items[start:end] for start, end in pairwise(bounds)]


def _possible(size: int | None) -> int:
    return min(size or available_cpus() or 1, MAX_SIZE) if can_fork() else 1


def _fork() -> int:
    """`os.fork`, for the time of which Ctrl-C waits: Python would print a traceback and go on. In the child it still
    waits afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    pid = -1
    try:
        pid = os.fork()
    finally:
        if pid:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _serve(start: Callable[[], Worker], jobs: int, out: int) -> None:
    # Ctrl-C reaches the whole group: the first process decides, and closes our pipe.
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
    """The answer in `message`. Raises what a worker raised."""
    if message is None:
        raise LocalIOError(
            "a process that helped with the work has died", why="it was killed, or memory ran out", fix="try again"
        )
    kind, body = message
    if kind == b"E":
        import pickle

        raise pickle.loads(body)  # noqa: S301 - our own process wrote it
    return marshal.loads(body)  # noqa: S302


def _part(members: Sequence[_Member]) -> None:
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
