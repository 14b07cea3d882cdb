"""Walking the objects that roots reach: trees, shards, blobs and chunks, each once, in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from dver.core.batches import batched
from dver.core.oid import Oid
from dver.core.phrasing import join_limited
from dver.formats.objectref import ObjectKey, ObjectRef
from dver.formats.pack import ObjectKind
from dver.formats.recipe import Recipe
from dver.formats.tree import Kind, Leaf, Sharded
from dver.store.trees.compare import join

BATCH: Final = 10_000
"""Objects in one batch."""
NAMED: Final = 10
"""Objects that an error names; it counts the others."""

FindPresent = Callable[[ObjectKind, Sequence[Oid]], set[Oid]]
"""Returns those of the objects that exist. The kind matters: a blob may have the bytes of a tree."""


class Reader(Protocol):
    """Reads the trees and recipes during a walk."""

    def trees(self, oids: Sequence[Oid]) -> Iterable[tuple[Oid, Leaf | Sharded]]:
        """The readable ones of the trees, in any order."""
        ...

    def recipes(self, oids: Sequence[Oid]) -> Iterable[tuple[Oid, Recipe]]:
        """The readable recipes of those of the blobs that are chunked, in any order."""
        ...


class ObjectBatch(NamedTuple):
    """Some objects of one kind."""

    kind: ObjectKind
    oids: list[Oid]
    are_chunks: bool = False
    """Are these chunks of large blobs?"""


class MissingObject(NamedTuple):
    """A missing object. `path` is the file or directory that needs it."""

    path: bytes
    oid: Oid
    size: int


def walk(roots: Iterable[ObjectKey], reader: Reader, skip: FindPresent) -> Iterator[ObjectBatch]:
    """All objects that `roots` reach, each once: trees level by level, then blobs, each batch before its chunks.

    Leaves out the objects that `skip` returns, with all below them. Yields an object before it is read, and ignores
    what is below one that `reader` cannot read.
    """
    seen_trees: set[Oid] = set()
    seen_blobs: set[Oid] = set()
    level: list[Oid] = []
    blobs: list[Oid] = []
    for oid, kind in roots:
        if kind is ObjectKind.TREE:
            level += _fresh([oid], seen_trees)
        else:
            blobs += _fresh([oid], seen_blobs)
    while level:
        below: list[Oid] = []
        for batch in _unknown(ObjectKind.TREE, level, skip):
            yield ObjectBatch(ObjectKind.TREE, batch)
            for _, found in reader.trees(batch):
                trees, files = children(found)
                below += _fresh(trees, seen_trees)
                blobs += _fresh(files, seen_blobs)
        level = below
    for batch in _unknown(ObjectKind.BLOB, blobs, skip):
        yield ObjectBatch(ObjectKind.BLOB, batch)
        chunks = (oid for _, recipe in reader.recipes(batch) for oid in _fresh(recipe.oids, seen_blobs))
        for part in _unknown(ObjectKind.BLOB, chunks, skip):
            yield ObjectBatch(ObjectKind.BLOB, part, are_chunks=True)


def children(found: Leaf | Sharded) -> tuple[list[Oid], list[Oid]]:
    """The trees or shards, and the blobs, in a tree."""
    if isinstance(found, Sharded):
        return [shard.oid for shard in found.shards], []
    directories = [entry.oid for entry in found.entries if entry.kind is Kind.DIRECTORY]
    return directories, [entry.oid for entry in found.entries if entry.kind is not Kind.DIRECTORY]


def find_missing(
    roots: Iterable[ObjectRef], reader: Reader, present: FindPresent, *, closed: bool = False
) -> list[MissingObject]:
    """The objects that `roots` reach and `present` does not return, by path. A blob with missing chunks counts, too.

    Walks the trees that are present. With `closed`, a tree that is present is complete, so the walk skips it, and
    enters those that are missing, as far as `reader` can read them.
    """
    lost: list[MissingObject] = []
    seen: set[tuple[ObjectKind, Oid]] = set()
    level = list(roots)
    while level:
        below: list[ObjectRef] = []
        for batch in batched(level, BATCH):
            fresh = {(one.kind, one.oid): one for one in reversed(batch) if (one.kind, one.oid) not in seen}
            seen.update(fresh)
            known = {
                (kind, oid)
                for kind in ObjectKind
                for oid in present(kind, [one.oid for one in fresh.values() if one.kind is kind])
            }
            lost += [MissingObject(one.path, one.oid, one.size) for key, one in fresh.items() if key not in known]
            entered = {one.oid: one for one in fresh.values() if one.kind is ObjectKind.TREE}
            wanted = [oid for oid in entered if ((ObjectKind.TREE, oid) in known) is not closed]
            for oid, found in reader.trees(wanted):
                below += _named_children(entered[oid], found)
            if not closed:
                blobs = {one.oid: one for key, one in fresh.items() if one.kind is ObjectKind.BLOB and key in known}
                lost += _lacking_chunks(blobs, reader, present)
        level = below
    return sorted(lost)


def _lacking_chunks(blobs: Mapping[Oid, ObjectRef], reader: Reader, present: FindPresent) -> Iterator[MissingObject]:
    for oid, recipe in reader.recipes(list(blobs)):
        chunks = dict(recipe.chunks)
        here = {one for batch in batched(chunks, BATCH) for one in present(ObjectKind.BLOB, batch)}
        if absent := [size for one, size in chunks.items() if one not in here]:
            yield MissingObject(blobs[oid].path, oid, sum(absent))


def describe_missing(missing: Sequence[MissingObject]) -> str:
    """The paths of the first few of `missing`, and the number of the others, for a message."""
    return join_limited([os.fsdecode(one.path) if one.path else str(one.oid) for one in missing], NAMED)


def _named_children(parent: ObjectRef, found: Leaf | Sharded) -> Iterator[ObjectRef]:
    if isinstance(found, Sharded):
        return (ObjectRef(shard.oid, ObjectKind.TREE, parent.path, shard.size) for shard in found.shards)
    return (entry.ref(join(parent.path, entry.name)) for entry in found.entries)


def _fresh(oids: Sequence[Oid], seen: set[Oid]) -> list[Oid]:
    """Those of `oids` that are not in `seen`, in order and each once. Adds them to it."""
    fresh = [oid for oid in dict.fromkeys(oids) if oid not in seen]
    seen.update(fresh)
    return fresh


def _unknown(kind: ObjectKind, oids: Iterable[Oid], skip: FindPresent) -> Iterator[list[Oid]]:
    for batch in batched(oids, BATCH):
        known = skip(kind, batch)
        if rest := [oid for oid in batch if oid not in known]:
            yield rest
