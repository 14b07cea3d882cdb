"""Locks on runs of stages, by run key: of several processes with the same run, one executes it and the others wait.

The kernel releases the lock of a process that ends, however it ends.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from dver.core.platform import filelock
from dver.pipelines.engine.graph import Address


class RunLocks:
    """The locks of this process on runs of stages. `directory` holds a file for each locked run key."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: dict[Address, tuple[Path, int]] = {}

    def try_acquire(self, address: Address, key: str) -> bool:
        """Lock the run `key` for a stage. Returns False if another process executes the same run."""
        if address in self._held:
            return True
        path = self._directory / key
        try:
            fd = _open_locked(path)
        except OSError:  # a full disk or a file system without locks: the stage may run twice, which is harmless
            return True
        if fd is None:
            return False
        self._held[address] = path, fd
        return True

    def release(self, address: Address) -> None:
        """Release the lock of a stage, if it has one."""
        if address in self._held:
            path, fd = self._held.pop(address)
            with suppress(OSError):
                path.unlink(missing_ok=True)
            os.close(fd)

    def release_all(self) -> None:
        """Release all locks, for a run that was interrupted."""
        for address in list(self._held):
            self.release(address)


def _open_locked(path: Path) -> int | None:
    """The file at `path`, open and locked; None if another process has locked it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            if not filelock.try_lock(fd):
                os.close(fd)
                return None
            if os.path.samestat(os.fstat(fd), os.stat(path)):
                return fd
        except FileNotFoundError:
            pass  # the last holder deleted it meanwhile
        except OSError:
            os.close(fd)
            raise
        os.close(fd)
