"""What lies on a remote, read for a gc: every index anew, and never the copy in the clone's database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from heapq import merge
from typing import Final

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import condemned, remote_index
from dver.formats.condemned import Condemned
from dver.formats.remote_index import RemoteIndex
from dver.remote.gc_state import IndexFacts, Listed, RemoteState
from dver.remote.mirror import INDEXES, PACKS, index_key, parse_index_key
from dver.remote.pool import in_parallel
from dver.remote.storage import MissingKey, Storage

SUFFIX: Final = ".condemned"
_PACK_SUFFIX: Final = ".pack"


class Changed(Exception):
    """The remote is not what it was when the gc was planned: it has to be planned anew."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What one list request shows: sizes of indexes, and names of condemned lists."""

    indexes: dict[Oid, int]
    lists: frozenset[Oid]

    def is_still(self, earlier: Glance) -> bool:
        """Has no gc changed anything since `earlier`? Indexes that were added do not matter."""
        return self.lists == earlier.lists and self.indexes.keys() >= earlier.indexes.keys()


def condemned_key(name: Oid) -> str:
    """The key of the condemned list called `name`."""
    return f"{INDEXES}{name.hex()}{SUFFIX}"


def glance(storage: Storage) -> Glance:
    """List `indexes/`."""
    indexes: dict[Oid, int] = {}
    lists: set[Oid] = set()
    for info in storage.list(INDEXES):
        if (name := parse_index_key(info.key)) is not None:
            indexes[name] = info.size
        elif (name := _parse(info.key, INDEXES, SUFFIX)) is not None:
            lists.add(name)
    return Glance(indexes, frozenset(lists))


def look(storage: Storage, seen: Glance, *, jobs: int) -> tuple[Glance, RemoteState]:
    """All that lies there. `seen` is the glance before the pointers were read.

    Raises RemoteError; CorruptError for an index or list that is damaged; Changed if something vanished meanwhile.
    """
    now = glance(storage)
    lists = {name: _list(content, name) for name, content in _get(storage, sorted(now.lists), condemned_key, jobs)}
    names = sorted(now.indexes)
    indexes = {name: _index(content, name) for name, content in _get(storage, names, index_key, jobs)}
    facts = [IndexFacts(name, now.indexes[name], one.roots, one.packs) for name, one in indexes.items()]
    # After the indexes: what they list is there, or somebody else is deleting.
    packs = dict(_packs(storage))
    return now, RemoteState(tuple(facts), lists, packs, seen.lists, partial(_rows, indexes))


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


def _packs(storage: Storage) -> Iterator[tuple[Oid, int]]:
    for info in storage.list(PACKS):
        if (name := _parse(info.key, PACKS, _PACK_SUFFIX)) is not None:
            yield name, info.size


def _rows(indexes: dict[Oid, RemoteIndex]) -> Iterator[Listed]:
    return merge(*[_rows_of(name, index) for name, index in indexes.items()])


def _rows_of(name: Oid, index: RemoteIndex) -> Iterator[Listed]:
    packs = [ref.name for ref in index.packs]
    for oid, number, kind, codec, offset, raw_size, stored_size in index.objects:
        yield Listed(oid, name, packs[number], offset, kind, codec, raw_size, stored_size)


def _parse(key: str, prefix: str, suffix: str) -> Oid | None:
    stem = key.removeprefix(prefix).removesuffix(suffix)
    if len(stem) != 64 or key != f"{prefix}{stem}{suffix}" or stem != stem.lower():
        return None
    with suppress(ValueError):
        return Oid(bytes.fromhex(stem))
    return None


def _damaged(key: str) -> CorruptError:
    return CorruptError(
        f"{key} on the remote is damaged",
        why="its bytes do not match its name: the disk, the network or a program changed them",
        fix="`dver fsck --remote` tells what is hurt; nothing was collected",
    )
