"""Garbage collection of the store: a plan made from data alone, and its execution.

A pack without referenced objects moves to the trash. A pack with few is rewritten, and small packs are merged. Frames
move verbatim. docs/format/store.md has the order of the steps, and the state after a crash between any two of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from dver.core.batches import batched
from dver.core.errors import CorruptError
from dver.core.files import is_disk_full
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress, Task
from dver.formats import pack
from dver.formats.objectref import ObjectKey
from dver.formats.pack import Codec, ObjectKind, Row
from dver.store.gc.repack import PackPlan, rewrite
from dver.store.objects.bulk_reader import StoreReader
from dver.store.objects.incomplete_blobs import clear_incomplete_blobs
from dver.store.objects.oid_set import OidList, OidSet
from dver.store.objects.packs import PackReader, list_packs, pack_file_name
from dver.store.store import Store
from dver.store.trash.batch import OpenBatch
from dver.store.trash.guard import Roots, restore_needed
from dver.store.trees.reachable import BATCH, children

SMALL: Final = 8 << 20
"""A pack of fewer bytes is small."""
_PLANS_MAX: Final = 4
"""How often the plan is repeated because more objects are referenced by now. After that, they are restored instead."""
SEVERAL: Final = 4
"""The number of small packs that are merged: fewer are not worth the writing."""


class PackContent(NamedTuple):
    """A pack, and the rows of its footer. `size` is the size of the file in bytes."""

    name: Oid
    size: int
    rows: Sequence[Row]


class LooseBlob(NamedTuple):
    """A loose blob. `size` is in bytes."""

    oid: Oid
    size: int


@dataclass(frozen=True, slots=True)
class GcPlan:
    """The packs and loose blobs that a gc removes, rewrites and keeps."""

    dead_packs: tuple[PackPlan, ...] = ()
    """Packs without live objects."""
    rewritten: tuple[PackPlan, ...] = ()
    """Packs whose live frames are copied into new ones."""
    dead_loose: tuple[LooseBlob, ...] = ()
    kept: tuple[PackPlan, ...] = ()
    kept_loose: tuple[LooseBlob, ...] = ()

    @property
    def objects(self) -> int:
        """The number of objects that leave the store."""
        return sum([one.dead for one in (*self.dead_packs, *self.rewritten)]) + len(self.dead_loose)

    @property
    def size(self) -> int:
        """Bytes that the store shrinks by, about."""
        packs = sum([one.size for one in self.dead_packs])
        packs += sum([one.size - one.live_size for one in self.rewritten])
        return packs + sum([one.size for one in self.dead_loose])

    @property
    def kept_objects(self) -> int:
        """The number of objects that stay in the store."""
        return sum(one.live for one in (*self.kept, *self.rewritten)) + len(self.kept_loose)

    @property
    def kept_size(self) -> int:
        """Bytes of the packs and loose blobs that stay, about."""
        packs = sum(one.size for one in self.kept) + sum(one.live_size for one in self.rewritten)
        return packs + sum(one.size for one in self.kept_loose)

    @property
    def left_size(self) -> int:
        """Bytes of dead objects in packs that stay."""
        return sum([one.size - one.live_size for one in self.kept if one.dead])

    @property
    def empty(self) -> bool:
        """Does nothing change?"""
        return not (self.dead_packs or self.rewritten or self.dead_loose)


def plan_gc(
    live: Container[Oid],
    packs: Iterable[PackContent],
    loose: Iterable[LooseBlob],
    *,
    stuck: Container[Oid] = (),
) -> GcPlan:
    """Plan the collection of `packs` and `loose` blobs that are not `live`. `stuck` packs cannot be rewritten."""
    contents = [_count_live(one, live) for one in packs]
    dead = [one for one in contents if not one.live]
    movable = [one for one in contents if one.live and one.name not in stuck]
    # An unreferenced recipe must not stay without its chunks: a reader would take its blob for present.
    wasteful = {one.name for one in movable if one.dead_recipes or 2 * one.live_size < one.size}
    small = {one.name for one in movable if one.name not in wasteful and one.size < SMALL}
    if len(small) + sum(one.name in wasteful and one.live_size < SMALL for one in movable) < SEVERAL:
        small = set()
    rewritten = [one for one in movable if one.name in wasteful or one.name in small]
    going = {one.name for one in (*dead, *rewritten)}
    files = list(loose)
    return GcPlan(
        tuple(dead),
        tuple(rewritten),
        tuple(one for one in files if one.oid not in live),
        tuple(one for one in contents if one.name not in going),
        tuple(one for one in files if one.oid in live),
    )


def _count_live(content: PackContent, live: Container[Oid]) -> PackPlan:
    count = size = recipes = 0
    for row in content.rows:
        if row.oid in live:
            count += 1
            size += row.frame_size + pack.ROW_SIZE
        elif row.codec is Codec.CHUNKED:
            recipes += 1
    return PackPlan(content.name, content.size, count, size, len(content.rows) - count, recipes)


# -- finding


@dataclass(frozen=True, slots=True)
class Inventory:
    """The packs and loose blobs at one moment. A gc does not touch later ones."""

    packs: tuple[Oid, ...]
    loose: tuple[Oid, ...]


class ReachableObjects:
    """The objects that `roots` reach, in about a hundred bytes each."""

    def __init__(self) -> None:
        self.roots: frozenset[ObjectKey] = frozenset()
        # Separate, since a file may have the bytes of a directory, and only a directory needs its entries.
        self.trees = OidSet()
        self.blobs = OidSet()
        self._missing = {kind: OidList() for kind in ObjectKind}

    def __contains__(self, oid: object) -> bool:
        return oid in self.blobs or oid in self.trees

    def __len__(self) -> int:
        return len(self.trees) + len(self.blobs)

    def add_missing(self, kind: ObjectKind, oids: Iterable[Oid]) -> None:
        """Record objects that are not in the store: what is below them is unknown."""
        self._missing[kind].extend(oids)

    @property
    def missing(self) -> Iterator[ObjectKey]:
        """The reachable objects that are not in the store."""
        return ((oid, kind) for kind, oids in self._missing.items() for oid in oids)


def take_inventory(store: Store) -> Inventory:
    """The packs and loose blobs of the store now. Call it first, and then `find_reachable`."""
    store.refresh()
    return Inventory(tuple(sorted(list_packs(store.packs))), tuple(store.loose.all()))


def find_reachable(store: Store, roots: Roots, *, progress: Progress = SILENT) -> ReachableObjects:
    """The objects that `roots` reach. Raises CorruptError for an unreadable tree, recipe or pack: it may name more."""
    reachable = ReachableObjects()
    extend_reachable(store, reachable, roots, progress=progress)
    return reachable


def extend_reachable(store: Store, reachable: ReachableObjects, roots: Roots, *, progress: Progress = SILENT) -> bool:
    """Add `roots` and all that they reach. Returns whether a root was new. Raises as `find_reachable` does."""
    new = frozenset(roots) - reachable.roots
    reachable.roots |= new
    store.refresh()
    with progress.task("find referenced objects", unit="objects") as task:
        # Not `reachable.walk`, which keeps all blobs in memory until it has read all trees.
        level = reachable.trees.fresh(sorted(oid for oid, kind in new if kind is ObjectKind.TREE))
        blobs = reachable.blobs.fresh(sorted(oid for oid, kind in new if kind is ObjectKind.BLOB))
        while level or blobs:
            below: list[Oid] = []
            for batch in batched(level, BATCH):
                _record_missing(store, reachable, ObjectKind.TREE, batch, task)
                for _, found in StoreReader(store).trees(batch):
                    trees, files = children(found)
                    below += reachable.trees.fresh(trees)
                    blobs += reachable.blobs.fresh(files)
                    if len(blobs) >= BATCH:
                        _add_blobs(store, reachable, blobs, task)
                        blobs = []
            _add_blobs(store, reachable, blobs, task)
            level, blobs = below, []
    if store.index.damaged_packs:
        raise _unreadable(store.index.damaged_packs[0])
    return bool(new)


def _add_blobs(store: Store, reachable: ReachableObjects, oids: Iterable[Oid], task: Task) -> None:
    """Add the new blobs `oids`, and the chunks of the chunked ones."""
    pending = list(oids)
    while pending:
        batch, pending = pending[:BATCH], pending[BATCH:]
        _record_missing(store, reachable, ObjectKind.BLOB, batch, task)
        for _, recipe in StoreReader(store).recipes(batch):
            # A chunk may itself be a chunked file, so chunks are treated like files.
            pending += reachable.blobs.fresh(recipe.oids)


def _record_missing(
    store: Store, reachable: ReachableObjects, kind: ObjectKind, oids: Sequence[Oid], task: Task
) -> None:
    present = store.present(oids)
    reachable.add_missing(kind, (oid for oid in oids if oid not in present))
    task.advance(len(oids))


def _unreadable(path: Path) -> CorruptError:
    return CorruptError(
        f"cannot read the list of objects in {os.fspath(path)!r}",
        why="its footer is damaged, and directories in it may reference other objects; nothing was removed",
        fix="`dver fsck --repair` rewrites the pack",
    )


def contents(store: Store, inventory: Inventory) -> Iterator[PackContent]:
    """The contents of the packs of `inventory`, one after the other. Skips packs that are gone."""
    for name in inventory.packs:
        path = store.packs / pack_file_name(name)
        try:
            with PackReader(path) as reader:
                rows = reader.rows(name)
            yield PackContent(name, path.stat().st_size, rows)
        except FileNotFoundError:
            continue
        except CorruptError as error:
            raise _unreadable(path) from error


def loose_blobs(store: Store, inventory: Inventory) -> Iterator[LooseBlob]:
    """The loose blobs of `inventory`, with their sizes."""
    for oid in inventory.loose:
        with suppress(FileNotFoundError):
            yield LooseBlob(oid, store.loose.path(oid).stat().st_size)


def dead_objects(store: Store, inventory: Inventory, live: Container[Oid]) -> Iterator[Row]:
    """The objects in the packs of `inventory` that are not `live`."""
    for one in contents(store, inventory):
        yield from (row for row in one.rows if row.oid not in live)


def plan_for(store: Store, inventory: Inventory, reachable: ReachableObjects, stuck: Container[Oid] = ()) -> GcPlan:
    """`plan_gc` for what lies in the store."""
    return plan_gc(reachable, contents(store, inventory), loose_blobs(store, inventory), stuck=stuck)


# -- collecting


@dataclass(frozen=True, slots=True)
class GcResult:
    plan: GcPlan
    damaged: tuple[Oid, ...] = ()
    """Packs that could not be rewritten because of a corrupt frame. They stay as they are."""


def collect(
    store: Store,
    batch: OpenBatch,
    inventory: Inventory,
    reachable: ReachableObjects,
    *,
    roots_now: Callable[[], Roots],
    progress: Progress = SILENT,
) -> GcResult:
    """Move the objects of `inventory` that are not `reachable` to the trash.

    `roots_now` reads the roots again, since another command may name more meanwhile. Raises as it does.
    """
    store.scratch.clear_leftovers()
    clear_incomplete_blobs(store.scratch)
    plans = 0
    while True:
        known = reachable.roots
        plan, replaced, damaged = _rewrite_all(store, inventory, reachable, progress)
        plans += 1
        # Read as late as possible: a command that named objects meanwhile misses them for a moment.
        if plan.empty or not extend_reachable(store, reachable, roots_now()) or plans == _PLANS_MAX:
            break
    plan = _move(batch, plan, replaced)
    batch.sync()
    if not plan.empty or batch.orphans:
        late = {*roots_now()} if batch.orphans else {*roots_now()} - known
        # Objects that were missing may be in the store by now, and lead to others.
        restore_needed(store, [*reachable.missing, *late])
    for one in plan.rewritten:
        if not one.dead and one.name in replaced:
            batch.delete_pack(one.name)
    return GcResult(plan, tuple(sorted(damaged)))


def _move(batch: OpenBatch, plan: GcPlan, replaced: Sequence[Oid]) -> GcPlan:
    """Move dead packs and blobs into `batch`. Returns the plan as executed: on a full disk, the rest stays."""
    packs: list[PackPlan] = []
    loose: list[LooseBlob] = []
    try:
        for name in replaced:
            batch.add_pack(name)
        for one in plan.dead_packs:
            batch.add_pack(one.name)
            packs.append(one)
        for blob in plan.dead_loose:
            batch.add_loose(blob.oid)
            loose.append(blob)
    except OSError as error:
        if not is_disk_full(error) or not (packs or loose or batch.orphans):
            raise
        return replace(plan, dead_packs=tuple(packs), dead_loose=tuple(loose))
    return plan


def _rewrite_all(
    store: Store, inventory: Inventory, reachable: ReachableObjects, progress: Progress
) -> tuple[GcPlan, list[Oid], set[Oid]]:
    """Rewrite packs. Returns the plan that can be executed, the packs that new ones replace, and the corrupt packs.

    On a full disk, packs that need rewriting stay, and the rest goes.
    """
    damaged: set[Oid] = set()
    unwritable: set[Oid] = set()
    while True:
        plan = plan_for(store, inventory, reachable, damaged | unwritable)
        try:
            broken, made = rewrite(store, plan.rewritten, reachable, progress)
        except OSError as error:
            if not is_disk_full(error):
                raise
            broken = {one.name for one in plan.rewritten}
            unwritable |= broken
        else:
            if not broken:
                # The same objects make the same pack, which must stay.
                return plan, [one.name for one in plan.rewritten if one.name not in made], damaged
            damaged |= broken
        _add_chunks_of(store, broken, reachable)


def _add_chunks_of(store: Store, packs: Iterable[Oid], reachable: ReachableObjects) -> None:
    """Add the chunks of all recipes in `packs`: these packs stay with unreferenced recipes."""
    for name in packs:
        with suppress(FileNotFoundError), PackReader(store.packs / pack_file_name(name)) as reader:
            recipes = [row.oid for row in reader.rows(name) if row.codec is Codec.CHUNKED]
            for _, recipe in StoreReader(store, damaged=set()).recipes(recipes):
                reachable.blobs.fresh(recipe.oids)
