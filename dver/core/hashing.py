"""Hashing what is large: with all processors."""

from __future__ import annotations

from blake3 import blake3

from dver.core.files import read_pieces
from dver.core.oid import Oid
from dver.core.progress import Task

THREADS = blake3.AUTO
"""How many threads hash one object. In a process that was forked from one that has hashed already it must be 1: the
threads of BLAKE3 do not live on there, and it would wait for them for ever."""


def large_hash() -> blake3:
    """A new hash, for content that comes in pieces of some MiB."""
    return blake3(max_threads=THREADS)


def hash_file(fd: int, task: Task | None = None) -> Oid:
    """The oid of an open file. `task` is told of the bytes as they are read."""
    hasher = large_hash()
    for piece in read_pieces(fd):
        hasher.update(piece)
        if task is not None:
            task.advance(len(piece))
    return Oid(hasher.digest())
