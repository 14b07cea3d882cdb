"""Taking out of the store what nobody needs: a plan made from data alone, and carrying it out.

A pack without anything that is needed goes to the trash; one of which little is needed is written anew, and several
small ones become one. Frames move verbatim. The order in which things happen, and what a crash leaves between any two
of them, is written down in docs/format/store.md.
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
from dver.store.objects.incomplete_blobs import clear_incomplete_blobs
from dver.store.objects.oid_set import OidList, OidSet
from dver.store.objects.packs import PackReader, pack_file_name, parse_pack_file_name
from dver.store.objects.reader import StoreReader
from dver.store.store import Store
from dver.store.trash.batch import OpenBatch
from dver.store.trash.guard import Roots, restore_needed
from dver.store.trees.reachable import BATCH, children

SMALL: Final = 8 << 20
"""Bytes below which a pack is small."""
_LOOKS: Final = 4
"""How often a plan is made anew, since more is needed by now, before what came last is put back instead."""
SEVERAL: Final = 4
"""Small packs from which on they are made into one: fewer are not worth the writing."""


class PackContent(NamedTuple):
    """A pack, and what its footer lists. `size` is that of the file, in bytes."""

    name: Oid
    size: int
    rows: Sequence[Row]


class LooseBlob(NamedTuple):
    """A loose blob. `size` in bytes."""

    oid: Oid
    size: int


@dataclass(frozen=True, slots=True)
class GcPlan:
    """What a gc will do. Everything that is not listed stays as it is."""

    dead_packs: tuple[PackPlan, ...] = ()
    """Packs of which nothing is needed."""
    rewritten: tuple[PackPlan, ...] = ()
    """Packs whose needed frames are written into new ones."""
    dead_loose: tuple[LooseBlob, ...] = ()
    kept: tuple[PackPlan, ...] = ()
    kept_loose: tuple[LooseBlob, ...] = ()

    @property
    def objects(self) -> int:
        """How many objects leave the store."""
        return sum([one.dead for one in (*self.dead_packs, *self.rewritten)]) + len(self.dead_loose)

    @property
    def size(self) -> int:
        """By how many bytes the store shrinks, about."""
        packs = sum([one.size for one in self.dead_packs])
        packs += sum([one.size - one.live_size for one in self.rewritten])
        return packs + sum([one.size for one in self.dead_loose])

    @property
    def empty(self) -> bool:
        """Is there nothing to do?"""
        return not (self.dead_packs or self.rewritten or self.dead_loose)


def plan_gc(
    live: Container[Oid],
    packs: Iterable[PackContent],
    loose: Iterable[LooseBlob],
    *,
    stuck: Container[Oid] = (),
) -> GcPlan:
    """What to do with `packs` and `loose` blobs where `live` is needed. `stuck` packs cannot be written anew."""
    contents = [_judge(one, live) for one in packs]
    dead = [one for one in contents if not one.live]
    movable = [one for one in contents if one.live and one.name not in stuck]
    # A recipe that nobody needs must not stay without its chunks: whoever found it would take the blob for present.
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


def _judge(content: PackContent, live: Container[Oid]) -> PackPlan:
    count = size = recipes = 0
    for row in content.rows:
        if row.oid in live:
            count += 1
            size += row.frame_size + pack.ROW_SIZE
        elif row.codec is Codec.CHUNKED:
            recipes += 1
    return PackPlan(content.name, content.size, count, size, len(content.rows) - count, recipes)


# -- looking


@dataclass(frozen=True, slots=True)
class Inventory:
    """What lay in the store at one moment. What came later is not this gc's to judge."""

    packs: tuple[Oid, ...]
    loose: tuple[Oid, ...]


class ReachableObjects:
    """All that `roots` reach. About a hundred bytes for each object."""

    def __init__(self) -> None:
        self.roots: frozenset[ObjectKey] = frozenset()
        # Apart, since a file may have the bytes of a directory, and what is in that is needed where it is one.
        self.trees = OidSet()
        self.blobs = OidSet()
        self._absent = {kind: OidList() for kind in ObjectKind}

    def __contains__(self, oid: object) -> bool:
        return oid in self.blobs or oid in self.trees

    def __len__(self) -> int:
        return len(self.trees) + len(self.blobs)

    def note_absent(self, kind: ObjectKind, oids: Iterable[Oid]) -> None:
        """Some of it is not in the store, so what lies below is not known."""
        self._absent[kind].extend(oids)

    @property
    def absent(self) -> Iterator[ObjectKey]:
        """What of it is not in the store."""
        return ((oid, kind) for kind, oids in self._absent.items() for oid in oids)


def take_inventory(store: Store) -> Inventory:
    """What lies in the store. To be called before `find_reachable`, and that before nothing else."""
    store.refresh()
    try:
        names = sorted(name for name in map(parse_pack_file_name, os.listdir(store.packs)) if name is not None)
    except FileNotFoundError:
        names = []
    return Inventory(tuple(names), tuple(store.loose.all()))


def find_reachable(store: Store, roots: Roots, *, progress: Progress = SILENT) -> ReachableObjects:
    """What `roots` reach. Raises CorruptError for a tree, recipe or pack that cannot be read: it might need more."""
    needed = ReachableObjects()
    extend_reachable(store, needed, roots, progress=progress)
    return needed


def extend_reachable(store: Store, needed: ReachableObjects, roots: Roots, *, progress: Progress = SILENT) -> bool:
    """Need `roots` too, and what they reach. Were any of them new? Raises what `find_reachable` does."""
    new = frozenset(roots) - needed.roots
    needed.roots |= new
    store.refresh()
    with progress.task("find what is needed", unit="objects") as task:
        # Not `closure.walk`, which holds on to all blobs until it has read all trees.
        level = needed.trees.fresh(sorted(oid for oid, kind in new if kind is ObjectKind.TREE))
        blobs = needed.blobs.fresh(sorted(oid for oid, kind in new if kind is ObjectKind.BLOB))
        while level or blobs:
            below: list[Oid] = []
            for batch in batched(level, BATCH):
                _note(store, needed, ObjectKind.TREE, batch, task)
                for _, found in StoreReader(store).trees(batch):
                    trees, files = children(found)
                    below += needed.trees.fresh(trees)
                    blobs += needed.blobs.fresh(files)
                    if len(blobs) >= BATCH:
                        _need_blobs(store, needed, blobs, task)
                        blobs = []
            _need_blobs(store, needed, blobs, task)
            level, blobs = below, []
    if store.index.damaged_packs:
        raise _unreadable(store.index.damaged_packs[0])
    return bool(new)


def _need_blobs(store: Store, needed: ReachableObjects, oids: Iterable[Oid], task: Task) -> None:
    """Need `oids`, which are new, and the chunks of those that have any."""
    pending = list(oids)
    while pending:
        batch, pending = pending[:BATCH], pending[BATCH:]
        _note(store, needed, ObjectKind.BLOB, batch, task)
        for _, recipe in StoreReader(store).recipes(batch):
            # A file may be a chunk of another as well, so chunks are looked into like files.
            pending += needed.blobs.fresh(recipe.oids)


def _note(store: Store, needed: ReachableObjects, kind: ObjectKind, oids: Sequence[Oid], task: Task) -> None:
    here = store.present(oids)
    needed.note_absent(kind, (oid for oid in oids if oid not in here))
    task.advance(len(oids))


def _unreadable(path: Path) -> CorruptError:
    return CorruptError(
        f"cannot tell what is in {os.fspath(path)!r}",
        why="its footer is damaged, and directories in it may need more than is known; nothing was removed",
        fix="`dver pull` gets what is missing by that; then move the damaged file out of the store",
    )


def contents(store: Store, inventory: Inventory) -> Iterator[PackContent]:
    """What the packs of `inventory` hold, one after the other; those that have vanished are left out."""
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
    """The loose blobs of `inventory` and their sizes."""
    for oid in inventory.loose:
        with suppress(FileNotFoundError):
            yield LooseBlob(oid, store.loose.path(oid).stat().st_size)


def dead_objects(store: Store, inventory: Inventory, live: Container[Oid]) -> Iterator[Row]:
    """The objects in the packs of `inventory` that are not `live`."""
    for one in contents(store, inventory):
        yield from (row for row in one.rows if row.oid not in live)


def plan_for(store: Store, inventory: Inventory, needed: ReachableObjects, stuck: Container[Oid] = ()) -> GcPlan:
    """`plan_gc` for what lies in the store."""
    return plan_gc(needed, contents(store, inventory), loose_blobs(store, inventory), stuck=stuck)


# -- doing


@dataclass(frozen=True, slots=True)
class GcResult:
    """What a gc has done."""

    plan: GcPlan
    damaged: tuple[Oid, ...] = ()
    """Packs that could not be written anew, since a frame in them is damaged. They stay as they are."""


def collect(
    store: Store,
    batch: OpenBatch,
    inventory: Inventory,
    needed: ReachableObjects,
    *,
    roots_now: Callable[[], Roots],
    progress: Progress = SILENT,
) -> GcResult:
    """Move to the trash what of `inventory` is not `needed`. `roots_now` reads again what is needed, in case that
    somebody has named more meanwhile; raises what it does."""
    store.scratch.clear_leftovers()
    clear_incomplete_blobs(store.scratch)
    looks = 0
    while True:
        known = needed.roots
        plan, replaced, damaged = _rewrite_all(store, inventory, needed, progress)
        looks += 1
        # The later the look, the less is taken away for a moment from a command that has just named it.
        if plan.empty or not extend_reachable(store, needed, roots_now()) or looks == _LOOKS:
            break
    plan = _take(batch, plan, replaced)
    batch.sync()
    if not plan.empty or batch.orphans:
        late = {*roots_now()} if batch.orphans else {*roots_now()} - known
        # What was not here when we looked may be by now, and lead to what was.
        restore_needed(store, [*needed.absent, *late])
    for one in plan.rewritten:
        if not one.dead and one.name in replaced:
            batch.drop_pack(one.name)
    return GcResult(plan, tuple(sorted(damaged)))


def _take(batch: OpenBatch, plan: GcPlan, replaced: Sequence[Oid]) -> GcPlan:
    """Move what goes into `batch`; what of `plan` that was. Where the disk is too full for more, the rest stays."""
    packs: list[PackPlan] = []
    loose: list[LooseBlob] = []
    try:
        for name in replaced:
            batch.take_pack(name)
        for one in plan.dead_packs:
            batch.take_pack(one.name)
            packs.append(one)
        for blob in plan.dead_loose:
            batch.take_loose(blob.oid)
            loose.append(blob)
    except OSError as error:
        if not is_disk_full(error) or not (packs or loose or batch.orphans):
            raise
        return replace(plan, dead_packs=tuple(packs), dead_loose=tuple(loose))
    return plan


def _rewrite_all(
    store: Store, inventory: Inventory, needed: ReachableObjects, progress: Progress
) -> tuple[GcPlan, list[Oid], set[Oid]]:
    """The plan that can be carried out; the packs whose needed frames are in new ones now; those that are damaged.

    On a full disk packs stay that would have to be written anew, and the rest goes.
    """
    damaged: set[Oid] = set()
    unwritable: set[Oid] = set()
    while True:
        plan = plan_for(store, inventory, needed, damaged | unwritable)
        try:
            broken, made = rewrite(store, plan.rewritten, needed, progress)
        except OSError as error:
            if not is_disk_full(error):
                raise
            broken = {one.name for one in plan.rewritten}
            unwritable |= broken
        else:
            if not broken:
                # The same objects make the same pack: it is no old one then.
                return plan, [one.name for one in plan.rewritten if one.name not in made], damaged
            damaged |= broken
        _need_chunks_of(store, broken, needed)


def _need_chunks_of(store: Store, packs: Iterable[Oid], needed: ReachableObjects) -> None:
    """`packs` stay, with recipes that nobody needs: so their chunks have to stay."""
    for name in packs:
        with suppress(FileNotFoundError), PackReader(store.packs / pack_file_name(name)) as reader:
            recipes = [row.oid for row in reader.rows(name) if row.codec is Codec.CHUNKED]
            for _, recipe in StoreReader(store, damaged=set()).recipes(recipes):
                needed.blobs.fresh(recipe.oids)
