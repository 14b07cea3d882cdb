"""What a root reaches: every tree, shard and blob below it, each once, asked for in bulk and never one by one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final, NamedTuple, TypeVar

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import tree
from dver.formats.pack import ObjectKind
from dver.formats.tree import Kind, Leaf, Sharded
from dver.store.compare import join
from dver.store.store import IN_MEMORY_MAX, Store

BATCH: Final = 10_000
"""Objects that are asked about at once."""
NAMED: Final = 10
"""Objects that an error names before it only counts."""

T = TypeVar("T")

TreeReader = Callable[[Sequence[Oid]], Iterable[tuple[Oid, Leaf | Sharded]]]
"""Answers with those of the trees that it can read, in any order."""
Known = Callable[[ObjectKind, Sequence[Oid]], set[Oid]]
"""Answers with those of the objects that are somewhere. A blob may have the bytes of a tree: hence the kind."""


class Root(NamedTuple):
    """Where to begin, and how to call it in messages. `size` is in bytes, of all below it."""

    oid: Oid
    kind: ObjectKind
    path: bytes = b""
    size: int = 0


class Batch(NamedTuple):
    """Some objects of one kind."""

    kind: ObjectKind
    oids: list[Oid]


class Missing(NamedTuple):
    """An object that is not where it is needed. `path` is that of the file or directory it belongs to."""

    path: bytes
    oid: Oid
    size: int


def walk(roots: Iterable[tuple[Oid, ObjectKind]], read_trees: TreeReader, skip: Known) -> Iterator[Batch]:
    """All that `roots` reach, each object once: trees level by level, then blobs.

    What `skip` knows is left out, with all below it. A tree is yielded before it is read; one that `read_trees` does
    not answer with is not gone into.
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
            yield Batch(ObjectKind.TREE, batch)
            for _, found in read_trees(batch):
                trees, files = children(found)
                below += _fresh(trees, seen_trees)
                blobs += _fresh(files, seen_blobs)
        level = below
    for batch in _unknown(ObjectKind.BLOB, blobs, skip):
        yield Batch(ObjectKind.BLOB, batch)


def children(found: Leaf | Sharded) -> tuple[list[Oid], list[Oid]]:
    """The trees (or shards) and the blobs that a tree names."""
    if isinstance(found, Sharded):
        return [shard.oid for shard in found.shards], []
    directories = [entry.oid for entry in found.entries if entry.kind is Kind.DIRECTORY]
    return directories, [entry.oid for entry in found.entries if entry.kind is not Kind.DIRECTORY]


def find_missing(
    roots: Iterable[Root], read_trees: TreeReader, present: Known, *, closed: bool = False
) -> list[Missing]:
    """What `roots` reach and `present` does not know, by path.

    With `closed`, a tree that is present vouches for all below it, and those that are not are gone into, as far as
    `read_trees` can; without it, those that are present are gone into.
    """
    lost: list[Missing] = []
    seen: set[tuple[ObjectKind, Oid]] = set()
    level = list(roots)
    while level:
        below: list[Root] = []
        for batch in batched(level, BATCH):
            fresh = {(one.kind, one.oid): one for one in reversed(batch) if (one.kind, one.oid) not in seen}
            seen.update(fresh)
            known = {
                (kind, oid)
                for kind in ObjectKind
                for oid in present(kind, [one.oid for one in fresh.values() if one.kind is kind])
            }
            lost += [Missing(one.path, one.oid, one.size) for key, one in fresh.items() if key not in known]
            entered = {one.oid: one for key, one in fresh.items() if one.kind is ObjectKind.TREE}
            wanted = [oid for oid in entered if ((ObjectKind.TREE, oid) in known) is not closed]
            for oid, found in read_trees(wanted):
                below += _named_children(entered[oid], found)
        level = below
    return sorted(lost)


def missing_from(store: Store, roots: Iterable[Root]) -> list[Missing]:
    """What `roots` reach and the store does not hold, by path. Raises CorruptError for a tree that is damaged.

    A tree that is missing is listed alone, since what is below it cannot be known.
    """
    asked = list(roots)
    complete = store.complete([one.oid for one in asked])
    return find_missing(
        [one for one in asked if one.oid not in complete], tree_reader(store), lambda _, oids: store.present(oids)
    )


def tree_reader(store: Store, damaged: set[Oid] | None = None) -> TreeReader:
    """A reader of the store's trees. One that is damaged raises CorruptError, or is put into `damaged` if given."""

    def read(oids: Sequence[Oid]) -> Iterator[tuple[Oid, Leaf | Sharded]]:
        located = store.locate(oids)
        huge = [(one, CorruptError(f"object {one.oid} is no tree")) for one in located if one.raw_size > IN_MEMORY_MAX]
        rest = store.read_all([one for one in located if one.raw_size <= IN_MEMORY_MAX])
        for found, content in chain(huge, rest):
            try:
                if isinstance(content, CorruptError):
                    raise content
                yield found.oid, tree.decode(content)
            except CorruptError:
                if damaged is None:
                    raise
                damaged.add(found.oid)

    return read


def batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The same values in lists of `size`, but for a shorter last one."""
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch


def named(missing: Sequence[Missing]) -> str:
    """The first few of `missing` for a message, and how many more there are."""
    shown = [os.fsdecode(one.path) if one.path else str(one.oid) for one in missing[:NAMED]]
    more = len(missing) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _named_children(parent: Root, found: Leaf | Sharded) -> Iterator[Root]:
    if isinstance(found, Sharded):
        return (Root(shard.oid, ObjectKind.TREE, parent.path, shard.size) for shard in found.shards)
    return (
        Root(
            entry.oid,
            ObjectKind.TREE if entry.kind is Kind.DIRECTORY else ObjectKind.BLOB,
            join(parent.path, entry.name),
            entry.size,
        )
        for entry in found.entries
    )


def _fresh(oids: Sequence[Oid], seen: set[Oid]) -> list[Oid]:
    """Those of `oids` that were not seen, in order and each once; from now on they are."""
    fresh = [oid for oid in dict.fromkeys(oids) if oid not in seen]
    seen.update(fresh)
    return fresh


def _unknown(kind: ObjectKind, oids: Sequence[Oid], skip: Known) -> Iterator[list[Oid]]:
    for batch in batched(oids, BATCH):
        known = skip(kind, batch)
        if rest := [oid for oid in batch if oid not in known]:
            yield rest
