"""Reading the state of a remote for gc, fsck and repair: its indexes, condemned lists and packs, without the mirror.

Rows stay encoded, those of large indexes in unnamed files, and are decoded one bucket at a time.
"""

from __future__ import annotations

import mmap
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from heapq import merge
from pathlib import Path
from typing import Final

from dver.core.errors import CorruptError, NewerVersionError, RemoteError
from dver.core.oid import Oid
from dver.formats import remote_index
from dver.formats.condemned import Condemned
from dver.formats.remote_index import IndexRow, PackRef
from dver.remote.failures import TransientError
from dver.remote.gc.state import IndexSummary, RemoteRow, RemoteState
from dver.remote.index.condemned_lists import read_condemned_list
from dver.remote.index.contents import RemoteContents, list_contents
from dver.remote.index.keys import PACK_SUFFIX, PACKS, condemned_key, index_key, pack_key, parse_key
from dver.remote.parallel import in_parallel
from dver.remote.storage import MissingKey, Storage
from dver.store.store import Store

_IN_MEMORY: Final = 8 << 20
"""The largest index that is kept in memory, and the size of one request for a larger one, in bytes."""


class RemoteChanged(Exception):
    """Another clone has changed the remote, so that the plan made before is out of date."""


def read_state(
    storage: Storage, seen: RemoteContents, store: Store, *, jobs: int, damaged: dict[str, str] | None = None
) -> tuple[RemoteContents, RemoteState]:
    """The contents and the state of the remote. `seen` are its contents before the pointers were read from Git.

    Large indexes go to temporary files of `store`. Raises RemoteError; CorruptError for a damaged index or list;
    RemoteChanged if one of them was deleted meanwhile. With `damaged`, skips damaged indexes and lists, and adds their
    keys and the reasons to it.
    """
    now = list_contents(storage)
    lists = read_lists(storage, now.lists, jobs=jobs, damaged=damaged)
    small = [name for name, size in sorted(now.indexes.items()) if size <= _IN_MEMORY]
    contents = {name: memoryview(content) for name, content in _small_indexes(storage, small, jobs)}
    for name in now.indexes.keys() - contents.keys():
        contents[name] = _on_disk(storage, name, now.indexes[name], store, jobs)
    indexes = []
    for name, content in sorted(contents.items()):
        with _noted(damaged, index_key(name)):
            index = _Index(name, content)
            if damaged is not None:
                index.check_rows()
            indexes.append(index)
    summaries = tuple([index.summary for index in indexes])
    # After the indexes, so that a pack that is listed and missing was deleted.
    packs = find_packs(storage, {ref.name: ref.size for index in summaries for ref in index.packs}, jobs)
    return now, RemoteState(summaries, lists, packs, seen.lists, partial(_rows, indexes))


class _Index:
    """One index with the bytes `content`. Raises CorruptError; for damaged rows, when they are read."""

    def __init__(self, name: Oid, content: memoryview) -> None:
        self._content = content
        try:
            if remote_index.name_of(content) != name:
                raise _damaged(index_key(name))
            self._head, roots, packs = self._decode(content)
        except CorruptError as error:
            raise error if error.fix else _damaged(index_key(name)) from error
        self._packs = packs
        self.summary = IndexSummary(name, len(content), roots, packs)

    def rows(self) -> Iterator[RemoteRow]:
        """All rows, sorted by oid."""
        packs = [ref.name for ref in self._packs]
        for oid, number, kind, codec, offset, raw_size, stored_size in self._decoded_rows():
            yield RemoteRow(oid, self.summary.name, packs[number], offset, kind, codec, raw_size, stored_size)

    def check_rows(self) -> None:
        """Raise CorruptError if a row is damaged."""
        deque(self._decoded_rows(), maxlen=0)

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

    def _decoded_rows(self) -> Iterator[IndexRow]:
        if self._head is None:
            yield from remote_index.decode(self._content).objects
            return
        for number, bucket in enumerate(self._head.buckets):
            part = self._content[bucket.start : bucket.start + bucket.size]
            try:
                rows = remote_index.decode_bucket(self._head, number, part)
            except CorruptError as error:
                raise error if error.fix else _damaged(index_key(self.summary.name)) from error
            yield from rows


def read_lists(
    storage: Storage, names: Iterable[Oid], *, jobs: int, damaged: dict[str, str] | None = None
) -> dict[Oid, Condemned]:
    """The condemned lists `names`. Raises RemoteChanged if one is gone, CorruptError if one is damaged."""

    def read(name: Oid) -> tuple[Oid, Condemned | CorruptError]:
        try:
            return name, read_condemned_list(storage, name)
        except MissingKey:
            raise RemoteChanged from None
        except CorruptError as error:
            return name, error

    lists = {}
    with closing(in_parallel(read, sorted(names), jobs=jobs)) as answers:
        for name, found in answers:
            with _noted(damaged, condemned_key(name)):
                if isinstance(found, CorruptError):
                    raise found
                lists[name] = found
    return lists


def list_packs(storage: Storage) -> dict[Oid, int]:
    """All packs of the remote, with their sizes in bytes."""
    found = {parse_key(info.key, PACKS, PACK_SUFFIX): info.size for info in storage.list(PACKS)}
    return {name: size for name, size in found.items() if name is not None}


def find_packs(storage: Storage, listed: Mapping[Oid, int], jobs: int) -> dict[Oid, int]:
    """All packs of the remote, with their sizes in bytes.

    Asks for each of the `listed` packs that the list request does not show with its size. Some servers list nothing,
    or leave out new objects.
    """
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


def _small_indexes(storage: Storage, names: Sequence[Oid], jobs: int) -> Iterator[tuple[Oid, bytes]]:
    def fetched(name: Oid) -> tuple[Oid, bytes]:
        try:
            return name, storage.get(index_key(name), 0, _IN_MEMORY + 1)
        except MissingKey:
            raise RemoteChanged from None

    with closing(in_parallel(fetched, names, jobs=jobs)) as answers:
        yield from answers


def _on_disk(storage: Storage, name: Oid, size: int, store: Store, jobs: int) -> memoryview:
    """The content of a large index, in an unnamed file."""
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
    """Catch a CorruptError and add `key` and the reason to `damaged`, unless that is None."""
    try:
        yield
    except CorruptError as error:
        if damaged is None or isinstance(error, NewerVersionError):
            raise
        damaged[key] = error.why or error.what


def _rows(indexes: Sequence[_Index]) -> Iterator[RemoteRow]:
    return merge(*[index.rows() for index in indexes])


def _damaged(key: str) -> CorruptError:
    return CorruptError(
        f"{key} on the remote is damaged",
        why="its bytes do not match its name: a disk, the network or a program changed them",
        fix="run `dver fsck --remote` to list the affected files, and repair it with `--repair`",
    )
