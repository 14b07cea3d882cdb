"""What lies on a remote, in order or not: its indexes as far as they can be read, its packs and their footers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from dver.core.errors import CorruptError, RemoteError
from dver.core.oid import Oid
from dver.formats import condemned as condemned_format
from dver.formats import pack, remote_index
from dver.formats.pack import ObjectKind, Row
from dver.formats.remote_index import Location, RemoteIndex
from dver.remote.gc.read_state import packs_there
from dver.remote.index.contents import Glance, condemned_key, glance
from dver.remote.index.mirror import RemoteFound, index_key, pack_key
from dver.remote.index.repositories import read_entries
from dver.remote.parallel import in_parallel
from dver.remote.storage import MissingKey, Storage
from dver.store.repair.salvage import is_newer

_TAIL: Final = 256 << 10
"""Bytes of the end of a pack that are read at once: the footers of most packs fit."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the list requests and the indexes tell."""

    seen: Glance
    indexes: Mapping[Oid, RemoteIndex]
    damaged: Mapping[Oid, str]
    """Indexes that are not what their name stands for, and why."""
    damaged_lists: Mapping[Oid, str]
    """The same of condemned lists."""
    damaged_entries: Mapping[Oid, str]
    """The same of repository entries."""
    packs: Mapping[Oid, int]
    """Those that are there, with their size in bytes."""
    condemned: frozenset[Oid]
    """Packs and indexes that a gc is about to delete."""

    def listed(self) -> dict[Oid, dict[Oid, int]]:
        """The packs that indexes list: by which, and with which size."""
        found: dict[Oid, dict[Oid, int]] = {}
        for name, index in self.indexes.items():
            for ref in index.packs:
                found.setdefault(ref.name, {})[name] = ref.size
        return found

    def rows(self) -> Iterator[tuple[Oid, RemoteFound]]:
        """All rows of all indexes, each with the index that has it."""
        for name, index in self.indexes.items():
            for one in index.objects:
                yield name, found_of(index, one)

    def objects(self) -> dict[ObjectKind, set[Oid]]:
        """All that indexes list, by kind."""
        found: dict[ObjectKind, set[Oid]] = {kind: set() for kind in ObjectKind}
        for index in self.indexes.values():
            for one in index.objects:
                found[one.kind].add(one.oid)
        return found

    @property
    def garbage(self) -> list[Oid]:
        """Packs that no index lists. If indexes are damaged, theirs are among them."""
        return sorted(self.packs.keys() - self.listed().keys())


def survey(storage: Storage, *, jobs: int) -> Survey:
    """Look at what is there. Raises RemoteError; CorruptError for what a newer version wrote."""
    seen = glance(storage)
    condemned, damaged_lists = _condemned(storage, seen)
    indexes: dict[Oid, RemoteIndex] = {}
    damaged: dict[Oid, str] = {}

    def fetched(name: Oid) -> tuple[Oid, bytes | None]:
        return name, _content(storage, index_key(name), seen.indexes[name])

    with closing(in_parallel(fetched, sorted(seen.indexes), jobs=jobs)) as answers:
        for name, content in answers:
            try:
                if content is not None:
                    indexes[name] = remote_index.decode_named(name, content)
            except CorruptError as error:
                if is_newer(error):
                    raise
                damaged[name] = error.why or error.what
    # After the indexes: what they list is there, unless it was deleted.
    packs = _packs_of(storage, indexes, jobs)
    gone = seen.indexes.keys() - glance(storage).indexes.keys()
    for name in gone:
        indexes.pop(name, None)
        damaged.pop(name, None)
    return Survey(seen, indexes, damaged, damaged_lists, _damaged_entries(storage, seen), packs, condemned)


def _packs_of(storage: Storage, indexes: Mapping[Oid, RemoteIndex], jobs: int) -> dict[Oid, int]:
    """The packs that are there. Where nothing can be listed, as behind some web servers, those of `indexes` are asked
    for one by one."""
    try:
        return packs_there(storage)
    except RemoteError:
        names = sorted({ref.name for index in indexes.values() for ref in index.packs})
        with closing(in_parallel(lambda name: storage.stat(pack_key(name)), names, jobs=jobs)) as answers:
            found = list(answers)
        return {name: info.size for name, info in zip(names, found, strict=True) if info is not None}


def _condemned(storage: Storage, seen: Glance) -> tuple[frozenset[Oid], dict[Oid, str]]:
    names: set[Oid] = set()
    damaged: dict[Oid, str] = {}
    for name in sorted(seen.lists):
        content = _content(storage, condemned_key(name), condemned_format.SIZE_MAX + 1)
        try:
            if content is not None and Oid.of(content) != name:
                raise CorruptError("a damaged list", why="its bytes do not match its name")
            if content is not None:
                found = condemned_format.decode(content)
                names.update(found.packs, found.indexes)
        except CorruptError as error:
            if is_newer(error):
                raise
            damaged[name] = error.why or error.what
    return frozenset(names), damaged


def _damaged_entries(storage: Storage, seen: Glance) -> dict[Oid, str]:
    damaged: dict[Oid, str] = {}
    for name in sorted(seen.repositories):
        try:
            read_entries(storage, [name])
        except CorruptError as error:
            if is_newer(error):
                raise
            damaged[name] = error.why or error.what
    return damaged


def _content(storage: Storage, key: str, most: int) -> bytes | None:
    """Up to `most` bytes of what is under `key`; None if it was removed since it was listed."""
    try:
        return storage.get(key, 0, most)
    except MissingKey:
        return None


def found_of(index: RemoteIndex, one: Location) -> RemoteFound:
    """A row of `index` for those who fetch."""
    ref = index.packs[one.pack]
    return RemoteFound(ref.name, one.offset, one.oid, ref.size, one.kind, one.codec, one.raw_size, one.stored_size)


def remote_footer(storage: Storage, name: Oid, size: int) -> list[Row]:
    """The rows of the pack `name` of `size` bytes, by range. Raises CorruptError, MissingKey, RemoteError."""
    start = max(0, size - _TAIL)
    tail = storage.get(pack_key(name), start, size - start)
    length, stated = pack.decode_trailer(tail[-pack.TRAILER_SIZE :])
    begin = size - pack.TRAILER_SIZE - length
    if stated != name or begin < len(pack.HEADER) or length > size:
        raise CorruptError("a damaged pack", why="it does not end as a pack of its name does")
    footer = tail[begin - start : -pack.TRAILER_SIZE] if begin >= start else storage.get(pack_key(name), begin, length)
    if Oid.of(footer) != name:
        raise CorruptError("a damaged pack", why="the hash of its list is not its name")
    rows = pack.decode_footer(footer)
    if max((row.end for row in rows), default=len(pack.HEADER)) != begin:
        raise CorruptError("a damaged pack", why="its frames do not reach its list")
    return rows


def rows_by_pack(found: Survey, packs: Sequence[Oid]) -> dict[Oid, list[RemoteFound]]:
    """What the indexes say of `packs`, each frame once, by offset."""
    rows: dict[Oid, dict[int, RemoteFound]] = {name: {} for name in packs}
    for _, one in found.rows():
        if one.pack in rows:
            rows[one.pack][one.offset] = one
    return {name: [listed[at] for at in sorted(listed)] for name, listed in rows.items()}
