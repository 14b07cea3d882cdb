"""What a push would send: found out from what the roots reach and what the remote's catalogue lists. Sends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from dver.core.errors import MissingObjectError
from dver.core.oid import Oid
from dver.core.phrasing import count
from dver.core.progress import SILENT, Progress
from dver.formats import pack
from dver.formats.objectref import ObjectRef
from dver.formats.pack import FRAME_HEADER_SIZE, TARGET_SIZE, Codec, ObjectKind
from dver.formats.recipe import Recipe
from dver.formats.tree import Leaf, Sharded
from dver.remote.index.catalog import Catalog
from dver.remote.packs import fragmentation
from dver.remote.packs.upload_bodies import LooseChunks, NewRecipe, PackFrames, PackSource, whole_pack_rows
from dver.store.objects.frames import ObjectLocation, location_of
from dver.store.objects.loose_chunks import ChunkLocation
from dver.store.objects.reader import StoreReader
from dver.store.store import Store
from dver.store.trees.reachable import MissingObject, describe_missing, find_missing, walk

_PACK_OVERHEAD: Final = len(pack.HEADER) + len(pack.encode_footer(())) + pack.TRAILER_SIZE
"""Bytes of a pack without frames."""
_WHOLE: Final = TARGET_SIZE // 4
"""Bytes from which on a local pack goes as it is, if all in it is wanted: smaller ones are put together."""
_PER_CHUNK: Final = 36
"""Bytes of a recipe."""


@dataclass(frozen=True, slots=True)
class WholePack:
    """A local pack all of whose objects are wanted, and that is not small: it goes as it is."""

    name: Oid
    path: Path
    size: int
    objects: int


@dataclass(frozen=True, slots=True)
class NewPack:
    """A pack to be made of frames of local packs, and of loose blobs."""

    sources: tuple[PackSource, ...]
    size: int
    objects: int


Upload = WholePack | NewPack


@dataclass(frozen=True, slots=True)
class PushPlan:
    """What a push would send. `roots` are those that no index on the remote names yet."""

    roots: tuple[ObjectRef, ...] = ()
    uploads: tuple[Upload, ...] = ()
    files: int = 0
    """Contents of files that would be sent, in whole or in part."""

    @property
    def objects(self) -> int:
        """How many objects would be sent."""
        return sum(upload.objects for upload in self.uploads)

    @property
    def size(self) -> int:
        """Bytes that would be sent: an upper bound, since what is in loose blobs may be compressed on the way."""
        return sum(upload.size for upload in self.uploads)


def plan_push(roots: Iterable[ObjectRef], store: Store, catalog: Catalog, *, progress: Progress = SILENT) -> PushPlan:
    """What to send so that the remote has all that `roots` reach, by what `catalog` knows of it. Sends nothing.

    Large blobs that are loose are read, and cut into chunks. Raises MissingObjectError if something is not in the
    store, CorruptError for what is damaged there.
    """
    asked = {root.oid: root for root in roots}
    ready = catalog.has_roots(asked)
    wanted = [root for oid, root in asked.items() if oid not in ready]
    if not wanted:
        return PushPlan()
    return plan_uploads(wanted, store, catalog, progress=progress)


def plan_uploads(
    wanted: Sequence[ObjectRef], store: Store, catalog: Catalog, *, progress: Progress = SILENT
) -> PushPlan:
    """What `wanted` reach and `catalog` does not list, in packs; see `plan_push`."""
    outgoing = _Outgoing(store, catalog, progress)
    collected = _Collected(store, outgoing)
    files = 0
    for batch in walk([root.key for root in wanted], outgoing, outgoing.known):
        fresh = collected.add(batch.oids)
        files += fresh if batch.kind is ObjectKind.BLOB and not batch.are_chunks else 0
    if collected.lost:
        raise _not_here(store, wanted, catalog)
    return PushPlan(tuple(sorted(wanted)), tuple(collected.uploads()), files)


def missing_on_remote(roots: Iterable[ObjectRef], store: Store, catalog: Catalog) -> list[MissingObject]:
    """What `roots` reach and, by what `catalog` knows, is not on the remote; by path.

    A tree that is neither there nor in the store is listed alone, since what is below it cannot be known.
    """
    asked = list(roots)
    ready = catalog.has_roots([root.oid for root in asked])
    rest = [root for root in asked if root.oid not in ready]
    return find_missing(rest, StoreReader(store), catalog.known, closed=True)


class _Outgoing:
    """What is below the objects to send (see `closure.Reader`), and what of it need not be sent."""

    def __init__(self, store: Store, catalog: Catalog, progress: Progress) -> None:
        self._store = store
        self._reader = StoreReader(store)
        self._catalog = catalog
        self._progress = progress
        self._again: set[Oid] = set()
        self.recipes_made: dict[Oid, Recipe] = {}
        """The loose blobs that were cut."""
        self.cuts: dict[Oid, ChunkLocation] = {}
        """Their chunks."""

    def known(self, kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        """Those of `oids` that are on the remote, and lie well there."""
        return self._catalog.known(kind, oids) - self._again

    def trees(self, oids: Sequence[Oid]) -> Iterable[tuple[Oid, Leaf | Sharded]]:
        """See `Reader`."""
        return self._reader.trees(oids)

    def recipes(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Recipe]]:
        """See `Reader`. Loose blobs are cut into chunks."""
        packed = set()
        for oid, recipe in self._reader.recipes(oids):
            packed.add(oid)
            self._join_fragments(recipe)
            yield oid, recipe
        rest = [oid for oid in oids if oid not in packed]
        loose = self._store.loose.present(rest)
        with self._progress.task("cut", total=self._store.loose.size(loose)) as task:
            for oid in (one for one in rest if one in loose):
                recipe = self._cut(oid)
                task.advance(recipe.size)
                self._join_fragments(recipe)
                yield oid, recipe

    def _cut(self, oid: Oid) -> Recipe:
        recipe = self._store.loose_chunks.cut(oid)
        if len(recipe.chunks) > 1:  # a single chunk is the blob
            self.recipes_made[oid] = recipe
        offset = 0
        for chunk in recipe.chunks:
            self.cuts.setdefault(chunk.oid, ChunkLocation(oid, offset, chunk.size, chunk.oid))
            offset += chunk.size
        return recipe

    def _join_fragments(self, recipe: Recipe) -> None:
        found = self._catalog.locate(set(recipe.oids))
        places = [fragmentation.RemoteChunk(one.pack, one.offset, one.end, one.oid) for one in found]
        self._again |= fragmentation.chunks_to_repeat(places, recipe.size)


class _Item(NamedTuple):
    """One object to send, on its way into a pack. `size` is that of its frame, or an upper bound."""

    size: int
    origin: Path | None
    what: ObjectLocation | ChunkLocation | NewRecipe


@dataclass(slots=True)
class _Collected:
    """The objects to send, by where they lie."""

    store: Store
    outgoing: _Outgoing
    lost: bool = False
    _loose: list[Oid] = field(default_factory=list)
    """Loose blobs, and chunks of them."""
    _wanted: set[Oid] = field(default_factory=set)
    _tally: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Wanted objects of each pack, and their stored bytes: enough to see whether the whole is wanted."""

    def add(self, oids: Sequence[Oid]) -> int:
        """Want `oids` too; how many of them were not wanted before. A blob comes before its chunks, and so before it is
        cut."""
        fresh = [oid for oid in oids if oid not in self._wanted]
        self._wanted.update(fresh)
        seen = 0
        for number, (objects, size) in self.store.index.tally(fresh).items():
            before = self._tally.get(number, (0, 0))
            self._tally[number] = before[0] + objects, before[1] + size
            seen += objects
        if seen < len(fresh):
            packed = {one.oid for one in self.store.locate(fresh)}
            absent = [oid for oid in fresh if oid not in packed]
            here = self.store.loose.present(absent) | (self.outgoing.cuts.keys() & set(absent))
            self._loose += [oid for oid in absent if oid in here]
            self.lost = self.lost or len(here) < len(absent)
        return len(fresh)

    def uploads(self) -> Iterator[Upload]:
        """The same groups in the same order whenever the same objects are wanted."""
        whole = [pack for number in self._tally if (pack := self._as_whole(number)) is not None]
        yield from sorted(whole, key=lambda pack: pack.name)
        frames = self._frames({pack.name for pack in whole}) if len(whole) < len(self._tally) else []
        first = [one for one in frames if _comes_first(one)]
        rest = [one for one in frames if not _comes_first(one)]
        made = [oid for oid in self._loose if oid in self.outgoing.recipes_made]
        cut = [self.outgoing.cuts[oid] for oid in self._loose if oid not in self.outgoing.recipes_made]
        items = [
            *map(self._of_frame, first),
            *[self._of_recipe(oid) for oid in sorted(made)],
            *map(self._of_frame, rest),
            *[_Item(place.size + FRAME_HEADER_SIZE, self.store.loose.path(place.blob), place) for place in sorted(cut)],
        ]
        yield from map(_new_pack, _groups(items))

    def _as_whole(self, number: int) -> WholePack | None:
        """The pack, if all in it is wanted and it is not too small to go alone."""
        objects, stored = self._tally[number]
        path = self.store.index.pack_path(number)
        size = path.stat().st_size
        if stored < _WHOLE or size != _PACK_OVERHEAD + stored + objects * (FRAME_HEADER_SIZE + pack.ROW_SIZE):
            return None
        return WholePack(self.store.index.pack_name(number), path, size, objects)

    def _frames(self, whole: set[Oid]) -> list[ObjectLocation]:
        """The wanted frames of the other packs, by pack and offset."""
        names = {number: self.store.index.pack_name(number) for number in self._tally}
        # Footers tell as much as the database, and only those of the packs that matter have to be read.
        found: dict[Oid, ObjectLocation] = {}
        for number in sorted(names, key=names.__getitem__):
            if names[number] not in whole:
                rows = whole_pack_rows(self.store.index.pack_path(number), names[number])
                wanted = (row for row in rows if row.oid in self._wanted)
                found.update({row.oid: location_of(number, row) for row in wanted})
        return sorted(found.values(), key=lambda one: (names[one.pack], one.offset))

    def _of_frame(self, found: ObjectLocation) -> _Item:
        return _Item(found.end - found.offset, self.store.index.pack_path(found.pack), found)

    def _of_recipe(self, oid: Oid) -> _Item:
        made = self.outgoing.recipes_made[oid]
        return _Item(FRAME_HEADER_SIZE + _PER_CHUNK * (len(made.chunks) + 1), None, NewRecipe(oid, made))


def _comes_first(found: ObjectLocation) -> bool:
    """Is this something that a fetch has to read before it knows what else it needs?"""
    return found.kind is ObjectKind.TREE or found.codec is Codec.CHUNKED


def _groups(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """Items that share a pack."""
    group: list[_Item] = []
    size = 0
    for item in items:
        if group and size + item.size > TARGET_SIZE:
            yield group
            group, size = [], 0
        group.append(item)
        size += item.size
    if group:
        yield group


def _new_pack(group: list[_Item]) -> NewPack:
    size = _PACK_OVERHEAD + sum(item.size + pack.ROW_SIZE for item in group)
    return NewPack(tuple(_sources(group)), size, len(group))


def _sources(group: list[_Item]) -> Iterator[PackSource]:
    for path, items in groupby(group, key=lambda item: item.origin):
        whats = [item.what for item in items]
        yield from [what for what in whats if isinstance(what, NewRecipe)]
        if path is not None:
            if found := tuple(what for what in whats if isinstance(what, ObjectLocation)):
                yield PackFrames(path, found)
            if places := tuple(what for what in whats if isinstance(what, ChunkLocation)):
                yield LooseChunks(path, places)


def _not_here(store: Store, roots: Sequence[ObjectRef], catalog: Catalog) -> MissingObjectError:
    """The error for objects that are neither in the store nor on the remote."""

    def somewhere(kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        return store.present(oids) | catalog.known(kind, oids)

    lost = find_missing(roots, StoreReader(store), somewhere) or store.find_missing(roots)
    return MissingObjectError(
        f"{count(len(lost), 'path')} to push not in the store: {describe_missing(lost)}",
        why="they were never fetched here, or were removed, and the remote does not have them either",
        fix="`dver fetch -r` another remote that has them, or push from a clone that does",
    )
