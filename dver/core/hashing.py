"""Hashing open files."""

from __future__ import annotations

from blake3 import blake3

from dver.core.fsutil import read_pieces
from dver.core.oid import Oid
from dver.core.progress import Task


def hash_file(fd: int, task: Task | None = None) -> Oid:
    """The oid of an open file. `task` is told of the bytes as they are read."""
    hasher = blake3(max_threads=blake3.AUTO)
    for piece in read_pieces(fd):
        hasher.update(piece)
        if task is not None:
            task.advance(len(piece))
    return Oid(hasher.digest())
