"""Staging directories on the disk of the workspace, from which files are renamed into place.

A file or a whole directory appears in the workspace by one rename: complete or not at all. The staging directory is
below `.git`, where leftovers of a killed process do no harm; on another disk it is a hidden directory beside the
target. It is locked while in use. The next checkout deletes unlocked ones.
"""

from __future__ import annotations

import os
import shutil
from itertools import count
from typing import Final, Self

from dver.core.files import clear_leftovers, temporary_name
from dver.core.platform import filelock

_STEM: Final = "stage"


class StagingDirs:
    """One staging directory per disk. They are deleted when the `with` block ends."""

    def __init__(self, preferred: bytes) -> None:
        self._preferred = preferred
        self._folders: dict[int, bytes] = {}
        self._locks: list[int] = []
        self._numbers = count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for lock in self._locks:
            os.close(lock)
        for folder in self._folders.values():
            shutil.rmtree(folder, ignore_errors=True)

    def beside(self, folder: bytes) -> bytes:
        """A staging directory from which files can be renamed into `folder`."""
        device = os.stat(folder).st_dev
        if device not in self._folders:
            self._folders[device] = self._open(folder)
        return self._folders[device]

    def new_beside(self, folder: bytes) -> bytes:
        """A new path in such a staging directory."""
        return self.beside(folder) + b"/" + self.new_name()

    def new_name(self) -> bytes:
        """A name that these staging directories do not have yet."""
        return b"%d" % next(self._numbers)

    def _open(self, folder: bytes) -> bytes:
        os.makedirs(self._preferred, exist_ok=True)
        for parent in {self._preferred, folder}:
            clear_leftovers(parent)
        parent = self._preferred if _can_rename(self._preferred, folder) else folder
        stage = os.path.join(parent, os.fsencode(temporary_name(_STEM)))
        os.mkdir(stage)
        lock = os.open(stage, os.O_RDONLY)
        filelock.lock(lock, shared=True)
        self._locks.append(lock)
        return stage


def _can_rename(source: bytes, target: bytes) -> bool:
    """Whether files can be renamed between two directories.

    Equal device numbers are not enough: a rename across a bind mount fails too. The test renames a missing file: the
    kernel compares the mounts first, and a kill leaves no file behind.
    """
    if os.stat(source).st_dev != os.stat(target).st_dev:
        return False
    name = os.fsencode(temporary_name("probe"))
    try:
        os.rename(os.path.join(source, name), os.path.join(target, name))
    except FileNotFoundError:
        return True
    except OSError:
        return False
    raise AssertionError("a file with a random name exists")
