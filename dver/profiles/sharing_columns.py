"""The columns of one file, shared among processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

from dver.core.errors import CorruptError
from dver.core.platform.machine import available_cpus
from dver.core.worker_pool import Report, WorkerPool
from dver.formats.profile import (
    CollectionKind,
    CollectionProfile,
    PartColumn,
    PartSummary,
    Profile,
    decode,
    encode,
)
from dver.profiles.reading.typed import COLUMNS_MAX, TypedColumn, scan_typed, typed_columns
from dver.profiles.scan.rows import ScannedColumns
from dver.profiles.settings import ProfileSettings

PROCESSES_MAX: Final = 2
"""More would need more memory."""
WORK_MIN: Final = 64 << 20
"""Bytes of a file: with less to do, a second process does not pay."""


def scan_shared(path: Path, name: str, settings: ProfileSettings, processes: int | None) -> ScannedColumns:
    """The profile of a Parquet or Arrow file, by up to `processes` processes. It does not depend on their number.

    Raises CorruptError for a file that cannot be read.
    """
    columns = typed_columns(path, name)
    size = min(processes or available_cpus() or 1, PROCESSES_MAX)
    if size < 2 or len(columns) < 2 or path.stat().st_size < WORK_MIN:
        return _in_turns(path, name, settings, range(len(columns)))
    shares = _shares(columns, size)
    with WorkerPool(lambda: _Scanner(path, name, settings), size=size, killable=True) as pool:
        if not len(pool):
            return _in_turns(path, name, settings, range(len(columns)))
        pool.start_jobs([list(share) for share in shares[1:]])
        mine = _in_turns(path, name, settings, shares[0])
        others = [_scanned(one) for one in pool.answers(len(shares) - 1)]
    return _joined([mine, *others], shares, name)


def _in_turns(path: Path, name: str, settings: ProfileSettings, places: Sequence[int]) -> ScannedColumns:
    """The profile of the columns at these places, a thousand of them at a time."""
    turns = [places[start : start + COLUMNS_MAX] for start in range(0, len(places), COLUMNS_MAX)]
    if len(turns) < 2:
        return scan_typed(path, name, settings, places)
    return _joined([scan_typed(path, name, settings, turn) for turn in turns], turns, name)


@dataclass(frozen=True, slots=True)
class _Scanner:
    """Scans some columns, and answers with an encoded profile."""

    path: Path
    name: str
    settings: ProfileSettings

    def do(self, job: Any, report: Report) -> bytes:
        found = _in_turns(self.path, self.name, self.settings, job)
        table = CollectionProfile("", CollectionKind.TABLE, found.rows, 1, 0, found.columns, parts=found.parts)
        return encode(Profile((table,)))

    def finish(self) -> None:
        """There is nothing to complete."""


def _shares(columns: Sequence[TypedColumn], size: int) -> list[list[int]]:
    """The places of columns with about the same work for each process: the largest first. No share is empty."""
    shares: list[list[int]] = [[] for _ in range(size)]
    work = [0] * size
    for at in sorted(range(len(columns)), key=lambda at: -columns[at].work):
        least = work.index(min(work))
        shares[least].append(at)
        work[least] += columns[at].work
    return [sorted(share) for share in shares if share]


def _scanned(encoded: bytes) -> ScannedColumns:
    table = decode(encoded).collections[0]
    return ScannedColumns(table.rows, table.columns, tuple(table.parts))


def _joined(found: Sequence[ScannedColumns], shares: Sequence[Sequence[int]], name: str) -> ScannedColumns:
    """The columns of all shares in their order. All have the same rows, and the same parts."""
    if len({one.rows for one in found}) != 1:
        raise CorruptError(f"{name!r} cannot be read", why="its columns differ in length", fix="write the file again")
    placed = chain.from_iterable(zip(share, one.columns, strict=True) for share, one in zip(shares, found, strict=True))
    columns = tuple(column for _, column in sorted(placed, key=lambda pair: pair[0]))
    names = list(dict.fromkeys(column.name for column in columns))
    parts = tuple(_joined_part(same, names) for same in zip(*(one.parts for one in found), strict=True))
    return ScannedColumns(found[0].rows, columns, parts)


def _joined_part(same: Sequence[PartSummary], names: Sequence[str]) -> PartSummary:
    columns: dict[str, PartColumn] = {}
    for part in reversed(same):
        columns.update(part.columns)
    return replace(same[0], columns={name: columns[name] for name in names})
