"""Replacing files that are linked to the store (`cache.link` hardlink, symlink) with writable copies."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from dver.core.files import read_pieces
from dver.core.hashing import large_hash
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress, Task
from dver.store.store import Store
from dver.workspace.files.staging import StagingDirs
from dver.workspace.state.store_links import StoreLinks


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """A file that shares its content with a loose blob of a store. Paths are absolute, `size` in bytes."""

    path: bytes
    source: bytes
    """The file with the content: the target of the link, or the file itself."""
    oid: Oid
    """The oid in the name of the blob."""
    size: int


@dataclass(frozen=True, slots=True)
class WritableCopy:
    """A file that is a writable copy now."""

    path: bytes
    edited: bool
    """Whether the file was edited while it was linked. Then the copy has the edits, and the store is damaged."""


def find_linked(paths: Iterable[bytes], store: Store) -> Iterator[LinkedFile]:
    """Files at or below the absolute `paths` with hard links to blobs of `store`, or symbolic links to any store."""
    inodes, links = store.loose.inodes(), StoreLinks(store)
    for path in paths:
        for file in _files(path):
            status = os.lstat(file)
            if (link := links.at(file, status)) is not None:
                yield LinkedFile(file, link.target, link.oid, links.size(link.oid) or 0)
            elif not stat.S_ISLNK(status.st_mode) and (oid := inodes.get((status.st_dev, status.st_ino))) is not None:
                yield LinkedFile(file, file, oid, status.st_size)


def make_private(
    files: Iterable[LinkedFile], store: Store, *, scratch: bytes, progress: Progress = SILENT
) -> list[WritableCopy]:
    """Replace each file with a writable copy of its current content, by one rename.

    Raises MissingObjectError or CorruptError if the content is missing or damaged, and leaves the file alone.
    """
    listed = list(files)
    done = []
    with StagingDirs(scratch) as stages, progress.task("copy", total=sum(file.size for file in listed)) as task:
        for file in listed:
            staged = os.path.join(stages.beside(os.path.dirname(file.path)), b"private")
            oid = _copy(file, store, staged, task)
            os.replace(staged, file.path)
            done.append(WritableCopy(file.path, edited=oid != file.oid))
    return done


def _copy(file: LinkedFile, store: Store, staged: bytes, task: Task) -> Oid:
    """Write the content of `file` to `staged` and return its oid."""
    hasher = large_hash()
    try:
        with open(staged, "xb") as copy:
            for piece in _content(file, store):
                copy.write(piece)
                hasher.update(piece)
                task.advance(len(piece))
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(staged)
        raise
    return Oid(hasher.digest())


def _content(file: LinkedFile, store: Store) -> Iterator[bytes]:
    if not os.path.exists(file.source):  # a link that leads nowhere, as after the clone was moved
        yield from store.stream(file.oid)
        return
    with open(file.source, "rb", buffering=0) as source:
        yield from read_pieces(source.fileno())


def _files(path: bytes) -> Iterator[bytes]:
    if not os.path.isdir(path) or os.path.islink(path):
        if os.path.lexists(path):
            yield path
        return
    for folder, directories, names in os.walk(path):
        directories.sort()
        yield from (os.path.join(folder, name) for name in sorted(names))
