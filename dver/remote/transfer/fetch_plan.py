"""What a fetch would get: the trees and recipes that it takes to find out are got on the way, and kept."""

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
from dver.remote.packs.frame_ranges import FetchedFrame, fetch_frames
from dver.remote.transfer.blob_assembly import Assembly
from dver.store.objects.codec import decode_recipe
from dver.store.objects.loose import LinkMode
from dver.store.objects.reader import StoreReader
from dver.store.store import Store
from dver.store.trees.compare import join
from dver.store.trees.reachable import walk
from dver.store.writer import LARGE, StoreWriter

_CHUNKS_AT_ONCE: Final = 64
"""Chunks of loose blobs that are read together: some MiB."""


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
"""What a fetch gets, with everything below it."""


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """What a fetch would get. The trees it took to find out are in the store already."""

    roots: tuple[ObjectRef, ...] = ()
    blobs: tuple[RemoteLocation, ...] = ()
    incomplete: bool = False
    """Is something wanted that cannot be had?"""
    damaged: frozenset[Oid] = frozenset()
    """Objects of which neither the store nor the remote has a good copy, as far as is known yet."""
    recipes: tuple[FetchedFrame, ...] = ()
    """Of large blobs whose chunks are to be kept in packs: to be kept too, once these are here."""
    assemblies: tuple[Assembly, ...] = ()
    """Large blobs to be put together as loose files."""
    loose: bool = False
    """Are large blobs kept loose?"""
    lacking: int = 0
    """Bytes of the assemblies' chunks that are not here, about."""
    trees: int = 0
    bytes_received: int = 0
    files: int = 0
    """Contents of files that are still to be got, in whole or in part."""

    @property
    def objects(self) -> int:
        """How many objects are still to be got."""
        return len(self.blobs) + len(self.recipes) + len(self.assemblies)

    @property
    def size(self) -> int:
        """Bytes that are still to be received, about."""
        return sum([one.stored_size for one in self.blobs]) + self.lacking


def plan_fetch(
    wants: Sequence[Wanted],
    store: Store,
    catalog: Catalog,
    *,
    link_mode: LinkMode = LinkMode.AUTO,
    damaged: Collection[Oid] = (),
) -> FetchPlan:
    """Find out what `wants` reach and the store lacks. Gets the trees and recipes it needs for that, and refreshes the
    catalogue, but sends no request at all if nothing is lacking.

    `damaged` are objects whose copy in the store is known to be bad: they count as absent. Raises UsageError for
    an `ObjectPath` that does not exist, RemoteError.
    """
    complete = set() if damaged else store.index.complete([_root_of(want).oid for want in wants])
    pending = [want for want in wants if _root_of(want).oid not in complete]
    if not pending:
        return FetchPlan()
    # A loose copy would not be seen beside a damaged one in a pack.
    loose = not damaged and link_mode.wants_loose(store.scratch)
    with StoreWriter(store) as writer:
        getter = _Getter(store, catalog, writer, loose=loose, bad=set(damaged))
        roots = tuple(getter.resolve(want) for want in pending)
        blobs = tuple(getter.blobs_below(roots))
        lacking = getter.lacking_chunks()
    return FetchPlan(
        roots,
        blobs,
        incomplete=getter.lost or bool(getter.bad),
        damaged=frozenset(getter.bad),
        recipes=tuple(getter.recipe_frames),
        assemblies=tuple(getter.assemblies),
        loose=loose,
        lacking=lacking,
        trees=getter.count,
        bytes_received=getter.received,
        files=getter.files,
    )


def fetch_trees(roots: Sequence[Oid], store: Store, catalog: Catalog) -> bool:
    """Get the trees at and below `roots` that the store lacks, and nothing else. False if some cannot be had.

    Raises RemoteError.
    """
    with StoreWriter(store) as writer:
        getter = _Getter(store, catalog, writer, loose=False, bad=set())
        pairs = [(oid, ObjectKind.TREE) for oid in roots]
        for batch in walk(pairs, getter, lambda _, oids: store.index.complete(oids)):
            if batch.kind is ObjectKind.BLOB:
                break
    return not getter.lost


@dataclass(slots=True)
class _Getter:
    """Reads trees and recipes, from the store if it has them, else from the remote; see `closure.Reader`."""

    store: Store
    catalog: Catalog
    writer: StoreWriter
    loose: bool
    """Are large blobs put together as loose files, so that their recipes need not be kept?"""
    bad: set[Oid]
    """Objects of which no good copy was found yet."""
    assemblies: list[Assembly] = field(default_factory=list)
    recipe_frames: list[FetchedFrame] = field(default_factory=list)
    count: int = 0
    received: int = 0
    files: int = 0
    lost: bool = False
    """Was there something that cannot be had?"""
    _refreshed: bool = False
    _asked: set[Oid] = field(default_factory=set)
    """Blobs of which `_found` tells where the remote has them, if it has."""
    _found: list[RemoteLocation] = field(default_factory=list)
    _on_the_way: dict[Oid, Leaf | Sharded] = field(default_factory=dict)
    _sizes: dict[Oid, int] = field(default_factory=dict)
    """Bytes that large blobs have where they are listed. A recipe for more is a lie, which would fill the disk."""

    def resolve(self, want: Wanted) -> ObjectRef:
        """The object that is wanted; the last tree on the way to it that can be had, if that is not the whole way."""
        root = _root_of(want)
        for name in want.names if isinstance(want, ObjectPath) else ():
            if root.kind is not ObjectKind.TREE:
                raise _no_such(want)
            entry = self._entry(root.oid, name)
            if isinstance(entry, Oid):
                return root._replace(oid=entry)
            if entry is None:
                raise _no_such(want)
            root = entry.ref(join(root.path, name))
        return root

    def blobs_below(self, roots: Sequence[ObjectRef]) -> list[RemoteLocation]:
        """Where the blobs and chunks lie that the store lacks. Sets `lost` if there are some that cannot be had.

        Chunks that are in loose blobs here are kept at once.
        """
        lacking: list[Oid] = []
        self._sizes.update((root.oid, root.size or SIZE_MAX) for root in roots if root.kind is ObjectKind.BLOB)
        for batch in walk([root.key for root in roots], self, lambda _, oids: self._complete(oids)):
            if batch.kind is ObjectKind.BLOB:
                here = self.store.present(batch.oids) - self.bad
                absent = [oid for oid in batch.oids if oid not in here]
                self.files += 0 if batch.are_chunks else len(absent)
                lacking += absent
        lacking = self._not_in_loose(lacking)
        chunks = [oid for oid in lacking if oid not in self._asked]
        found = [*self._found, *(self._locate(chunks) if chunks else [])]
        wanted = set(lacking)
        frames = sorted(one for one in found if one.codec is not Codec.CHUNKED and one.oid in wanted)
        known = {one.oid for one in found}
        self.lost = self.lost or not wanted <= known
        self.bad.difference_update([one.oid for one in frames])
        return frames

    def lacking_chunks(self) -> int:
        """Bytes of the chunks of `assemblies` that are not known to be here."""
        chunks = {chunk.oid: chunk.size for one in self.assemblies for chunk in one.recipe.chunks}
        here = self.store.present(chunks) | {place.oid for place in self.store.loose_chunks.locate(chunks)}
        return sum([size for oid, size in chunks.items() if oid not in here])

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
        """See `Reader`. Of those that will be put together as loose files nothing is said: they need no chunks."""
        suspect = self.bad.intersection(oids)
        good = [oid for oid in oids if oid not in suspect]
        yield from StoreReader(self.store, self.bad).recipes(good)
        here = self.store.present(good) - self.bad
        absent = [oid for oid in oids if oid not in here]
        for oid, recipe in self._recipes_from_remote(absent) if absent else ():
            if oid in suspect:
                self.bad |= _damaged(self.store, recipe)
            yield oid, recipe

    def _complete(self, oids: Sequence[Oid]) -> set[Oid]:
        return set() if self.bad else self.store.index.complete(oids)

    def _trees_from_remote(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Leaf | Sharded]]:
        lacking = set(oids)
        found = [one for one in self._locate(oids) if one.codec is not Codec.CHUNKED]
        for frame in self._frames(found):
            content = _decoded(frame)
            if content is None:
                self.bad.add(frame.row.oid)
                continue
            lacking.discard(frame.row.oid)
            self._keep(frame)
            yield frame.row.oid, content
        self.lost = self.lost or bool(lacking)

    def _recipes_from_remote(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Recipe]]:
        located = self._locate(oids)
        self._asked.update(oids)
        self._found += located
        chunked = [one for one in located if one.codec is Codec.CHUNKED]
        found = [one for one in chunked if one.raw_size <= self._sizes.get(one.oid, LARGE)]
        self.bad.update({one.oid for one in chunked} - {one.oid for one in found})
        lacking = len(found)
        for frame in self._frames(found):
            lacking -= 1
            recipe = decode_recipe(frame.row, frame.content)
            if self.loose:
                self.assemblies.append(Assembly(frame.row.oid, recipe))
            else:
                self.recipe_frames.append(frame)
                yield frame.row.oid, recipe
        self.lost = self.lost or lacking > 0

    def _frames(self, found: Sequence[RemoteLocation]) -> Iterator[FetchedFrame]:
        """The good ones of the frames `found`; the others are noted as bad."""
        for oid, frame in fetch_frames(self.catalog.storage, found, jobs=self.catalog.jobs, received=self._receive):
            if isinstance(frame, FetchedFrame):
                self.bad.discard(oid)
                yield frame
            elif isinstance(frame, CorruptError):
                self.bad.add(oid)

    def _keep(self, frame: FetchedFrame) -> None:
        self.writer.add_frame(frame.row, frame.frame)
        self.count += 1

    def _not_in_loose(self, oids: Sequence[Oid]) -> list[Oid]:
        """Keep those of `oids` that are chunks of loose blobs here; returns the others."""
        kept: set[Oid] = set()
        for batch in batched(self.store.loose_chunks.locate(oids), _CHUNKS_AT_ONCE):
            contents = dict(self.store.loose_chunks.contents(batch))
            self.writer.add_blobs(contents.items())
            kept.update(contents)
        return [oid for oid in oids if oid not in kept]

    def _entry(self, oid: Oid, name: bytes) -> Entry | Oid | None:
        """The entry `name` of the directory `oid`; None if it has none; the oid of a tree that cannot be had."""
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
    """The chunks of `recipe` that are in the store, and damaged there."""
    found = [one for one in store.locate(set(recipe.oids)) if one.codec is not Codec.CHUNKED]
    return {one.oid for one, content in store.read_all(found) if isinstance(content, CorruptError)}


def _decoded(frame: FetchedFrame) -> Leaf | Sharded | None:
    """The tree in `frame`; None if there is none."""
    try:
        return tree.decode(frame.content)
    except CorruptError:
        return None


def _root_of(want: Wanted) -> ObjectRef:
    return want.tree if isinstance(want, ObjectPath) else want


def _no_such(want: Wanted) -> UsageError:
    path, tree = os.fsdecode(want.path), os.fsdecode(_root_of(want).path)
    return UsageError(f"{path!r} does not exist", why=f"{tree!r} has nothing of that name")
