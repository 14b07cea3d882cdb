"""What lies on a remote, read for a gc: every index anew, and never the copy in the clone's database.

Rows are kept as they are encoded, large indexes in files that vanish with the process, and decoded a bucket at a time.
"""

from __future__ import annotations

import mmap
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from heapq import merge
from pathlib import Path
from typing import Final

from dver.core.errors import CorruptError, RemoteError
from dver.core.oid import Oid
from dver.formats import condemned, remote_index
from dver.formats.condemned import Condemned
from dver.formats.remote_index import IndexRow, PackRef
from dver.remote.failures import TransientError
from dver.remote.gc.state import IndexSummary, RemoteRow, RemoteState
from dver.remote.index.contents import RemoteContents, list_contents
from dver.remote.index.keys import PACK_SUFFIX, PACKS, condemned_key, index_key, pack_key, parse_key
from dver.remote.parallel import in_parallel
from dver.remote.storage import MissingKey, Storage
from dver.store.repair.salvage import is_newer
from dver.store.store import Store

_IN_MEMORY: Final = 8 << 20
"""Bytes of an index that is kept in memory, and of one request for a larger one; also of the largest list."""


class RemoteChanged(Exception):
    """The remote is not what it was when the gc was planned: it has to be planned anew."""


def read_state(
    storage: Storage, seen: RemoteContents, store: Store, *, jobs: int, damaged: dict[str, str] | None = None
) -> tuple[RemoteContents, RemoteState]:
    """All that lies there. `seen` is the glance before the pointers were read; in `store` files are made.

    Raises RemoteError; CorruptError for an index or list that is damaged; Changed if something vanished meanwhile. With
    `damaged` it goes on without damaged indexes and lists, and notes their keys there, each with the reason.
    """
    now = list_contents(storage)
    lists = read_lists(storage, now.lists, jobs=jobs, damaged=damaged)
    small = [name for name, size in sorted(now.indexes.items()) if size <= _IN_MEMORY]
    contents = {name: memoryview(content) for name, content in _get(storage, small, index_key, jobs)}
    for name in now.indexes.keys() - contents.keys():
        contents[name] = _on_disk(storage, name, now.indexes[name], store, jobs)
    indexes = []
    for name, content in sorted(contents.items()):
        with _noted(damaged, index_key(name)):
            index = _Index(name, content)
            if damaged is not None:
                deque(index.rows(), maxlen=0)
            indexes.append(index)
    facts = tuple([index.facts for index in indexes])
    # After the indexes: what they list is there, or somebody else is deleting.
    packs = find_packs(storage, {ref.name: ref.size for index in facts for ref in index.packs}, jobs)
    return now, RemoteState(facts, lists, packs, seen.lists, partial(_rows, indexes))


class _Index:
    """One index, of which `content` is all. Raises CorruptError; for damaged rows, when they are read."""

    def __init__(self, name: Oid, content: memoryview) -> None:
        self._content = content
        try:
            if remote_index.name_of(content) != name:
                raise _damaged(index_key(name))
            self._head, roots, packs = self._decode(content)
        except CorruptError as error:
            raise error if error.fix else _damaged(index_key(name)) from error
        self._packs = packs
        self.facts = IndexSummary(name, len(content), roots, packs)

    def rows(self) -> Iterator[RemoteRow]:
        """All rows, in the order of oids."""
        packs = [ref.name for ref in self._packs]
        for oid, number, kind, codec, offset, raw_size, stored_size in self._locations():
            yield RemoteRow(oid, self.facts.name, packs[number], offset, kind, codec, raw_size, stored_size)

    def _decode(
        self, content: memoryview
    ) -> tuple[remote_index.IndexHead | None, tuple[Oid, ...], tuple[PackRef, ...]]:
        if content[len(remote_index.MAGIC)] == 1:
            old = remote_index.decode(content)
            return None, old.roots, old.packs
        head = remote_index.decode_head(content[: remote_index.head_size(content)])
        if head.total != len(content):
            raise CorruptError("a truncated index")
        return head, head.roots, head.packs

    def _locations(self) -> Iterator[IndexRow]:
        if self._head is None:
            yield from remote_index.decode(self._content).objects
            return
        for number, bucket in enumerate(self._head.buckets):
            part = self._content[bucket.start : bucket.start + bucket.size]
            try:
                rows = remote_index.decode_bucket(self._head, number, part)
            except CorruptError as error:
                raise error if error.fix else _damaged(index_key(self.facts.name)) from error
            yield from rows


def read_lists(
    storage: Storage, names: Iterable[Oid], *, jobs: int, damaged: dict[str, str] | None = None
) -> dict[Oid, Condemned]:
    """The condemned lists with these names. Raises Changed if one is gone, CorruptError for one that is damaged."""
    lists = {}
    for name, content in _get(storage, sorted(names), condemned_key, jobs):
        with _noted(damaged, condemned_key(name)):
            lists[name] = _list(content, name)
    return lists


def list_packs(storage: Storage) -> dict[Oid, int]:
    """All packs of the remote, and their sizes in bytes."""
    found = {parse_key(info.key, PACKS, PACK_SUFFIX): info.size for info in storage.list(PACKS)}
    return {name: size for name, size in found.items() if name is not None}


def find_packs(storage: Storage, listed: Mapping[Oid, int], jobs: int) -> dict[Oid, int]:
    """All packs of the remote, and their sizes in bytes. Those of `listed` that the list request does not show with
    their size are asked for one by one: some servers list nothing, or leave out what is new."""
    try:
        found = list_packs(storage)
    except TransientError:
        raise
    except RemoteError:
        found = {}
    suspects = sorted(name for name, size in listed.items() if found.get(name) != size)
    with closing(in_parallel(lambda name: storage.stat(pack_key(name)), suspects, jobs=jobs)) as answers:
        for name, info in zip(suspects, answers, strict=True):
            if info is None:
                found.pop(name, None)
            else:
                found[name] = info.size
    return found


def _get(storage: Storage, names: Sequence[Oid], key: Callable[[Oid], str], jobs: int) -> Iterator[tuple[Oid, bytes]]:
    def fetched(name: Oid) -> tuple[Oid, bytes]:
        try:
            return name, storage.get(key(name), 0, _IN_MEMORY + 1)
        except MissingKey:
            raise RemoteChanged from None

    with closing(in_parallel(fetched, names, jobs=jobs)) as answers:
        yield from answers


def _list(content: bytes, name: Oid) -> Condemned:
    if Oid.of(content) != name:
        raise _damaged(condemned_key(name))
    return condemned.decode(content)


def _on_disk(storage: Storage, name: Oid, size: int, store: Store, jobs: int) -> memoryview:
    """The content of a large index, in a file without a name."""
    path, fd = store.scratch.create("index")
    try:
        Path(path).unlink()

        def part(start: int) -> tuple[int, bytes]:
            try:
                return start, storage.get(index_key(name), start, min(_IN_MEMORY, size - start))
            except MissingKey:
                raise RemoteChanged from None

        with closing(in_parallel(part, range(0, size, _IN_MEMORY), jobs=jobs)) as parts:
            for start, content in parts:
                os.pwrite(fd, content, start)
        os.ftruncate(fd, size)
        return memoryview(mmap.mmap(fd, size, prot=mmap.PROT_READ))
    finally:
        os.close(fd)


@contextmanager
def _noted(damaged: dict[str, str] | None, key: str) -> Iterator[None]:
    """Note why the object under `key` is damaged, instead of raising CorruptError, if `damaged` is a dict."""
    try:
        yield
    except CorruptError as error:
        if damaged is None or is_newer(error):
            raise
        damaged[key] = error.why or error.what


def _rows(indexes: Sequence[_Index]) -> Iterator[RemoteRow]:
    return merge(*[index.rows() for index in indexes])


def _damaged(key: str) -> CorruptError:
    return CorruptError(
        f"{key} on the remote is damaged",
        why="its bytes do not match its name: the disk, the network or a program changed them",
        fix="`dver fsck --remote` tells what is hurt; nothing was collected",
    )
