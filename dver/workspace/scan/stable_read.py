"""Reads of files that other programs may write: a file that changes meanwhile is read again, or refused."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import Final, NamedTuple

from dver.core.errors import ConflictError
from dver.core.files import GrowingError
from dver.core.oid import Oid
from dver.workspace.scan.stat_cache import stat_key

_TRIES: Final = 3


class FileToRead(NamedTuple):
    """A file without a known oid: its absolute path and its `lstat`."""

    path: bytes
    key: bytes


class HashedFile(NamedTuple):
    """A file's oid, and its `fstat` after it was read to the end."""

    oid: Oid
    key: bytes


def open_unchanged(
    candidate: FileToRead, read: Callable[[int], Oid], *, identity: Callable[[bytes], object] = bytes
) -> HashedFile:
    """Call `read` with an open file, again if the file changes meanwhile.

    Raises ConflictError if it keeps changing. `identity` selects the parts of the stat key to compare; it leaves out
    those that `read` itself changes.
    """
    expected = candidate.key
    for _ in range(_TRIES):
        # O_NONBLOCK: had the file become a FIFO since it was listed, opening it would wait for ever.
        fd = os.open(candidate.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise changing(os.fsdecode(candidate.path))
            oid = read(fd)
            key = stat_key(os.fstat(fd))
        except GrowingError:
            continue
        finally:
            os.close(fd)
        if identity(key) == identity(expected):
            return HashedFile(oid, key)
        expected = key
    raise ConflictError(
        f"{os.fsdecode(candidate.path)!r} keeps changing",
        why=f"it was written to during each of {_TRIES} tries to read it",
        fix="wait until the program that writes it is done",
    )


def changing(path: str) -> ConflictError:
    """The error for a path that was replaced or deleted during the read."""
    return ConflictError(
        f"{path!r} was replaced or deleted while it was read",
        why="another program works on the data",
        fix="run the same command again when it is done",
    )
