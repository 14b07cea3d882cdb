"""A place on the workspace's own disk where files are made before they are moved to where they belong.

A file, or a whole directory, appears in the workspace by one rename: complete or not at all. The place is a folder
below `.git`, where nobody sees what a killed process left; or, where that is another disk, a hidden one beside the
target. It is locked while it is used: one that nobody locks is left over, and the next checkout clears it away.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from dver.core.fsutil import temporary_name
from dver.worktree.ignore import is_temporary

_STEM: Final = "stage"


class Stages:
    """One staging folder for each disk that is written to. They are gone when the `with` block ends."""

    def __init__(self, preferred: bytes) -> None:
        self._preferred = preferred
        self._folders: dict[int, bytes] = {}
        self._locks: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for lock in self._locks:
            os.close(lock)
        for folder in self._folders.values():
            shutil.rmtree(folder, ignore_errors=True)

    def beside(self, folder: bytes) -> bytes:
        """A staging folder from which files can be renamed into `folder`."""
        device = os.stat(folder).st_dev
        if device not in self._folders:
            self._folders[device] = self._open(folder)
        return self._folders[device]

    def _open(self, folder: bytes) -> bytes:
        os.makedirs(self._preferred, exist_ok=True)
        for parent in {self._preferred, folder}:
            clear_leftovers(parent)
        parent = self._preferred if _can_rename(self._preferred, folder) else folder
        stage = os.path.join(parent, os.fsencode(temporary_name(_STEM)))
        os.mkdir(stage)
        lock = os.open(stage, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_SH)
        self._locks.append(lock)
        return stage


def clear_leftovers(parent: bytes) -> None:
    """Delete what dver left in `parent` when it was killed."""
    with os.scandir(parent) as listing:
        leftovers = [entry.path for entry in listing if is_temporary(entry.name)]
    for path in leftovers:
        with suppress(OSError):
            lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _delete(path)
            finally:
                os.close(lock)


def _delete(path: bytes) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        os.unlink(path)


def _can_rename(source: bytes, target: bytes) -> bool:
    """Equal device numbers are not enough: a rename across a bind mount fails all the same. So one is tried."""
    if os.stat(source).st_dev != os.stat(target).st_dev:
        return False
    name = os.fsencode(temporary_name("probe"))
    probe = os.path.join(source, name)
    os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    moved = os.path.join(target, name)
    try:
        os.rename(probe, moved)
    except OSError:
        os.unlink(probe)
        return False
    os.unlink(moved)
    return True
