"""Rewriting packs with only the frames that are referenced, verbatim."""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from dver.core.batches import batched_by_size
from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.core.progress import Progress, Task
from dver.formats import pack
from dver.formats.pack import TARGET_SIZE, ObjectKind, Row
from dver.store.objects.packs import PackReader, PackWriter, pack_file_name
from dver.store.store import Store


class PackPlan(NamedTuple):
    """The counts of live and dead objects in a pack. Sizes in bytes: of the file, and of the live frames."""

    name: Oid
    size: int
    live: int
    live_size: int
    dead: int
    dead_recipes: int


def rewrite(
    store: Store, plans: Sequence[PackPlan], live: Container[Oid], progress: Progress
) -> tuple[set[Oid], set[Oid]]:
    """Copy the live frames of packs into new ones. Returns the corrupt packs, and the new ones.

    Raises OSError if the disk is full. The new packs that exist by then are complete.
    """
    damaged: set[Oid] = set()
    made: set[Oid] = set()
    total = sum([one.live_size for one in plans])
    with progress.task("rewrite", total=total) as task:
        for group in batched_by_size(plans, lambda one: one.live_size, TARGET_SIZE):
            made |= _rewrite_group(store, group, live, damaged, task)
    return damaged, made


def _rewrite_group(
    store: Store, group: Sequence[PackPlan], live: Container[Oid], damaged: set[Oid], task: Task
) -> set[Oid]:
    """Write one pack, trees first, since they are read together. Frames keep their order, and so their neighbours."""
    rows: dict[Oid, tuple[bool, int, int, Row]] = {}
    for at, one in enumerate(group):
        with PackReader(store.packs / pack_file_name(one.name)) as reader:
            for row in reader.rows(one.name):
                if row.oid in live and row.oid not in rows:
                    rows[row.oid] = (row.kind is not ObjectKind.TREE, at, row.offset, row)
    with PackWriter(store.scratch) as writer:
        for (_, at), run in groupby(sorted(rows.values()), key=itemgetter(0, 1)):
            with PackReader(store.packs / pack_file_name(group[at].name)) as reader:
                if sum([not _copied(reader, row, writer, task) for _, _, _, row in run]):
                    damaged.add(group[at].name)
        if damaged.intersection(one.name for one in group):
            return set()
        name = writer.seal()
        writer.move_to(store.packs, name)
    store.index.register(name, writer.rows)
    return {name}


def _copied(reader: PackReader, row: Row, writer: PackWriter, task: Task) -> bool:
    """Copy a frame. False if it is corrupt."""
    frame = reader.read(row.offset, row.frame_size)
    try:
        pack.check_frame(row, frame)
    except CorruptError:
        return False
    writer.add_frame(row, frame)
    task.advance(row.frame_size)
    return True
