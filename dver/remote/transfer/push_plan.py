"""Plans of pushes: which objects to upload, in which packs. Planning uploads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from dver.core.batches import batched_by_size
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
from dver.remote.index.mirror import RemoteLocation
from dver.remote.packs.fragmentation import chunks_to_repeat
from dver.remote.packs.upload_bodies import LooseChunks, NewRecipe, PackFrames, PackSource, whole_pack_rows
from dver.store.objects.bulk_reader import StoreReader
from dver.store.objects.frames import ObjectLocation, location_of
from dver.store.objects.loose_chunks import ChunkLocation
from dver.store.store import Store
from dver.store.trees.reachable import MissingObject, describe_missing, find_missing, walk

_PACK_OVERHEAD: Final = len(pack.HEADER) + len(pack.encode_footer(())) + pack.TRAILER_SIZE
"""Bytes of a pack without frames."""
_WHOLE: Final = TARGET_SIZE // 4
"""Bytes from which on a local pack is uploaded as it is, if all its objects are needed. Smaller packs are combined."""
_PER_CHUNK: Final = 36
"""Bytes of a recipe."""


@dataclass(frozen=True, slots=True)
class WholePack:
    """A local pack to upload as it is: it is not small, and all its objects are needed."""

    name: Oid
    path: Path
    size: int
    objects: int


@dataclass(frozen=True, slots=True)
class NewPack:
    """A pack to build from frames of local packs and from loose blobs."""

    sources: tuple[PackSource, ...]
    size: int
    objects: int


Upload = WholePack | NewPack


@dataclass(frozen=True, slots=True)
class PushPlan:
    """What to upload. `roots` are those that no index on the remote names yet."""

    roots: tuple[ObjectRef, ...] = ()
    uploads: tuple[Upload, ...] = ()
    files: int = 0
    """File contents to upload, in whole or in part."""

    @property
    def objects(self) -> int:
        """The number of objects to upload."""
        return sum(upload.objects for upload in self.uploads)

    @property
    def size(self) -> int:
        """Bytes to upload: an upper bound, since loose blobs may be compressed on the way."""
        return sum(upload.size for upload in self.uploads)


def plan_push(roots: Iterable[ObjectRef], store: Store, catalog: Catalog, *, progress: Progress = SILENT) -> PushPlan:
    """Plan the upload of everything that `roots` reach and `catalog` does not list.

    Reads large loose blobs, to cut them into chunks. Raises MissingObjectError if an object is not in the store,
    CorruptError if it is damaged there.
    """
    asked = {root.oid: root for root in roots}
    ready = catalog.has_roots(asked)
    wanted = [root for oid, root in asked.items() if oid not in ready]
    if not wanted:
        return PushPlan()
    return plan_uploads(wanted, store, catalog, progress=progress)


def plan_uploads(
    roots: Sequence[ObjectRef], store: Store, remote: RemoteObjects, *, progress: Progress = SILENT
) -> PushPlan:
    """Plan the upload of everything that `roots` reach and `remote` does not have; see `plan_push`."""
    outgoing = _Outgoing(store, remote, progress)
    collected = _Collected(store, outgoing)
    files = 0
    for batch in walk([root.key for root in roots], outgoing, outgoing.known):
        fresh = collected.add(batch.oids)
        files += fresh if batch.kind is ObjectKind.BLOB and not batch.are_chunks else 0
    if collected.lost:
        raise _not_in_store(store, roots, remote)
    return PushPlan(tuple(sorted(roots)), tuple(collected.uploads()), files)


def missing_on_remote(roots: Iterable[ObjectRef], store: Store, catalog: Catalog) -> list[MissingObject]:
    """The objects that `roots` reach and `catalog` does not list, by path.

    A tree that is not in the store either is listed alone, since what is below it is unknown.
    """
    asked = list(roots)
    ready = catalog.has_roots([root.oid for root in asked])
    rest = [root for root in asked if root.oid not in ready]
    return find_missing(rest, StoreReader(store), catalog.known, closed=True)


class RemoteObjects(Protocol):
    """The objects that a remote has."""

    def known(self, kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        """Those of `oids` that the remote has as a `kind`, with all that they reach."""
        ...

    def locate(self, oids: Iterable[Oid]) -> list[RemoteLocation]:
        """The places of those of `oids` that the remote has, by pack and offset."""
        ...


class _Outgoing:
    """Reads the trees and recipes to upload (see `Reader`), and knows what the remote has already."""

    def __init__(self, store: Store, remote: RemoteObjects, progress: Progress) -> None:
        self._store = store
        self._reader = StoreReader(store)
        self._remote = remote
        self._progress = progress
        self._again: set[Oid] = set()
        self.recipes_made: dict[Oid, Recipe] = {}
        """The recipes of loose blobs that were cut into chunks."""
        self.cuts: dict[Oid, ChunkLocation] = {}
        """The chunks of these loose blobs."""

    def known(self, kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        """Those of `oids` that the remote has, unless they are uploaded again because they are fragmented there."""
        return self._remote.known(kind, oids) - self._again

    def trees(self, oids: Sequence[Oid]) -> Iterable[tuple[Oid, Leaf | Sharded]]:
        """See `Reader`."""
        return self._reader.trees(oids)

    def recipes(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Recipe]]:
        """See `Reader`. Cuts loose blobs into chunks."""
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
        self._again |= chunks_to_repeat(self._remote.locate(set(recipe.oids)), recipe.size)


class _PackItem(NamedTuple):
    """One object for a new pack. `size` is that of its frame, or an upper bound."""

    size: int
    file: Path | None
    """The local file to read it from."""
    content: ObjectLocation | ChunkLocation | NewRecipe


@dataclass(slots=True)
class _Collected:
    """The objects to upload, by their places in the store."""

    store: Store
    outgoing: _Outgoing
    lost: bool = False
    _loose: list[Oid] = field(default_factory=list)
    """Loose blobs, and chunks of them."""
    _wanted: set[Oid] = field(default_factory=set)
    _tally: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Wanted objects in each pack and their stored bytes, which show whether the whole pack is wanted."""

    def add(self, oids: Sequence[Oid]) -> int:
        """Add `oids` and return how many are new. A blob is added before its chunks, and so before it is cut."""
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
            loose = self.store.loose.present(absent) | (self.outgoing.cuts.keys() & set(absent))
            self._loose += [oid for oid in absent if oid in loose]
            self.lost = self.lost or len(loose) < len(absent)
        return len(fresh)

    def uploads(self) -> Iterator[Upload]:
        """The packs to upload. The same objects always give the same packs in the same order."""
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
            *[
                _PackItem(place.size + FRAME_HEADER_SIZE, self.store.loose.path(place.blob), place)
                for place in sorted(cut)
            ],
        ]
        yield from map(_new_pack, batched_by_size(items, lambda item: item.size, TARGET_SIZE))

    def _as_whole(self, number: int) -> WholePack | None:
        """The pack, if all its objects are wanted and it is not too small to be uploaded alone."""
        objects, stored = self._tally[number]
        path = self.store.index.pack_path(number)
        size = path.stat().st_size
        if stored < _WHOLE or size != _PACK_OVERHEAD + stored + objects * (FRAME_HEADER_SIZE + pack.ROW_SIZE):
            return None
        return WholePack(self.store.index.pack_name(number), path, size, objects)

    def _frames(self, whole: set[Oid]) -> list[ObjectLocation]:
        """The wanted frames of the packs that are not in `whole`, by pack and offset."""
        names = {number: self.store.index.pack_name(number) for number in self._tally}
        # Footers have the same rows as the database, and only those of the packs that matter have to be read.
        found: dict[Oid, ObjectLocation] = {}
        for number in sorted(names, key=names.__getitem__):
            if names[number] not in whole:
                rows = whole_pack_rows(self.store.index.pack_path(number), names[number])
                wanted = (row for row in rows if row.oid in self._wanted)
                found.update({row.oid: location_of(number, row) for row in wanted})
        return sorted(found.values(), key=lambda one: (names[one.pack], one.offset))

    def _of_frame(self, found: ObjectLocation) -> _PackItem:
        return _PackItem(found.end - found.offset, self.store.index.pack_path(found.pack), found)

    def _of_recipe(self, oid: Oid) -> _PackItem:
        made = self.outgoing.recipes_made[oid]
        return _PackItem(FRAME_HEADER_SIZE + _PER_CHUNK * (len(made.chunks) + 1), None, NewRecipe(oid, made))


def _comes_first(found: ObjectLocation) -> bool:
    """Does a fetch have to read this object before it knows which others it needs?"""
    return found.kind is ObjectKind.TREE or found.codec is Codec.CHUNKED


def _new_pack(group: list[_PackItem]) -> NewPack:
    size = _PACK_OVERHEAD + sum(item.size + pack.ROW_SIZE for item in group)
    return NewPack(tuple(_sources(group)), size, len(group))


def _sources(group: list[_PackItem]) -> Iterator[PackSource]:
    for path, items in groupby(group, key=lambda item: item.file):
        contents = [item.content for item in items]
        yield from [one for one in contents if isinstance(one, NewRecipe)]
        if path is not None:
            if frames := tuple(one for one in contents if isinstance(one, ObjectLocation)):
                yield PackFrames(path, frames)
            if chunks := tuple(one for one in contents if isinstance(one, ChunkLocation)):
                yield LooseChunks(path, chunks)


def _not_in_store(store: Store, roots: Sequence[ObjectRef], remote: RemoteObjects) -> MissingObjectError:
    """The error for objects that are neither in the store nor on the remote."""
    lost = store.missing_everywhere(roots, remote.known) or store.find_missing(roots)
    return MissingObjectError(
        f"{count(len(lost), 'path')} to push not in the store: {describe_missing(lost)}",
        why="they were never fetched here, or were deleted, and the remote does not have them either",
        fix="`dver fetch -r` another remote that has them, or push from a clone that does",
    )
