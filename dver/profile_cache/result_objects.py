"""The objects of a profile while it is made: in the store, or in a temporary file until they are kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from tempfile import TemporaryFile
from typing import Final, Protocol

from dver.core.oid import Oid
from dver.profile_cache.kept_objects import read_blob
from dver.repo import Repository
from dver.store.writer import StoreWriter

_AT_ONCE: Final = 32 << 20
"""Bytes of blobs that are kept in memory until their pack is finished."""


class ResultObjects(Protocol):
    """Takes the objects of a profile."""

    def add_blob(self, content: bytes) -> Oid:
        """Add a blob."""
        ...

    def add_tree(self, oid: Oid, content: bytes) -> None:
        """Add a tree."""
        ...

    def read(self, oid: Oid) -> bytes | None:
        """A blob that was added here, or that is in the store; None if it is missing or damaged."""
        ...


class StoredObjects:
    """Objects that go to the store at once."""

    def __init__(self, repo: Repository, writer: StoreWriter) -> None:
        self._repo = repo
        self._writer = writer
        self._recent: dict[Oid, bytes] = {}
        self._size = 0
        self.add_tree: Callable[[Oid, bytes], None] = writer.add_tree

    def add_blob(self, content: bytes) -> Oid:
        """See `ResultObjects`."""
        oid, _ = self._writer.add_blob([content])
        self._recent[oid] = content
        self._size += len(content)
        if self._size > _AT_ONCE:
            self._writer.finish()
            self._recent.clear()
            self._size = 0
        return oid

    def read(self, oid: Oid) -> bytes | None:
        """See `ResultObjects`."""
        found = self._recent.get(oid)
        return found if found is not None else read_blob(self._repo, oid)


class UnstoredObjects:
    """Objects in an unnamed file, which a profile may need again and no store has. `store` moves them to a store."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        folder = repo.layout.clone_dir
        # The memory of a process may be too small for the profiles of a thousand files, and so may be /tmp.
        self._file = TemporaryFile(dir=folder if os.access(folder, os.W_OK) else None)  # noqa: SIM115
        self._blobs: dict[Oid, tuple[int, int]] = {}
        self._trees: dict[Oid, bytes] = {}

    def add_blob(self, content: bytes) -> Oid:
        """See `ResultObjects`."""
        oid = Oid.of(content)
        if oid not in self._blobs:
            start = self._file.seek(0, os.SEEK_END)
            self._file.write(content)
            self._blobs[oid] = (start, len(content))
        return oid

    def add_tree(self, oid: Oid, content: bytes) -> None:
        """See `ResultObjects`."""
        self._trees[oid] = content

    def read(self, oid: Oid) -> bytes | None:
        """See `ResultObjects`."""
        if oid not in self._blobs:
            return read_blob(self._repo, oid)
        start, size = self._blobs[oid]
        self._file.seek(start)
        return self._file.read(size)

    def store(self, writer: StoreWriter) -> None:
        """Add all objects to a store."""
        for oid in self._blobs:
            content = self.read(oid)
            assert content is not None
            writer.add_blob([content])
        for oid, content in self._trees.items():
            writer.add_tree(oid, content)
