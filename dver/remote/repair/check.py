"""Checking a remote, or a sample of its bytes: indexes, packs, footers, frames, and that nothing needed is missing.

The check changes nothing. It reads ranges of some MiB in parallel. Memory holds one range for each job, and the oids
that the indexes list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from dver.core.errors import CorruptError, NewerVersionError
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress, Task
from dver.formats import pack
from dver.formats.pack import ObjectKind, Row, fits_in_memory
from dver.formats.recipe import Recipe
from dver.formats.tree import Leaf, Sharded
from dver.remote.gc.state import ObjectsByKind, RemoteRow
from dver.remote.index.keys import index_key, pack_key
from dver.remote.parallel import in_parallel
from dver.remote.repair.inventory import RemoteInventory, read_inventory, remote_footer
from dver.remote.storage import MissingKey, Storage
from dver.store.objects.codec import Decoder
from dver.store.repair.damage import Damage, DamagedPart, SampleUnit, sample
from dver.store.repair.salvage import by_offset, runs
from dver.store.repair.verify_frame import verify_frame
from dver.store.store import Store
from dver.store.trees.reachable import children

RANGE: Final = 8 << 20
"""Size of one request in bytes, unless a single frame is larger."""


@dataclass(frozen=True, slots=True)
class RemoteCheckReport:
    """The result of a check. `size` is the number of bytes that were read from packs."""

    inventory: RemoteInventory
    packs: int
    objects: int
    size: int
    damages: tuple[Damage, ...]
    stranded: frozenset[Oid] = frozenset()
    """Objects in packs that no index lists, since an index is damaged."""

    @property
    def bad(self) -> frozenset[Oid]:
        """Objects that a fetch cannot download, or only in part."""
        return self.stranded | {one.oid for one in self.damages if one.oid is not None}


class _PackJob(NamedTuple):
    """One pack to check. `windows` are the numbers of the ranges to read, None for all."""

    name: Oid
    size: int
    windows: AbstractSet[int] | None
    listed: Sequence[RemoteRow]
    """Its rows in indexes."""


@dataclass(slots=True)
class _PackReport:
    """The result of the check of one pack."""

    objects: int = 0
    size: int = 0
    damages: list[Damage] = field(default_factory=list)


def check_remote(
    storage: Storage, store: Store, *, jobs: int, fraction: float = 1.0, seed: int = 0, progress: Progress = SILENT
) -> RemoteCheckReport:
    """Check the whole remote, or a random `fraction` of its bytes and all indexes and footers.

    Large indexes go to temporary files of `store`. Raises RemoteError; CorruptError for data of a newer dver.
    """
    inventory = read_inventory(storage, store, jobs=jobs)
    damages = [Damage(key, DamagedPart.INDEX, why) for key, why in inventory.damaged.items()]
    packs, wrong_packs = _listed_packs(inventory)
    damages += wrong_packs
    listed, condemned = ObjectsByKind(), ObjectsByKind()
    hidden = inventory.state.condemned
    for row in inventory.state.rows():
        if row.listed_by not in hidden:
            listed.of(row.kind).add(row.oid)
        elif row.pack in inventory.state.packs:  # a push may rely on it
            condemned.of(row.kind).add(row.oid)
    damages += _missing_roots(inventory, listed, condemned)
    packs |= _unlisted_packs(inventory)
    chosen = sample([*_units(packs)], fraction, seed)
    work = _jobs(inventory, packs, chosen)
    objects = size = 0
    with progress.task("check", total=sum(one.size for one in chosen)) as task:
        checker = _Checker(storage, listed, condemned, task)
        with closing(in_parallel(checker.check, work, jobs=jobs)) as answers:
            for one in answers:
                objects += one.objects
                size += one.size
                damages += one.damages
    stranded = _stranded(storage, inventory, listed, jobs) if inventory.damaged_indexes else frozenset()
    return RemoteCheckReport(inventory, len(packs), objects, size, tuple(damages), stranded)


def _stranded(storage: Storage, found: RemoteInventory, listed: ObjectsByKind, jobs: int) -> frozenset[Oid]:
    def oids(name: Oid) -> list[Oid]:
        try:
            return [row.oid for row in remote_footer(storage, name, found.state.packs[name])]
        except (CorruptError, MissingKey):
            return []

    with closing(in_parallel(oids, found.unlisted, jobs=jobs)) as answers:
        return frozenset(oid for found_there in answers for oid in found_there if oid not in listed)


def _listed_packs(found: RemoteInventory) -> tuple[dict[Oid, int], list[Damage]]:
    """The listed packs that exist with the right size, and the damages of the others."""
    # Packs of condemned indexes are left out: readers use them last, and a gc deletes them. A condemned pack that
    # another index lists counts: a push may rely on it, and no gc deletes it before the index.
    stated: dict[Oid, set[int]] = {}
    for ref in (ref for index in found.state.visible for ref in index.packs):
        stated.setdefault(ref.name, set()).add(ref.size)
    sound: dict[Oid, int] = {}
    wrong: dict[Oid, str] = {}
    for name, sizes in sorted(stated.items()):
        size = found.state.packs.get(name)
        if size is None:
            wrong[name] = "an index lists it, but it is missing"
        elif sizes != {size}:
            wrong[name] = f"it has {size:,} bytes instead of {' or '.join(f'{one:,}' for one in sorted(sizes))}"
        else:
            sound[name] = size
    damages = [Damage(pack_key(name), DamagedPart.PACK, why) for name, why in wrong.items()]
    for name, rows in found.rows_by_pack(wrong).items():
        damages += [Damage(pack_key(name), DamagedPart.FRAME, wrong[name], row.oid, row.offset) for row in rows]
    return sound, damages


def _unlisted_packs(found: RemoteInventory) -> dict[Oid, int]:
    """The packs that no index lists, if an index is damaged: a repair lists them again."""
    unlisted = set(found.unlisted) - found.state.condemned if found.damaged_indexes else set()
    return {name: found.state.packs[name] for name in unlisted}


def _missing_roots(found: RemoteInventory, listed: ObjectsByKind, condemned: ObjectsByKind) -> Iterator[Damage]:
    for index in found.state.visible:
        for root in index.roots:
            if root not in listed and root not in condemned:
                yield Damage(index_key(index.name), DamagedPart.PROMISE, "it names a root that no index lists", root)


def _units(packs: Mapping[Oid, int]) -> Iterator[SampleUnit]:
    for name, size in packs.items():
        for start in range(0, size, RANGE):
            yield SampleUnit(name, start // RANGE, min(RANGE, size - start))


def _jobs(found: RemoteInventory, packs: Mapping[Oid, int], chosen: Sequence[SampleUnit]) -> list[_PackJob]:
    windows: dict[Oid, set[int]] = {name: set() for name in packs}
    for one in chosen:
        windows[one.oid].add(one.window)
    listed = found.rows_by_pack(packs)
    return [
        _PackJob(name, size, None if len(windows[name]) == -(-size // RANGE) else windows[name], listed[name])
        for name, size in packs.items()
    ]


class _Checker:
    """Checks packs in several threads. `listed` and `condemned` are the objects in visible and in condemned indexes."""

    def __init__(self, storage: Storage, listed: ObjectsByKind, condemned: ObjectsByKind, task: Task) -> None:
        self._storage = storage
        self._listed = listed
        self._condemned = condemned
        self._task = task

    def check(self, job: _PackJob) -> _PackReport:
        """Check one pack."""
        found = _PackReport()
        try:
            rows = self._rows(job, found)
            if (
                rows
                and job.windows is None
                and self._storage.get(pack_key(job.name), 0, len(pack.HEADER)) != pack.HEADER
            ):
                found.damages.append(_damage(job, DamagedPart.HEADER, "its header is not that of a pack"))
            chosen = rows if job.windows is None else [row for row in rows if row.offset // RANGE in job.windows]
            for run in runs([row for row in chosen if fits_in_memory(row.codec, row.raw_size, row.stored_size)], RANGE):
                self._read(job, run, found)
        except MissingKey:
            found.damages.append(_damage(job, DamagedPart.PACK, "it was deleted during the check"))
        return found

    def _rows(self, job: _PackJob, found: _PackReport) -> list[Row]:
        """The rows of the pack's footer, or of the indexes if the footer is damaged."""
        try:
            rows = by_offset(remote_footer(self._storage, job.name, job.size))
        except CorruptError as error:
            if isinstance(error, NewerVersionError):
                raise
            if job.listed:  # otherwise it may be no pack at all
                found.damages.append(_damage(job, DamagedPart.FOOTER, error.why or error.what))
            return [one.row() for one in job.listed]
        there = {row.offset: row._replace(checksum=0) for row in rows}
        wrong = [one for one in job.listed if there.get(one.offset) != one.row()]
        why = "an index lists another object or size there"
        found.damages += [_damage(job, DamagedPart.LISTING, why, one) for one in wrong]
        return rows

    def _read(self, job: _PackJob, run: Sequence[Row], found: _PackReport) -> None:
        start, end = run[0].offset, run[-1].end
        data = memoryview(self._storage.get(pack_key(job.name), start, end - start, on_bytes=self._task.advance))
        decoder = Decoder()
        for row in run:
            verdict = verify_frame(row, data[row.offset - start : row.end - start], decoder)
            if verdict.part is not None:
                found.damages.append(_damage(job, verdict.part, verdict.why, row))
            elif verdict.below is not None:
                missing = self._missing_below(verdict.below)
                if missing is not None and row.oid in self._listed.of(row.kind):  # else it promises nothing
                    why = f"it needs an object that no index lists: {missing}"
                    found.damages.append(_damage(job, DamagedPart.PROMISE, why, row))
        found.objects += len(run)
        found.size += end - start

    def _missing_below(self, found: Leaf | Sharded | Recipe) -> Oid | None:
        """The first object that `found` names and no index lists."""
        for kind, oid in below(found):
            if oid not in self._listed.of(kind) and oid not in self._condemned.of(kind):
                return oid
        return None


def below(found: Leaf | Sharded | Recipe) -> Iterator[tuple[ObjectKind, Oid]]:
    """The objects that a tree or recipe names, with their kinds."""
    if isinstance(found, Recipe):
        yield from ((ObjectKind.BLOB, oid) for oid in found.oids)
        return
    trees, blobs = children(found)
    yield from ((ObjectKind.TREE, oid) for oid in trees)
    yield from ((ObjectKind.BLOB, oid) for oid in blobs)


def _damage(job: _PackJob, part: DamagedPart, why: str, row: Row | RemoteRow | None = None) -> Damage:
    return Damage(pack_key(job.name), part, why, row and row.oid, row and row.offset)
