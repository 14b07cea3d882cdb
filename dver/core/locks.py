"""A lock of the kernel on a file, and which process holds it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.core.errors import ConflictError
from dver.core.platform.filelock import try_lock
from dver.core.platform.processes import command_line, is_alive, is_stopped, process_space

_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 0.25
_HOLDER_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The process that holds a lock, as far as is known."""

    pid: int | None = None
    """None for a process of another machine or container, or one that has not said so yet."""
    command: str = ""
    stopped: bool = False
    """Was it stopped, as Ctrl-Z does?"""

    def __str__(self) -> str:
        if self.pid is None:
            return "another dver process"
        return f"{'the stopped ' if self.stopped else ''}process {self.pid} ({self.command})"

    @property
    def remedy(self) -> str:
        """What frees the lock."""
        if self.stopped:
            return f"kill -CONT {self.pid}   (it goes on), then run the same command again"
        return "wait until it has ended, then run the same command again"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What happens while another process holds a lock. Times in seconds."""

    report: Callable[[LockHolder], None] = lambda holder: None
    """Called once, after `report_after`."""
    report_after: float = 3.0
    patience: float | None = None
    """When to give up; None for never."""


waiting: Final[ContextVar[Waiting]] = ContextVar("waiting")
"""How this process waits for locks, which the command line says. By default for ever, and silently."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path` while the block runs; wait for another holder, as `waiting` says.

    The lock is the kernel's and ends with the process, however it ends, so no stale lock is ever left. What the file
    says of its holder is for messages alone. Raises ConflictError when patience ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        if not try_lock(fd):
            _wait(fd, waiting.get(Waiting()))
        _sign(fd)
        yield
    finally:
        os.close(fd)


def _wait(fd: int, how: Waiting) -> None:
    began, pause, reported = time.monotonic(), _FIRST_PAUSE, False
    while not try_lock(fd):
        waited = time.monotonic() - began
        if how.patience is not None and waited >= how.patience:
            holder = _holder(fd)
            raise ConflictError(
                "another dver process works on this worktree", why=f"{holder} holds its lock", fix=holder.remedy
            )
        if not reported and waited >= how.report_after:
            reported = True
            how.report(_holder(fd))
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _sign(fd: int) -> None:
    """Say in the file who holds the lock. A full disk is no reason to fail."""
    text = f"{os.getpid()} {process_space()} {command_line()}"
    with suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, os.fsencode(text)[:_HOLDER_MAX], 0)


def _holder(fd: int) -> LockHolder:
    fields = os.fsdecode(os.pread(fd, _HOLDER_MAX, 0)).split(" ", 2)
    if len(fields) == 3 and fields[0].isdecimal() and fields[1] == process_space() and is_alive(int(fields[0])):
        return LockHolder(int(fields[0]), fields[2], is_stopped(int(fields[0])))
    return LockHolder()
