"""Hashing large content with all processors."""

from __future__ import annotations

import os

from blake3 import blake3

from dver.core.files import read_pieces
from dver.core.oid import Oid
from dver.core.progress import Task

THREADS = blake3.AUTO
"""The number of threads that hash one object.

It is 1 in a forked process: the threads of BLAKE3 do not exist there, and it would wait for them forever."""


def _hash_with_one_thread() -> None:
    global THREADS
    THREADS = 1


os.register_at_fork(after_in_child=_hash_with_one_thread)


def large_hash() -> blake3:
    """A new hash for content that comes in pieces of some MiB."""
    return blake3(max_threads=THREADS)


def hash_file(fd: int, task: Task | None = None) -> Oid:
    """The oid of the open file `fd`. `task` advances with the bytes read."""
    hasher = large_hash()
    for piece in read_pieces(fd):
        hasher.update(piece)
        if task is not None:
            task.advance(len(piece))
    return Oid(hasher.digest())
