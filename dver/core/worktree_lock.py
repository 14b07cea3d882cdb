"""The lock of a worktree: a lock of the kernel on a file that names the process that holds it."""

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
    """The process that holds a lock, as far as it is known."""

    pid: int | None = None
    """None for a process of another machine or container, or one that has not written its id yet."""
    command: str = ""
    stopped: bool = False
    """Is it stopped, as by Ctrl-Z?"""

    def __str__(self) -> str:
        if self.pid is None:
            return "another dver process"
        return f"{'the stopped ' if self.stopped else ''}process {self.pid} ({self.command})"

    @property
    def remedy(self) -> str:
        """The command or action that frees the lock."""
        if self.stopped:
            return f"kill -CONT {self.pid}   (it continues), then run the same command again"
        return "wait until it has ended, then run the same command again"


@dataclass(frozen=True, slots=True)
class Waiting:
    """How to wait while another process holds a lock. Times in seconds."""

    report: Callable[[LockHolder], None] = lambda holder: None
    """Called once, after `report_after`."""
    report_after: float = 3.0
    patience: float | None = None
    """The longest wait; None for no limit."""


waiting: Final[ContextVar[Waiting]] = ContextVar("waiting")
"""How this process waits for locks; the command line sets it. The default is without limit and without a report."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path` in the block. Wait for another holder, as `waiting` says.

    The kernel releases the lock when the process ends, however it ends, so no lock is ever stale. The file names the
    holder for messages only. Raises ConflictError after the longest wait.
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
                "another dver process is using this worktree", why=f"{holder} holds its lock", fix=holder.remedy
            )
        if not reported and waited >= how.report_after:
            reported = True
            how.report(_holder(fd))
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _sign(fd: int) -> None:
    """Write this process into the file. Errors, such as a full disk, are ignored."""
    text = f"{os.getpid()} {process_space()} {command_line()}"
    with suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, os.fsencode(text)[:_HOLDER_MAX], 0)


def _holder(fd: int) -> LockHolder:
    fields = os.fsdecode(os.pread(fd, _HOLDER_MAX, 0)).split(" ", 2)
    if len(fields) == 3 and fields[0].isdecimal() and fields[1] == process_space() and is_alive(int(fields[0])):
        return LockHolder(int(fields[0]), fields[2], is_stopped(int(fields[0])))
    return LockHolder()
