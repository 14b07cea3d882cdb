"""What lies on a remote, read for a gc: every index anew, and never the copy in the clone's database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from heapq import merge
from typing import Final

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import condemned, remote_index
from dver.formats.condemned import Condemned
from dver.formats.remote_index import RemoteIndex
from dver.remote.gc_state import IndexFacts, Listed, RemoteState
from dver.remote.glance import Glance, condemned_key, glance, parse_key
from dver.remote.mirror import PACKS, index_key
from dver.remote.pool import in_parallel
from dver.remote.storage import MissingKey, Storage

_PACK_SUFFIX: Final = ".pack"


class Changed(Exception):
    """The remote is not what it was when the gc was planned: it has to be planned anew."""


def look(storage: Storage, seen: Glance, *, jobs: int) -> tuple[Glance, RemoteState]:
    """All that lies there. `seen` is the glance before the pointers were read.

    Raises RemoteError; CorruptError for an index or list that is damaged; Changed if something vanished meanwhile.
    """
    now = glance(storage)
    lists = read_lists(storage, now.lists, jobs=jobs)
    names = sorted(now.indexes)
    indexes = {name: _index(content, name) for name, content in _get(storage, names, index_key, jobs)}
    facts = [IndexFacts(name, now.indexes[name], one.roots, one.packs) for name, one in indexes.items()]
    # After the indexes: what they list is there, or somebody else is deleting.
    packs = packs_there(storage)
    return now, RemoteState(tuple(facts), lists, packs, seen.lists, partial(_rows, indexes))


def read_lists(storage: Storage, names: Iterable[Oid], *, jobs: int) -> dict[Oid, Condemned]:
    """The condemned lists with these names. Raises Changed if one is gone, CorruptError for one that is damaged."""
    return {name: _list(content, name) for name, content in _get(storage, sorted(names), condemned_key, jobs)}


def packs_there(storage: Storage) -> dict[Oid, int]:
    """All packs of the remote, and their sizes in bytes."""
    found = {parse_key(info.key, PACKS, _PACK_SUFFIX): info.size for info in storage.list(PACKS)}
    return {name: size for name, size in found.items() if name is not None}


def _get(storage: Storage, names: Sequence[Oid], key: Callable[[Oid], str], jobs: int) -> Iterator[tuple[Oid, bytes]]:
    def fetched(name: Oid) -> tuple[Oid, bytes]:
        try:
            return name, storage.get(key(name))
        except MissingKey:
            raise Changed from None

    with closing(in_parallel(fetched, names, jobs=jobs)) as answers:
        yield from answers


def _list(content: bytes, name: Oid) -> Condemned:
    if Oid.of(content) != name:
        raise _damaged(condemned_key(name))
    return condemned.decode(content)


def _index(content: bytes, name: Oid) -> RemoteIndex:
    if Oid.of(content) != name:
        raise _damaged(index_key(name))
    return remote_index.decode(content)


def _rows(indexes: dict[Oid, RemoteIndex]) -> Iterator[Listed]:
    return merge(*[_rows_of(name, index) for name, index in indexes.items()])


def _rows_of(name: Oid, index: RemoteIndex) -> Iterator[Listed]:
    packs = [ref.name for ref in index.packs]
    for oid, number, kind, codec, offset, raw_size, stored_size in index.objects:
        yield Listed(oid, name, packs[number], offset, kind, codec, raw_size, stored_size)


def _damaged(key: str) -> CorruptError:
    return CorruptError(
        f"{key} on the remote is damaged",
        why="its bytes do not match its name: the disk, the network or a program changed them",
        fix="`dver fsck --remote` tells what is hurt; nothing was collected",
    )
