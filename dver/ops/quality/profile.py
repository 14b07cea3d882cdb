"""`dver profile`: what is known of data, from its profile."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from dver.core.display import Displayed, html_table
from dver.core.errors import UsageError
from dver.core.files import write_atomic
from dver.core.html_page import refuse_foreign_page
from dver.core.oid import Oid
from dver.core.phrasing import join_limited
from dver.core.progress import SILENT, Progress
from dver.formats.profile import (
    CollectionKind,
    CollectionProfile,
    ColumnProfile,
    ColumnType,
    Profile,
    Unreadable,
    Value,
)
from dver.monitoring.column_names import unknown_column
from dver.profile_cache.profiles import Found, profile_of
from dver.profiles.tables import require_libraries
from dver.repo import Repository
from dver.reports.quality.figures import number_of

_TOP: Final = 5
"""The most frequent values of a column in a summary."""


@dataclass(frozen=True, slots=True, repr=False)
class ColumnFigures(Displayed):
    """The figures of one column. Unknown ones are None: those of private columns, for example."""

    name: str
    type: ColumnType
    count: int
    """Rows, with nulls."""
    nulls: int
    distinct: int | None
    """The number of distinct values."""
    distinct_is_exact: bool
    """Above 512 it is an estimate, with an error of about 2 %."""
    minimum: Value | None
    """Of numbers and texts. Times are texts such as `2026-01-31 12:00:00`, in UTC."""
    median: Value | None
    mean: Value | None
    maximum: Value | None
    deviation: float | None
    """The sample standard deviation; of times in seconds."""
    top: tuple[tuple[Value, int], ...]
    """The most frequent values and their counts, at most 5."""
    private: bool = False
    """Were values left out?"""


@dataclass(frozen=True, slots=True, repr=False)
class CollectionFigures(Displayed):
    """Files with the same columns."""

    name: str
    """Relative to the profiled directory; empty for a file."""
    kind: CollectionKind
    rows: int
    """Of tables; of media, the readable files."""
    files: int
    size: int
    """Bytes."""
    columns: tuple[ColumnFigures, ...]
    unreadable: tuple[Unreadable, ...] = ()
    """Files that could not be read, at most 20."""
    unreadable_count: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class ProfiledData(Displayed):
    """The profile of a file or directory."""

    path: str
    """Relative to the top of the Git worktree."""
    rev: str | None
    """The revision; None for the workspace, or the pointer if it is not there."""
    oid: Oid
    """The content."""
    files: int
    size: int
    """Bytes."""
    scanned_files: int
    """The files that were read. The profiles of the others were known."""
    collections: tuple[CollectionFigures, ...]
    profile: Profile = field(repr=False)
    """The whole profile, with sketches."""

    def _repr_html_(self) -> str:
        return "".join(_collection_html(self.path, one) for one in self.collections)


def profile(
    repo: Repository,
    paths: Sequence[str],
    *,
    cwd: Path,
    rev: str | None = None,
    private: Collection[str] = (),
    html: Path | None = None,
    progress: Progress = SILENT,
) -> tuple[ProfiledData, ...]:
    """The profiles of the data at `paths`, in the workspace or at `rev`. Files without one are read, in one pass.

    `private` columns have no values in them. With `html`, also writes the page of the profile to that file. Raises
    NoProfileError for data that is not here, UsageError for wrong paths or without the extra `data`, CorruptError for
    a file that is not a table, ConflictError if `html` is a file that dver did not write.
    """
    if find_spec("numpy") is None or find_spec("pyarrow") is None:  # known profiles have sketches, too
        require_libraries()
    if html is not None:
        _check_page(paths, html)
    hidden = frozenset(private)
    found = [profile_of(repo, path, cwd=cwd, rev=rev, private=hidden, progress=progress) for path in paths]
    _check_private(hidden, found)
    if html is not None:
        _write_page(found[0], html)
    return tuple(map(_summary, found))


def _check_private(names: Collection[str], found: Sequence[Found]) -> None:
    """Raise UsageError for a name of no column: its values would be shown."""
    known = {column.name for one in found for collection in one.profile.collections for column in collection.columns}
    shown = join_limited([repr(os.fsdecode(one.path)) for one in found])
    for name in names:
        if name not in known:
            raise unknown_column(name, sorted(known), "private", shown=shown)


def _check_page(paths: Sequence[str], to: Path) -> None:
    from dver.reports.quality.profile_page import PROFILE_MARK

    if len(paths) != 1:
        raise UsageError("--html takes one PATH", why="a page has one profile", fix="name one file or directory")
    refuse_foreign_page(to, PROFILE_MARK, "a profile")


def _write_page(found: Found, to: Path) -> None:
    from dver.reports.quality.profile_page import profile_page

    content = profile_page(found.profile, path=os.fsdecode(found.path), oid=found.oid, version=found.rev)
    to.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(to, content, durable=False)


def _summary(found: Found) -> ProfiledData:
    return ProfiledData(
        os.fsdecode(found.path),
        found.rev,
        found.oid,
        found.entry.files,
        found.entry.size,
        found.scanned_files,
        tuple(map(_collection, found.profile.collections)),
        found.profile,
    )


def _collection(one: CollectionProfile) -> CollectionFigures:
    columns = tuple(map(summarize_column, one.columns))
    return CollectionFigures(
        one.name, one.kind, one.rows, one.files, one.bytes, columns, one.unreadable, one.unreadable_count
    )


def summarize_column(one: ColumnProfile) -> ColumnFigures:
    """The figures of a column."""
    from dver.profiles.sketches.distinct import Distinct
    from dver.profiles.sketches.quantiles import Quantiles

    distinct = Distinct.of(one.distinct) if one.distinct else None
    numbers = one.numbers
    first: Value | None = one.first
    last: Value | None = one.last
    median = mean = None
    if numbers is not None and numbers.count:
        middle = float(Quantiles.of(numbers.quantiles).quantiles([0.5])[0])
        first, median, last = (_value(one.type, number) for number in (numbers.minimum, middle, numbers.maximum))
        mean = number_of(one.type, numbers.mean) if one.type is ColumnType.TIME else numbers.mean
    return ColumnFigures(
        one.name,
        one.type,
        one.count,
        one.nulls,
        min(distinct.estimate(), one.count - one.nulls) if distinct is not None else None,
        distinct is not None and distinct.exact,
        first,
        median,
        mean,
        last,
        numbers.deviation if numbers is not None and numbers.count else None,
        tuple(one.counts.values[:_TOP]) if one.counts is not None else (),
        one.private,
    )


def _value(type_: ColumnType, number: float) -> Value:
    if type_ is ColumnType.TIME:
        return number_of(type_, number)
    if type_ is ColumnType.BOOLEAN:
        return bool(number)
    return int(number) if type_ is ColumnType.INTEGER and number.is_integer() else number


def _collection_html(path: str, one: CollectionFigures) -> str:
    names = ("column", "type", "nulls", "distinct", "min", "median", "mean", "max", "top")
    rows = [
        (
            column.name,
            column.type,
            f"{column.nulls:,}",
            column.distinct,
            column.minimum,
            column.median,
            column.mean,
            column.maximum,
            ", ".join(f"{value} ({times:,})" for value, times in column.top),
        )
        for column in one.columns
    ]
    title = f"{path}{f': {one.name}' if one.name else ''}: {one.rows:,} rows in {one.files:,} files"
    return html_table(title, names, rows)
