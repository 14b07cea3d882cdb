"""What a scan does with content: only hash it (`status`, `diff`), or keep it too (`add`)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Final

from blake3 import blake3

from dver.core.oid import Oid
from dver.core.progress import Task
from dver.store.loose import LinkMode
from dver.store.writer import LARGE, StoreWriter
from dver.worktree.scan import Candidate, Taken, open_unchanged
from dver.worktree.statcache import key_fields

_PIECE: Final = 4 << 20
_BATCH: Final = 8 << 20
"""Bytes of small files that are held in memory before they go to the store together."""


class HashOnly:
    """Hashes files; keeps nothing."""

    def files(self, candidates: Sequence[Candidate], task: Task) -> list[Taken]:
        """See `Intake`."""
        return [open_unchanged(candidate, lambda fd: hash_file(fd, task)) for candidate in candidates]

    def link(self, target: bytes) -> Oid:
        """See `Intake`."""
        return Oid.of(target)

    def tree(self, oid: Oid, content: bytes) -> None:
        """See `Intake`."""

    def lacking(self, oids: Iterable[Oid]) -> set[Oid]:
        """See `Intake`."""
        return set()


class KeepInStore:
    """Hashes files and keeps them in the store."""

    def __init__(self, writer: StoreWriter, mode: LinkMode) -> None:
        self._writer = writer
        self._mode = mode

    def files(self, candidates: Sequence[Candidate], task: Task) -> list[Taken]:
        """See `Intake`."""
        taken: list[Taken] = []
        batch: list[tuple[Oid, bytes]] = []
        batched = 0
        for candidate in candidates:
            size = key_fields(candidate.key).size
            if size > LARGE:
                taken.append(self._keep_large(candidate))
                task.advance(size)
                continue
            kept, content = _read_small(candidate)
            taken.append(kept)
            batch.append((kept.oid, content))
            batched += len(content)
            if batched >= _BATCH:
                self._writer.add_blobs(batch)
                task.advance(batched)
                batch, batched = [], 0
        self._writer.add_blobs(batch)
        task.advance(batched)
        return taken

    def link(self, target: bytes) -> Oid:
        """See `Intake`."""
        oid = Oid.of(target)
        self._writer.add_blobs([(oid, target)])
        return oid

    def tree(self, oid: Oid, content: bytes) -> None:
        """See `Intake`."""
        self._writer.add_tree(oid, content)

    def lacking(self, oids: Iterable[Oid]) -> set[Oid]:
        """See `Intake`."""
        return self._writer.lacking(oids)

    def _keep_large(self, candidate: Candidate) -> Taken:
        # A hard link from the store changes the ctime, and the mode to read-only, but no byte.
        identity = _content_times if self._mode is LinkMode.HARDLINK else bytes
        return open_unchanged(
            candidate, lambda fd: self._writer.add_large(fd, self._mode, path=candidate.path), identity=identity
        )


def _content_times(key: bytes) -> object:
    fields = key_fields(key)
    return fields.inode, fields.size, fields.mtime


def _read_small(candidate: Candidate) -> tuple[Taken, bytes]:
    content = b""
    size = key_fields(candidate.key).size

    def read(fd: int) -> Oid:
        nonlocal content
        # One byte more than expected, so that a file that grew is read whole, and one that did not with one call.
        content = os.read(fd, size + 1)
        if len(content) != size:
            content += b"".join(_pieces(fd))
        return Oid(blake3(content).digest())

    return open_unchanged(candidate, read), content


def hash_file(fd: int, task: Task | None = None) -> Oid:
    """The oid of the rest of an open file."""
    hasher = blake3(max_threads=blake3.AUTO)
    for piece in _pieces(fd):
        hasher.update(piece)
        if task is not None:
            task.advance(len(piece))
    return Oid(hasher.digest())


def _pieces(fd: int) -> Iterable[bytes]:
    while piece := os.read(fd, _PIECE):
        yield piece
