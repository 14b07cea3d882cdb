"""Leases: which process runs an experiment now.

A lease is a lock of the kernel on a file, which names the process. The kernel releases it when the process ends,
however it ends, so no lease is ever stale. The file of a killed process stays behind unlocked, and says how often the
experiment was tried.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from dver.core.platform import filelock
from dver.core.platform.machine import host_name

FOLDER: Final = "running"
_MOST_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """The process that runs an experiment."""

    pid: int
    host: str
    worktree: str
    """The top of the Git worktree in which it runs."""
    since: float
    """Seconds since the epoch."""
    attempt: int = 1
    """1, and one more for each process that died while it ran this experiment."""


class Lease:
    """The lease of the experiment with the id `experiment`; `directory` is `Journal.directory`."""

    def __init__(self, directory: Path, experiment: str) -> None:
        self._path = directory / FOLDER / experiment
        self._fd: int | None = None
        self.attempt = 0
        """The number of this attempt, once the lease is acquired."""
        self.last: LeaseHolder | None = None
        """The process that died while it ran the experiment, if one did; once the lease is acquired."""

    def try_acquire(self, worktree: Path) -> bool:
        """Acquire the lease for a run in `worktree`. Returns False if another process has it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = _open_locked(self._path)
        if fd is None:
            return False
        last = self.last = _decode(os.pread(fd, _MOST_BYTES, 0))
        self._fd, self.attempt = fd, last.attempt + 1 if last is not None else 1
        holder = LeaseHolder(os.getpid(), host_name(), os.fspath(worktree), time.time(), self.attempt)
        content = json.dumps(asdict(holder)).encode()
        os.ftruncate(fd, 0)
        os.pwrite(fd, content, 0)
        return True

    def beat(self) -> None:
        """Show that the process is alive, to readers that cannot see its lock: the file gets a new mtime."""
        if self._fd is not None:
            with suppress(OSError):
                os.utime(self._fd)

    def release(self) -> None:
        """Release the lease of an experiment that has ended, and delete its file."""
        if self._fd is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            self.abandon()

    def abandon(self) -> None:
        """Release the lease and keep its file, as a killed process would."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def running(directory: Path) -> dict[str, LeaseHolder]:
    """The experiments that a process runs now, by id. `directory` is `Journal.directory`."""
    found: dict[str, LeaseHolder] = {}
    with suppress(FileNotFoundError), os.scandir(directory / FOLDER) as listing:
        for entry in listing:
            holder = _holder(Path(entry.path))
            if holder is not None:
                found[entry.name] = holder
    return found


def _holder(path: Path) -> LeaseHolder | None:
    """The process that holds the lease in `path`; None if no process does."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if filelock.try_lock(fd, shared=True):
            return None
        return _decode(os.pread(fd, _MOST_BYTES, 0))
    finally:
        os.close(fd)


def _open_locked(path: Path) -> int | None:
    """The file at `path`, open and locked; None if another process has locked it."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if not _try_lock(fd):
            os.close(fd)
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(fd), os.stat(path)):
                return fd
        os.close(fd)  # the last holder deleted it meanwhile


def _try_lock(fd: int) -> bool:
    """Lock `fd`, unless a process runs the experiment. Readers hold the lock only for a moment."""
    for _ in range(20):
        if filelock.try_lock(fd):
            return True
        if _decode(os.pread(fd, _MOST_BYTES, 0)) is not None and not filelock.try_lock(fd, shared=True):
            return False
        filelock.unlock(fd)
        time.sleep(0.005)
    return False


def _decode(content: bytes) -> LeaseHolder | None:
    try:
        return LeaseHolder(**json.loads(content))
    except (ValueError, TypeError):
        return None
