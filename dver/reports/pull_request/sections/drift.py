"""The drift of changed data against the base version, where the profiles of both are known."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dver.core.errors import DverError
from dver.drift.result import ColumnDrift
from dver.formats.pack import ObjectKind
from dver.formats.profile import CollectionProfile, Profile
from dver.profile_cache.profiles import known_profile
from dver.reports.blocks.model import Code, Inline, ReportTable
from dver.reports.pull_request.subject import ReportSubject
from dver.tracking.targets import TrackedData

_HEADER: Final[tuple[Inline, ...]] = (("Path",), ("Column",), ("Drift",), ("Method",), ("Statistic",), ("Threshold",))


@dataclass(frozen=True, slots=True)
class DriftRows:
    """The columns that drifted."""

    rows: tuple[tuple[str, ColumnDrift], ...] = ()
    """With the path of their data."""
    problems: tuple[DverError, ...] = ()

    @property
    def paths(self) -> int:
        """The number of paths that drifted."""
        return len({path for path, _ in self.rows})

    @property
    def table(self) -> ReportTable:
        """The rows as a table."""
        return ReportTable(_HEADER, tuple(_row(*one) for one in self.rows), len(self.rows), frozenset((4, 5)))

    @property
    def facts(self) -> list[dict[str, Any]]:
        """The rows as JSON types."""
        return [
            {
                "path": path,
                "column": one.column,
                "kinds": [kind.value for kind in one.kinds],
                "method": one.method.value if one.method is not None else None,
                "statistic": one.statistic,
                "threshold": one.threshold,
            }
            for path, one in self.rows
        ]


def drift_rows(subject: ReportSubject, pairs: Sequence[tuple[TrackedData, TrackedData]]) -> DriftRows:
    """The drift of the second of each pair against the first. Data without known profiles is left out."""
    rows: list[tuple[str, ColumnDrift]] = []
    problems: list[DverError] = []
    for old, new in pairs:
        reference, live = (_profile(subject, one) for one in (old, new))
        if reference is None or live is None:
            continue
        try:
            shown = subject.repo.layout.shown(new.path)
            rows += [(shown + inside, one) for inside, one in _drifted(reference, live)]
        except DverError as error:
            problems.append(error)
    return DriftRows(tuple(rows), tuple(problems))


def _profile(subject: ReportSubject, data: TrackedData) -> Profile | None:
    name = None if data.pointer.kind is ObjectKind.TREE else os.path.basename(data.path)
    return known_profile(subject.repo, data.pointer.oid, name)


def _drifted(reference: Profile, live: Profile) -> Iterator[tuple[str, ColumnDrift]]:
    from dver.drift.comparison import compare  # with libraries of the extra `data`

    before: dict[str, CollectionProfile] = {one.name: one for one in reference.collections}
    for one in live.collections:
        if (old := before.get(one.name)) is not None:
            inside = f"/{one.name}" if one.name else ""
            yield from ((inside, column) for column in compare(old, one).drifted)


def _row(path: str, one: ColumnDrift) -> tuple[Inline, ...]:
    numbers = [f"{value:.4g}" if value is not None else "-" for value in (one.statistic, one.threshold)]
    return (
        (Code(path),),
        (Code(one.column),),
        (", ".join(kind.value for kind in one.kinds),),
        (one.method.value if one.method is not None else "-",),
        (numbers[0],),
        (numbers[1],),
    )
