"""The content of scanned files: hashed only (`status`, `diff`), or stored too (`add`)."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Self

from blake3 import blake3

from dver.core.batches import batched_by_size
from dver.core.files import read_pieces
from dver.core.hashing import hash_file
from dver.core.oid import Oid
from dver.core.progress import Task
from dver.core.worker_pool import Report, WorkerPool, split_evenly
from dver.store.objects.database import Database
from dver.store.objects.file_creation import PRIVATE, Sharing
from dver.store.objects.loose import LinkMode
from dver.store.store import Store
from dver.store.writer import LARGE, StoreWriter
from dver.workspace.scan.stable_read import FileToRead, HashedFile, open_unchanged
from dver.workspace.scan.stat_cache import key_fields
from dver.workspace.state.store_links import edited

_WORTH_SHARING: Final = 64
"""The smallest number of files for which the worker pool pays off."""
_BATCH: Final = 8 << 20
"""Bytes of small files held in memory before they are stored together."""


class HashOnly:
    """Hashes files and stores nothing."""

    def files(self, candidates: Sequence[FileToRead], task: Task) -> list[HashedFile]:
        """See `Intake`."""
        return [open_unchanged(candidate, lambda fd: hash_file(fd, task)) for candidate in candidates]

    def linked(self, candidate: FileToRead, task: Task) -> HashedFile:
        """See `Intake`."""
        return self.files([candidate], task)[0]

    def link(self, target: bytes) -> Oid:
        """See `Intake`."""
        return Oid.of(target)

    def tree(self, oid: Oid, content: bytes) -> None:
        """See `Intake`."""

    def missing(self, oids: Callable[[], Iterable[Oid]]) -> set[Oid]:
        """See `Intake`."""
        return set()


class KeepInStore:
    """Hashes and stores files, with the help of a worker pool. Use it in a `with` block.

    Objects stored by the pool can be found when the block has ended without an error, before the writer's block ends.
    """

    def __init__(self, writer: StoreWriter, mode: LinkMode, pool: WorkerPool) -> None:
        self._writer = writer
        self._mode = mode
        self._pool = pool
        self._kept_by_pool: set[Oid] = set()
        self._inodes: dict[tuple[int, int], Oid] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            helped = len(self._pool) > 0
            self._pool.finish()
            if helped:  # this process does not know the objects of its workers yet
                self._writer.store.refresh()

    def files(self, candidates: Sequence[FileToRead], task: Task) -> list[HashedFile]:
        """See `Intake`."""
        large = {at for at, one in enumerate(candidates) if key_fields(one.key).size > LARGE}
        small = iter(self._keep_small([one for at, one in enumerate(candidates) if at not in large], task))
        return [
            self._keep_large(candidate, task) if at in large else next(small) for at, candidate in enumerate(candidates)
        ]

    def linked(self, candidate: FileToRead, task: Task) -> HashedFile:
        """See `Intake`."""
        return open_unchanged(candidate, lambda fd: hash_file(fd, task))

    def link(self, target: bytes) -> Oid:
        """See `Intake`."""
        oid = Oid.of(target)
        self._writer.add_blobs([(oid, target)])
        return oid

    def tree(self, oid: Oid, content: bytes) -> None:
        """See `Intake`."""
        self._writer.add_tree(oid, content)

    def missing(self, oids: Callable[[], Iterable[Oid]]) -> set[Oid]:
        """See `Intake`."""
        return self._writer.missing(oids()) - self._kept_by_pool

    def _keep_small(self, candidates: Sequence[FileToRead], task: Task) -> list[HashedFile]:
        if len(candidates) < _WORTH_SHARING or not len(self._pool):
            return keep_small(self._writer, candidates, task.advance)
        own, *others = split_evenly(candidates, len(self._pool) + 1)
        self._pool.start_jobs([[tuple(candidate) for candidate in part] for part in others])

        def report(amount: int) -> None:
            task.advance(amount)
            self._pool.relay_reports(task.advance)

        hashed = keep_small(self._writer, own, report)
        for answer in self._pool.answers(len(others), task.advance):
            for oid, key in answer:
                hashed.append(HashedFile(Oid(oid), key))
                self._kept_by_pool.add(hashed[-1].oid)
        return hashed

    def _keep_large(self, candidate: FileToRead, task: Task) -> HashedFile:
        mode = self._mode
        if mode is LinkMode.HARDLINK and key_fields(candidate.key).mode & stat.S_IXUSR:
            mode = LinkMode.AUTO  # an executable cannot share the mode of the store's files
        # A hard link from the store changes the ctime, and the mode to read-only, but no byte.
        identity = _content_times if mode is LinkMode.HARDLINK else bytes
        reported = _AtMost(task, key_fields(candidate.key).size)
        hashed = open_unchanged(
            candidate,
            lambda fd: self._writer.add_large(fd, mode, path=candidate.path, read=reported.advance),
            identity=identity,
        )
        reported.finish(key_fields(hashed.key).size)
        self._refuse_edited(candidate.path, hashed)
        return hashed

    def _refuse_edited(self, path: bytes, hashed: HashedFile) -> None:
        """Raise CorruptError for a hard link to a blob of the store whose content does not match its name."""
        status = os.stat(path)
        if status.st_nlink > 1:
            inodes = self._inodes = self._inodes or self._writer.store.loose.inodes()
            if inodes.get((status.st_dev, status.st_ino), hashed.oid) != hashed.oid:
                raise edited(path)


class _AtMost:
    """Reports the bytes of one file once each, even if the file is read again after a change."""

    def __init__(self, task: Task, size: int) -> None:
        self._task = task
        self._size = size
        self._reported = 0

    def advance(self, amount: int) -> None:
        """Report `amount` more bytes."""
        amount = min(amount, self._size - self._reported)
        if amount > 0:
            self._reported += amount
            self._task.advance(amount)

    def finish(self, size: int) -> None:
        """Report the file of `size` bytes as stored."""
        self._task.advance(size - self._reported)
        self._reported = size


def storing_pool(root: Path, database: Path, sharing: Sharing = PRIVATE) -> WorkerPool:
    """Worker processes that store files in the store at `root`, with the permissions of `sharing`.

    Create it before this process opens `database`: SQLite connections must not be used after a fork.
    """
    return WorkerPool(lambda: _Keeper(root, database, sharing))


class _Keeper:
    """A worker that stores its share of the files, in packs of its own."""

    def __init__(self, root: Path, database: Path, sharing: Sharing) -> None:
        self._root = root
        self._database = database
        self._sharing = sharing
        self._writer: StoreWriter | None = None

    def do(self, job: Sequence[tuple[bytes, bytes]], report: Report) -> list[tuple[bytes, bytes]]:
        """See `Worker`."""
        if self._writer is None:
            self._writer = StoreWriter(Store(self._root, Database(self._database), self._sharing))
        hashed = keep_small(self._writer, [FileToRead(*one) for one in job], report)
        return [(bytes(one.oid), one.key) for one in hashed]

    def finish(self) -> None:
        """See `Worker`."""
        if self._writer is not None:
            self._writer.finish()


def keep_small(writer: StoreWriter, candidates: Sequence[FileToRead], report: Report) -> list[HashedFile]:
    """Read and store files that fit in memory. `report` receives the number of stored bytes."""
    hashed: list[HashedFile] = []
    for batch in batched_by_size(map(_read_small, candidates), lambda one: len(one[1]), _BATCH):
        writer.add_blobs([(kept.oid, content) for kept, content in batch])
        report(sum(len(content) for _, content in batch))
        hashed += [kept for kept, _ in batch]
    return hashed


def _content_times(key: bytes) -> object:
    fields = key_fields(key)
    return fields.inode, fields.size, fields.mtime


def _read_small(candidate: FileToRead) -> tuple[HashedFile, bytes]:
    content = b""
    size = key_fields(candidate.key).size

    def read(fd: int) -> Oid:
        nonlocal content
        # One byte more than expected, so that a file that grew is read whole, and one that did not with one call.
        content = os.read(fd, size + 1)
        if len(content) != size:
            content += b"".join(read_pieces(fd, start=len(content)))
        return Oid(blake3(content).digest())

    return open_unchanged(candidate, read), content
