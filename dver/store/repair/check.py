"""Checking every byte of the store: finds corrupt files, and the objects in them. Changes nothing."""

from __future__ import annotations

import errno
import os
import random
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dver.core.errors import CorruptError, MissingObjectError, NewerVersionError
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress, Task
from dver.core.worker_pool import Report, WorkerPool
from dver.formats import pack, tree
from dver.formats.pack import Codec, ObjectKind, Row
from dver.formats.tree import Sharded
from dver.store.objects.codec import Decoder
from dver.store.objects.packs import PackReader, pack_file_name, parse_pack_file_name
from dver.store.repair.damage import (
    WINDOW,
    Damage,
    DamagedPart,
    SampleUnit,
    StoreReport,
    list_files,
    pack_units,
    sample,
)
from dver.store.repair.salvage import by_offset, runs, salvage, size_of
from dver.store.repair.verify_frame import verify_frame
from dver.store.store import Store

_UNREADABLE: Final = frozenset(
    {errno.EIO, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP, errno.ENXIO, getattr(errno, "EUCLEAN", errno.EIO)}
)
"""Errors of one file, not of this process or machine."""


def check_store(store: Store, *, fraction: float = 1.0, seed: int = 0, progress: Progress = SILENT) -> StoreReport:
    """Check the whole store, or a random `fraction` of its bytes, and all headers and footers.

    The same `seed` chooses the same sample. Raises CorruptError for data of a newer version, and LocalIOError.
    """
    store.refresh()
    store.present(())  # adds new packs to the index
    packs, loose, strays = list_files(store)
    units = [*pack_units(packs), *[SampleUnit(oid, -1, size) for oid, size in loose]]
    chosen = sample(units, fraction, seed)
    found = _Found()
    with WorkerPool(_Checker) as pool, progress.task("check", total=sum(one.size for one in chosen)) as task:
        jobs = [
            (os.fspath(store.packs / pack_file_name(name)), bytes(name), windows)
            for name, windows in _by_pack(packs, chosen)
        ]
        _check_packs(store, jobs, pool, found, task)
        for one in chosen:
            if one.window < 0:
                _check_loose(store, one.oid, found)
                task.advance(one.size)
    _salvage_frames(store, found)
    _check_shards(store, found)
    _check_recipes(store, found, fraction, seed, progress)
    return StoreReport(
        len(packs),
        len(loose),
        found.objects,
        found.size,
        tuple(found.damages),
        frozenset(found.stranded),
        found.unsure,
        tuple(strays),
    )


def remembered(store: Store, name: Oid) -> list[Row]:
    """The rows of the pack `name` in the index database, which may be older than the damage."""
    query = (
        "SELECT oid, kind, codec, offset, raw_size, stored_size FROM objects"
        " WHERE pack = (SELECT id FROM packs WHERE name = ?)"
    )
    found = store.database.rows(query, (bytes(name),))
    return [_row((*one, 0)) for one in found]


@dataclass(slots=True)
class _Found:
    objects: int = 0
    size: int = 0
    damages: list[Damage] = field(default_factory=list)
    stranded: list[Oid] = field(default_factory=list)
    sharded: list[Oid] = field(default_factory=list)
    unsure: bool = False

    @property
    def bad(self) -> set[Oid]:
        return {one.oid for one in self.damages if one.oid is not None}


class _Checker:
    def do(self, job: Any, report: Report) -> Any:
        path, name, windows = job
        answer = _check_pack(Path(path), Oid(name), windows)
        report(answer[1])
        return answer

    def finish(self) -> None:
        """Do nothing."""


def _check_packs(store: Store, jobs: Sequence[Any], pool: WorkerPool, found: _Found, task: Task) -> None:
    own = _Checker()
    together = len(pool) + 1
    for start in range(0, len(jobs), together):
        mine, *others = jobs[start : start + together]
        pool.start_jobs(others)
        for answer in [own.do(mine, task.advance), *pool.answers(len(others), task.advance)]:
            objects, size, damages, sharded = answer
            found.objects += objects
            found.size += size
            found.damages += [_damage(one) for one in damages]
            found.sharded += map(Oid, sharded)


def _salvage_frames(store: Store, found: _Found) -> None:
    """Find the frames of packs with a corrupt footer."""
    for file in [one.file for one in found.damages if one.part is DamagedPart.FOOTER]:
        path = store.root / file
        name = parse_pack_file_name(path.name)
        with suppress(FileNotFoundError), PackReader(path) as reader:
            assert name is not None
            left = salvage(reader, name, remembered(store, name))
            found.objects += len(left.whole)
            found.stranded += [row.oid for row in left.whole]
            found.unsure = found.unsure or not left.complete
            found.damages += [
                Damage(file, DamagedPart.FRAME, "it is damaged, too", row.oid, row.offset) for row in left.lost
            ]


def _check_pack(path: Path, name: Oid, windows: list[int] | None) -> Any:
    """Check a pack. Returns the numbers of objects and bytes, damages, and lists of shards, as plain values."""
    file = f"packs/{path.name}"
    try:
        with PackReader(path) as reader:
            return _check_open_pack(reader, file, name, windows)
    except FileNotFoundError:  # gc, by another process
        return 0, 0, [], []
    except OSError as error:
        return 0, 0, [_of_error(file, error)], []


def _check_open_pack(reader: PackReader, file: str, name: Oid, windows: list[int] | None) -> Any:
    damages: list[Any] = []
    if reader.read(0, len(pack.HEADER)) != pack.HEADER:
        damages.append((file, DamagedPart.HEADER.value, "it does not start with the header of a pack", None, 0))
    try:
        rows = by_offset(reader.rows(name))
    except CorruptError as error:
        if isinstance(error, NewerVersionError):
            raise
        damages.append((file, DamagedPart.FOOTER.value, error.why or error.what, None, None))
        return 0, size_of(reader), damages, []
    if windows is not None:
        wanted = set(windows)
        rows = [row for row in rows if row.offset // WINDOW in wanted]
    sharded: list[bytes] = []
    decoder = Decoder()
    size = 0
    for run in runs(rows):
        size += run[-1].end - run[0].offset
        for row, frame in zip(run, _frames(reader, run), strict=True):
            found = verify_frame(row, frame, decoder)
            if found.part is not None:
                damages.append((file, found.part.value, found.why, bytes(row.oid), row.offset))
            elif isinstance(found.below, Sharded):
                sharded.append(bytes(row.oid))
    return len(rows), size, damages, sharded


def _frames(reader: PackReader, run: Sequence[Row]) -> Iterator[memoryview]:
    """The frames of `run`, read with one call, or one by one if the disk cannot read them all."""
    start, size = run[0].offset, run[-1].end - run[0].offset
    data = memoryview(reader.read(start, size))
    for row in run:
        if len(data) == size:
            yield data[row.offset - start : row.end - start]
        else:
            yield memoryview(reader.read(row.offset, row.frame_size))


def _check_loose(store: Store, oid: Oid, found: _Found) -> None:
    file = os.fspath(store.loose.path(oid).relative_to(store.root))
    found.objects += 1
    try:
        if not stat.S_ISREG(store.loose.path(oid).lstat().st_mode):
            found.damages.append(Damage(file, DamagedPart.LOOSE, "it is not a regular file", oid))
            return
        for piece in store.loose.pieces(oid):
            found.size += len(piece)
    except CorruptError as error:
        found.damages.append(Damage(file, DamagedPart.LOOSE, error.why or error.what, oid))
    except FileNotFoundError:
        found.objects -= 1
    except OSError as error:
        found.damages.append(_damage(_of_error(file, error, oid)))


def _check_shards(store: Store, found: _Found) -> None:
    """Check that the shards of large directories match their lists."""
    bad = found.bad
    for oid in found.sharded:
        listed = tree.decode(store.read(oid))
        shards = {shard.oid for shard in listed.shards} if isinstance(listed, Sharded) else set()
        if bad.isdisjoint(shards) and store.present(shards) == shards:
            try:
                store.tree(oid)
            except CorruptError as error:
                found.damages.append(Damage(_file_of(store, oid), DamagedPart.TREE, error.what, oid))


def _check_recipes(store: Store, found: _Found, fraction: float, seed: int, progress: Progress) -> None:
    """Check that the chunks of each chunked blob make its content."""
    rows = store.database.rows("SELECT oid, raw_size FROM objects WHERE codec = ?", (int(Codec.CHUNKED),))
    chance = random.Random(seed)
    # Each by chance, perhaps none: a single large file may be most of the store.
    chosen = [
        SampleUnit(Oid(oid), -1, size) for oid, size in sorted(rows) if fraction >= 1 or chance.random() < fraction
    ]
    bad = found.bad
    with progress.task("assemble", total=sum(one.size for one in chosen)) as task:
        for one in chosen:
            why = None if one.oid in bad else _check_recipe(store, one.oid, bad, task)
            if why is not None:
                found.damages.append(Damage(_file_of(store, one.oid), DamagedPart.RECIPE, why, one.oid))


def _check_recipe(store: Store, oid: Oid, bad: set[Oid], task: Task) -> str | None:
    for _, recipe in store.recipes((oid,)):
        if isinstance(recipe, CorruptError) or not bad.isdisjoint(recipe.oids):
            return None  # reported already
        if store.present(recipe.oids) != set(recipe.oids):
            return None  # not fetched completely
    try:
        for piece in store.stream(oid):
            task.advance(len(piece))
    except CorruptError:
        return "its chunks make another file"
    except MissingObjectError:
        return None
    return None


def _file_of(store: Store, oid: Oid) -> str:
    for one in store.locate((oid,)):
        return f"packs/{store.index.pack_path(one.pack).name}"
    return os.fspath(store.loose.path(oid).relative_to(store.root))


def _by_pack(packs: Sequence[tuple[Oid, int]], chosen: Sequence[SampleUnit]) -> Iterator[tuple[Oid, list[int] | None]]:
    windows: dict[Oid, list[int]] = {}
    for one in chosen:
        if one.window >= 0:
            windows.setdefault(one.oid, []).append(one.window)
    for name, size in packs:
        mine = windows.get(name, [])
        yield name, None if len(mine) == -(-max(size, 1) // WINDOW) else mine


def _of_error(file: str, error: OSError, oid: Oid | None = None) -> Any:
    if error.errno not in _UNREADABLE:
        raise error
    return file, DamagedPart.FILE.value, f"it cannot be read: {error.strerror}", oid and bytes(oid), None


def _damage(plain: Any) -> Damage:
    file, part, why, oid, offset = plain
    return Damage(file, DamagedPart(part), why, Oid(oid) if oid is not None else None, offset)


def _row(plain: Any) -> Row:
    oid, kind, codec, *rest = plain
    return Row(Oid(oid), ObjectKind(kind), Codec(codec), *rest)
