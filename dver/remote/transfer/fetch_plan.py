"""Plans of fetches: which objects to download. Planning downloads the trees and recipes that it reads."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from dver.core.batches import batched
from dver.core.errors import CorruptError, UsageError
from dver.core.oid import Oid
from dver.formats import tree
from dver.formats.cursor import SIZE_MAX
from dver.formats.objectref import ObjectRef
from dver.formats.pack import Codec, ObjectKind
from dver.formats.recipe import Recipe
from dver.formats.tree import Entry, Kind, Leaf, Sharded
from dver.remote.index.catalog import Catalog
from dver.remote.index.mirror import RemoteLocation
from dver.remote.packs.frame_download import FetchedFrame, fetch_frames
from dver.remote.transfer.blob_assembly import Assembly
from dver.store.objects.bulk_reader import StoreReader
from dver.store.objects.codec import decode_recipe
from dver.store.objects.loose import LinkMode
from dver.store.store import Store
from dver.store.trees.compare import join
from dver.store.trees.reachable import walk
from dver.store.writer import LARGE, StoreWriter

_CHUNKS_AT_ONCE: Final = 64
"""Chunks of loose blobs that are read at once: a few MiB."""


@dataclass(frozen=True, slots=True)
class ObjectPath:
    """A file or directory inside a tree, by the names that lead from the tree to it."""

    tree: ObjectRef
    names: tuple[bytes, ...]

    @property
    def path(self) -> bytes:
        """Its path, for messages."""
        return b"/".join((self.tree.path, *self.names))


Wanted = ObjectRef | ObjectPath
"""What a fetch downloads, with everything below it."""


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """The objects to download. The trees that planning has read are in the store already."""

    roots: tuple[ObjectRef, ...] = ()
    blobs: tuple[RemoteLocation, ...] = ()
    incomplete: bool = False
    """Is an object missing, or damaged, on the remote?"""
    damaged: frozenset[Oid] = frozenset()
    """Objects of which no good copy was found yet, neither in the store nor on the remote."""
    recipes: tuple[FetchedFrame, ...] = ()
    """Recipes of large blobs whose chunks go into packs. They are stored after the chunks."""
    assemblies: tuple[Assembly, ...] = ()
    """Large blobs to assemble as loose files."""
    loose: bool = False
    """Are large blobs stored as loose files?"""
    missing_size: int = 0
    """Bytes of the chunks that the assemblies need from the remote, about."""
    trees: int = 0
    """Trees that planning has downloaded."""
    bytes_received: int = 0
    """Bytes that planning has received."""
    files: int = 0
    """File contents to download, in whole or in part."""

    @property
    def objects(self) -> int:
        """The number of objects to download."""
        return len(self.blobs) + len(self.recipes) + len(self.assemblies)

    @property
    def size(self) -> int:
        """Bytes to download, about."""
        return sum([one.stored_size for one in self.blobs]) + self.missing_size


def plan_fetch(
    wanted: Sequence[Wanted],
    store: Store,
    catalog: Catalog,
    *,
    link_mode: LinkMode = LinkMode.AUTO,
    damaged: Collection[Oid] = (),
) -> FetchPlan:
    """Plan the download of everything that `wanted` reach and the store does not have.

    Downloads the trees and recipes that it needs for that, after a refresh of `catalog`. Sends no request if the store
    has everything. Objects in `damaged` count as missing: their copy in the store is bad. Raises RemoteError, and
    UsageError for an `ObjectPath` that does not exist.
    """
    complete = set() if damaged else store.index.complete([_root_of(one).oid for one in wanted])
    pending = [one for one in wanted if _root_of(one).oid not in complete]
    if not pending:
        return FetchPlan()
    # A loose copy would not be seen beside a damaged one in a pack.
    loose = not damaged and link_mode.wants_loose(store.scratch)
    with StoreWriter(store) as writer:
        reader = _RemoteReader(store, catalog, writer, loose=loose, bad=set(damaged))
        roots = tuple(reader.resolve(one) for one in pending)
        blobs = tuple(reader.missing_blobs(roots))
        missing_size = reader.missing_chunk_size()
    return FetchPlan(
        roots,
        blobs,
        incomplete=reader.lost or bool(reader.bad),
        damaged=frozenset(reader.bad),
        recipes=tuple(reader.recipe_frames),
        assemblies=tuple(reader.assemblies),
        loose=loose,
        missing_size=missing_size,
        trees=reader.count,
        bytes_received=reader.received,
        files=reader.files,
    )


def fetch_trees(roots: Sequence[Oid], store: Store, catalog: Catalog) -> bool:
    """Download the trees at and below `roots` that the store does not have, and no blobs. False if some are missing.

    Raises RemoteError.
    """
    with StoreWriter(store) as writer:
        reader = _RemoteReader(store, catalog, writer, loose=False, bad=set())
        keys = [(oid, ObjectKind.TREE) for oid in roots]
        for batch in walk(keys, reader, lambda _, oids: store.index.complete(oids)):
            if batch.kind is ObjectKind.BLOB:
                break
    return not reader.lost


@dataclass(slots=True)
class _RemoteReader:
    """Reads trees and recipes from the store, and from the remote where the store does not have them; see `Reader`."""

    store: Store
    catalog: Catalog
    writer: StoreWriter
    loose: bool
    """Are large blobs assembled as loose files? Then their recipes are not stored."""
    bad: set[Oid]
    """Objects of which no good copy was found yet."""
    assemblies: list[Assembly] = field(default_factory=list)
    recipe_frames: list[FetchedFrame] = field(default_factory=list)
    count: int = 0
    received: int = 0
    files: int = 0
    lost: bool = False
    """Is an object missing on the remote?"""
    _refreshed: bool = False
    _asked: set[Oid] = field(default_factory=set)
    """Blobs that were looked up on the remote. `_found` has the places of those that are there."""
    _found: list[RemoteLocation] = field(default_factory=list)
    _on_the_way: dict[Oid, Leaf | Sharded] = field(default_factory=dict)
    _sizes: dict[Oid, int] = field(default_factory=dict)
    """Sizes of large blobs, as trees list them. A recipe for a larger blob is a lie that would fill the disk."""

    def resolve(self, wanted: Wanted) -> ObjectRef:
        """The object that `wanted` names. If a tree on the way to it is missing, that tree instead."""
        root = _root_of(wanted)
        for name in wanted.names if isinstance(wanted, ObjectPath) else ():
            if root.kind is not ObjectKind.TREE:
                raise _not_found(wanted)
            entry = self._entry(root.oid, name)
            if isinstance(entry, Oid):
                return root._replace(oid=entry)
            if entry is None:
                raise _not_found(wanted)
            root = entry.ref(join(root.path, name))
        return root

    def missing_blobs(self, roots: Sequence[ObjectRef]) -> list[RemoteLocation]:
        """The places of the blobs and chunks that the store does not have. Sets `lost` if the remote lacks some, too.

        Chunks that are in loose blobs of the store are copied from there.
        """
        missing: list[Oid] = []
        self._sizes.update((root.oid, root.size or SIZE_MAX) for root in roots if root.kind is ObjectKind.BLOB)
        for batch in walk([root.key for root in roots], self, self._complete):
            if batch.kind is ObjectKind.BLOB:
                present = self.store.present(batch.oids) - self.bad
                absent = [oid for oid in batch.oids if oid not in present]
                self.files += 0 if batch.are_chunks else len(absent)
                missing += absent
        missing = self._not_in_loose(missing)
        chunks = [oid for oid in missing if oid not in self._asked]
        found = [*self._found, *(self._locate(chunks) if chunks else [])]
        wanted = set(missing)
        frames = sorted(one for one in found if one.codec is not Codec.CHUNKED and one.oid in wanted)
        known = {one.oid for one in found}
        self.lost = self.lost or not wanted <= known
        self.bad.difference_update([one.oid for one in frames])
        return frames

    def missing_chunk_size(self) -> int:
        """Bytes of the chunks of `assemblies` that the store does not have."""
        chunks = {chunk.oid: chunk.size for one in self.assemblies for chunk in one.recipe.chunks}
        present = self.store.present(chunks) | {place.oid for place in self.store.loose_chunks.locate(chunks)}
        return sum([size for oid, size in chunks.items() if oid not in present])

    def trees(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Leaf | Sharded]]:
        """See `Reader`."""
        for oid, content in self._trees(oids):
            if isinstance(content, Leaf):
                large = [entry for entry in content.entries if entry.size > LARGE and entry.kind is not Kind.DIRECTORY]
                for entry in large:
                    self._sizes[entry.oid] = max(entry.size, self._sizes.get(entry.oid, 0))
            yield oid, content

    def _trees(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Leaf | Sharded]]:
        answered = set()
        good = [oid for oid in oids if oid not in self.bad]
        for oid, content in StoreReader(self.store, self.bad).trees(good):
            answered.add(oid)
            yield oid, content
        for oid in oids:
            if oid not in answered and oid in self._on_the_way:
                answered.add(oid)
                yield oid, self._on_the_way[oid]
        rest = [oid for oid in oids if oid not in answered]
        if rest:
            yield from self._trees_from_remote(rest)

    def recipes(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Recipe]]:
        """See `Reader`. Leaves out blobs that will be assembled as loose files, which need no chunks in the store."""
        suspect = self.bad.intersection(oids)
        good = [oid for oid in oids if oid not in suspect]
        yield from StoreReader(self.store, self.bad).recipes(good)
        present = self.store.present(good) - self.bad
        absent = [oid for oid in oids if oid not in present]
        for oid, recipe in self._recipes_from_remote(absent) if absent else ():
            if oid in suspect:
                self.bad |= _damaged(self.store, recipe)
            yield oid, recipe

    def _complete(self, _: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        return set() if self.bad else self.store.index.complete(oids)

    def _trees_from_remote(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Leaf | Sharded]]:
        missing = set(oids)
        found = [one for one in self._locate(oids) if one.codec is not Codec.CHUNKED]
        for frame in self._frames(found):
            try:
                content = tree.decode(frame.content)
            except CorruptError:
                self.bad.add(frame.row.oid)
                continue
            missing.discard(frame.row.oid)
            self.writer.add_frame(frame.row, frame.frame)
            self.count += 1
            yield frame.row.oid, content
        self.lost = self.lost or bool(missing)

    def _recipes_from_remote(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Recipe]]:
        located = self._locate(oids)
        self._asked.update(oids)
        self._found += located
        chunked = [one for one in located if one.codec is Codec.CHUNKED]
        found = [one for one in chunked if one.raw_size <= self._sizes.get(one.oid, LARGE)]
        self.bad.update({one.oid for one in chunked} - {one.oid for one in found})
        unread = len(found)
        for frame in self._frames(found):
            unread -= 1
            recipe = decode_recipe(frame.row, frame.content)
            if self.loose:
                self.assemblies.append(Assembly(frame.row.oid, recipe))
            else:
                self.recipe_frames.append(frame)
                yield frame.row.oid, recipe
        self.lost = self.lost or unread > 0

    def _frames(self, found: Sequence[RemoteLocation]) -> Iterator[FetchedFrame]:
        """Download the frames `found`. Yields the good ones, and adds the others to `bad`."""
        for oid, frame in fetch_frames(self.catalog.storage, found, jobs=self.catalog.jobs, received=self._receive):
            if isinstance(frame, FetchedFrame):
                self.bad.discard(oid)
                yield frame
            elif isinstance(frame, CorruptError):
                self.bad.add(oid)

    def _not_in_loose(self, oids: Sequence[Oid]) -> list[Oid]:
        """Copy those of `oids` that are chunks of loose blobs in the store, and return the others."""
        kept: set[Oid] = set()
        for batch in batched(self.store.loose_chunks.locate(oids), _CHUNKS_AT_ONCE):
            contents = dict(self.store.loose_chunks.contents(batch))
            self.writer.add_blobs(contents.items())
            kept.update(contents)
        return [oid for oid in oids if oid not in kept]

    def _entry(self, oid: Oid, name: bytes) -> Entry | Oid | None:
        """The entry `name` of the directory `oid`. None if it has no such entry; the oid of a tree that is missing."""
        found = self._read_one(oid)
        if isinstance(found, Sharded):
            oid = next((shard.oid for shard in reversed(found.shards) if shard.first <= name), found.shards[0].oid)
            found = self._read_one(oid)
        if found is None:
            return oid
        if isinstance(found, Sharded):
            raise CorruptError(f"tree {oid.short} is a shard that has shards")
        return next((entry for entry in found.entries if entry.name == name), None)

    def _read_one(self, oid: Oid) -> Leaf | Sharded | None:
        if oid not in self._on_the_way:
            self._on_the_way.update(self.trees([oid]))
        return self._on_the_way.get(oid)

    def _locate(self, oids: Sequence[Oid]) -> list[RemoteLocation]:
        if not self._refreshed:
            self.catalog.refresh()
            self._refreshed = True
        return self.catalog.locate(oids)

    def _receive(self, size: int) -> None:
        self.received += size


def _damaged(store: Store, recipe: Recipe) -> set[Oid]:
    """The chunks of `recipe` that are damaged in the store."""
    found = [one for one in store.locate(set(recipe.oids)) if one.codec is not Codec.CHUNKED]
    return {one.oid for one, content in store.read_all(found) if isinstance(content, CorruptError)}


def _root_of(wanted: Wanted) -> ObjectRef:
    return wanted.tree if isinstance(wanted, ObjectPath) else wanted


def _not_found(wanted: Wanted) -> UsageError:
    path, whole = os.fsdecode(wanted.path), os.fsdecode(_root_of(wanted).path)
    return UsageError(f"{path!r} does not exist", why=f"{whole!r} has no such file or directory")
