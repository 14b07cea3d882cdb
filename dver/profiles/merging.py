"""Profiles of tables merged: the same as one profile of all rows, within the errors of the sketches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

from dver.core.errors import UsageError
from dver.formats.profile import (
    PROFILER,
    CollectionKind,
    CollectionProfile,
    ColumnProfile,
    ColumnType,
    NumberSummary,
    PartSummary,
    Profile,
    ValueCounts,
)
from dver.profiles.moments import merged_moments
from dver.profiles.parts import joined_parts, part_of, shown, summary_of
from dver.profiles.sketches.distinct import Distinct
from dver.profiles.sketches.frequent import Frequent
from dver.profiles.sketches.quantiles import Quantiles

FEW_NUMBERS: Final = 16
"""Numbers with at most this many distinct values are counted in parts."""
_UNREADABLE_MAX: Final = 20
_UNCOUNTED: Final = (ColumnType.BYTES, ColumnType.NESTED)
_NUMERIC: Final = (ColumnType.BOOLEAN, ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.TIME)


def merge(profiles: Sequence[Profile]) -> Profile:
    """One profile of several, which have one collection each. Columns go by their names.

    The collection has the name and the kind of the first one. Raises UsageError for profiles of different profilers.
    """
    if {one.profiler for one in profiles} - {PROFILER}:
        raise UsageError("profiles of different versions of dver do not merge", fix="profile the data again")
    tables = [one.collections[0] for one in profiles]
    return Profile((merge_collections(tables),), ignored=sum(one.ignored for one in profiles))


def merge_collections(tables: Sequence[CollectionProfile]) -> CollectionProfile:
    """One collection of several. A column that one of them does not have is null in its rows."""
    if len(tables) == 1:
        return tables[0]
    columns = tuple(_merged_column(key[0], tables, found) for key, found in _columns_by_name(tables).items())
    return CollectionProfile(
        tables[0].name if tables else "",
        tables[0].kind if tables else CollectionKind.TABLE,
        sum(one.rows for one in tables),
        sum(one.files for one in tables),
        sum(one.bytes for one in tables),
        columns,
        tuple(sorted(chain.from_iterable(one.unreadable for one in tables), key=lambda one: one.path))[
            :_UNREADABLE_MAX
        ],
        sum(one.unreadable_count for one in tables),
        merged_parts([one.parts for one in tables], columns),
    )


def merged_parts(parts: Iterable[Sequence[PartSummary]], columns: Sequence[ColumnProfile]) -> tuple[PartSummary, ...]:
    """At most 20 parts of all of these, in their order."""
    names = list(dict.fromkeys(column.name for column in columns))
    types = {column.name: column.type for column in reversed(columns)}
    few = {column.name: has_few_numbers(column) for column in reversed(columns)}
    joined = joined_parts([part_of(part, names) for part in chain.from_iterable(parts)])
    return tuple(summary_of(part, names, [types[one] for one in names], [few[one] for one in names]) for part in joined)


def has_few_numbers(column: ColumnProfile) -> bool:
    """Are there so few distinct numbers that parts have their counts?"""
    return column.counts is not None and column.counts.complete and len(column.counts.values) <= FEW_NUMBERS


def merge_columns(name: str, columns: Sequence[ColumnProfile]) -> ColumnProfile:
    """One column of several. Columns of different types become one of texts; integers and numbers become numbers."""
    with_values = [one for one in columns if one.type is not ColumnType.EMPTY]
    if len(columns) == 1 or not with_values:
        first = columns[0] if columns else ColumnProfile(name, ColumnType.EMPTY, 0, 0)
        return replace(first, count=sum(one.count for one in columns), nulls=sum(one.nulls for one in columns))
    kind = _common_type({one.type for one in with_values})
    private = any(one.private for one in columns)
    declared = {one.declared for one in columns}
    others = [one for one in with_values if kind is ColumnType.TEXT and one.type is not kind]
    texts = [one for one in with_values if one.first is not None and one.last is not None and not private]
    return ColumnProfile(
        name,
        kind,
        sum(one.count for one in columns),
        sum(one.nulls for one in columns),
        declared.pop() if len(declared) == 1 else None,
        sum(one.nans for one in columns),
        sum(one.infinities for one in columns),
        sum(one.mixed for one in columns) + sum(one.count - one.nulls for one in others),
        sum(one.true for one in columns),
        _merged_distinct(with_values, private=private),
        _merged_summary([one.numbers for one in with_values]) if kind in _NUMERIC and not private else None,
        _merged_summary([one.lengths for one in with_values]) if kind not in _NUMERIC else None,
        min((one.first for one in texts if one.first is not None), default=None),
        max((one.last for one in texts if one.last is not None), default=None),
        None if private or kind in _UNCOUNTED else _merged_counts(with_values, kind),
        private,
    )


def redact(profile: Profile, private: frozenset[str]) -> Profile:
    """The profile without the values of the `private` columns: what a scan with these private columns finds."""
    return replace(profile, collections=tuple(_redacted(one, private) for one in profile.collections))


def _redacted(table: CollectionProfile, private: frozenset[str]) -> CollectionProfile:
    columns = tuple(_redacted_column(one) if one.name in private else one for one in table.columns)
    parts = tuple(
        replace(part, columns={name: one for name, one in part.columns.items() if name not in private})
        for part in table.parts
    )
    return replace(table, columns=columns, parts=parts)


def _redacted_column(column: ColumnProfile) -> ColumnProfile:
    distinct = _merged_distinct([column], private=True)
    return replace(column, private=True, distinct=distinct, numbers=None, first=None, last=None, counts=None)


def _columns_by_name(tables: Sequence[CollectionProfile]) -> dict[tuple[str, int], dict[int, ColumnProfile]]:
    """By name, and by how many columns before have the same name: the columns, by the index of their table."""
    found: dict[tuple[str, int], dict[int, ColumnProfile]] = {}
    for at, table in enumerate(tables):
        seen: dict[str, int] = {}
        for column in table.columns:
            nth = seen[column.name] = seen.get(column.name, -1) + 1
            found.setdefault((column.name, nth), {})[at] = column
    return found


def _merged_column(name: str, tables: Sequence[CollectionProfile], found: dict[int, ColumnProfile]) -> ColumnProfile:
    merged = merge_columns(name, list(found.values()))
    missing = sum(table.rows for at, table in enumerate(tables) if at not in found)
    return replace(merged, count=merged.count + missing, nulls=merged.nulls + missing) if missing else merged


def _common_type(types: set[ColumnType]) -> ColumnType:
    if len(types) == 1:
        return next(iter(types))
    return ColumnType.NUMBER if types == {ColumnType.INTEGER, ColumnType.NUMBER} else ColumnType.TEXT


def _merged_distinct(columns: Sequence[ColumnProfile], *, private: bool) -> bytes:
    encoded = [one.distinct for one in columns if one.distinct]
    if not encoded:
        return b""
    found = Distinct(exact=not private)
    for one in encoded:
        found.merge(Distinct.of(one))
    return found.encode()


def _merged_summary(summaries: Sequence[NumberSummary | None]) -> NumberSummary | None:
    known = [one for one in summaries if one is not None]
    if len(known) < 2:
        return known[0] if known else None
    return merged_moments(known).summary(Quantiles.merged(one.quantiles for one in known).encode())


def _merged_counts(columns: Sequence[ColumnProfile], kind: ColumnType) -> ValueCounts | None:
    found = Frequent()
    for one in columns:
        if one.counts is None:
            found.incomplete = True
        elif kind is ColumnType.TEXT and one.type is not kind:
            found.merge(Frequent.of(one.counts).renamed(shown))
        else:
            found.merge(Frequent.of(one.counts))
    return found.value_counts()
