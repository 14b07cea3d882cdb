"""Profiles of tables merged: the same as one profile of all rows, within the errors of the sketches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

from dver.core.errors import UsageError
from dver.core.garbage_collector import collector_paused
from dver.formats.profile import (
    PROFILER,
    CollectionKind,
    CollectionProfile,
    ColumnProfile,
    ColumnType,
    PartColumn,
    PartSummary,
    Profile,
)
from dver.profiles.column_merging import has_few_numbers, merge_columns, redact_column
from dver.profiles.parts import (
    NO_VALUES,
    PARTS_MAX,
    QUANTILES,
    Part,
    PartOfColumn,
    joined_parts,
    part_of,
    places_of_parts,
    summary_of,
)
from dver.profiles.sketches.quantiles import Quantiles

_UNREADABLE_MAX: Final = 20


def merge(profiles: Sequence[Profile]) -> Profile:
    """One profile of several, which have one collection each. Columns go by their names.

    The collection has the name and the kind of the first one. Raises UsageError for profiles of different profilers.
    """
    if {one.profiler for one in profiles} - {PROFILER}:
        raise UsageError("profiles of different versions of dver do not merge", fix="profile the data again")
    tables = [one.collections[0] for one in profiles]
    with collector_paused():
        merged = merge_collections(tables)
    return Profile((merged,), ignored=sum(one.ignored for one in profiles))


def merge_collections(tables: Sequence[CollectionProfile]) -> CollectionProfile:
    """One collection of several. A column that one of them does not have is null in its rows.

    Its parts are those of the collections, neighbours joined; of more than 20 collections, those are the parts.
    """
    if len(tables) == 1:
        return tables[0]
    if len(tables) <= PARTS_MAX:
        merged = merge_as_one_part(tables)
        found = list(chain.from_iterable(_parts_of_table(one, merged.columns) for one in tables))
        return replace(merged, parts=_summaries(joined_parts(found), merged.columns))
    groups: dict[int, list[CollectionProfile]] = {}
    for place, table in zip(places_of_parts([one.rows for one in tables]), tables, strict=True):
        groups.setdefault(place, []).append(table)
    parts = [merge_as_one_part(group) for group in groups.values()]
    merged = merge_as_one_part(parts)
    return replace(merged, parts=_summaries([_part_of_table(one, merged.columns) for one in parts], merged.columns))


def merged_parts(
    parts: Iterable[Sequence[PartSummary]], columns: Sequence[ColumnProfile], most: int = PARTS_MAX
) -> tuple[PartSummary, ...]:
    """At most `most` parts of all of these, in their order."""
    names = list(dict.fromkeys(column.name for column in columns))
    return _summaries(joined_parts([part_of(part, names) for part in chain.from_iterable(parts)], most), columns)


def redact(profile: Profile, private: frozenset[str]) -> Profile:
    """The profile without the values of the `private` columns: what a scan with these private columns finds.

    In a small file, such a scan may leave more registers to private columns.
    """
    return replace(profile, collections=tuple(_redacted(one, private) for one in profile.collections))


def _redacted(table: CollectionProfile, private: frozenset[str]) -> CollectionProfile:
    columns = tuple(redact_column(one) if one.name in private else one for one in table.columns)
    parts = tuple(
        replace(part, columns={name: PartColumn(0) if name in private else one for name, one in part.columns.items()})
        for part in table.parts
    )
    return replace(table, columns=columns, parts=parts)


def merge_as_one_part(tables: Sequence[CollectionProfile]) -> CollectionProfile:
    """One collection of several, which is one part of a larger one: it has no parts."""
    return CollectionProfile(
        tables[0].name if tables else "",
        tables[0].kind if tables else CollectionKind.TABLE,
        sum(one.rows for one in tables),
        sum(one.files for one in tables),
        sum(one.bytes for one in tables),
        tuple(_merged_column(key[0], tables, found) for key, found in _columns_by_name(tables).items()),
        tuple(sorted(chain.from_iterable(one.unreadable for one in tables), key=lambda one: one.path))[
            :_UNREADABLE_MAX
        ],
        sum(one.unreadable_count for one in tables),
    )


def _summaries(parts: Sequence[Part], columns: Sequence[ColumnProfile]) -> tuple[PartSummary, ...]:
    """The parts as a profile has them: of columns with the same name, the first."""
    kept = {column.name: column for column in reversed(columns)}
    names = list(dict.fromkeys(column.name for column in columns))
    types = [kept[name].type for name in names]
    few = [has_few_numbers(kept[name]) for name in names]
    return tuple(summary_of(part, names, types, few) for part in parts)


def _parts_of_table(table: CollectionProfile, columns: Sequence[ColumnProfile]) -> list[Part]:
    """The parts of a collection. A small file has none: it is one part."""
    names = list(dict.fromkeys(column.name for column in columns))
    found = [part_of(part, names) for part in table.parts]
    return found or ([_part_of_table(table, columns)] if table.rows else [])


def _part_of_table(table: CollectionProfile, columns: Sequence[ColumnProfile]) -> Part:
    """A whole collection as a part."""
    found = {column.name: column for column in reversed(table.columns)}
    names = dict.fromkeys(column.name for column in columns)
    return Part(table.rows, tuple(_part_of_column(found[name]) if name in found else NO_VALUES for name in names))


def _part_of_column(column: ColumnProfile) -> PartOfColumn:
    import numpy as np

    if column.private or column.type in (ColumnType.EMPTY, ColumnType.NESTED):
        return NO_VALUES
    counts = dict(column.counts.values) if column.counts is not None else {}
    if column.numbers is None:
        return PartOfColumn(column.count - column.nulls, None, counts)
    quantiles = Quantiles.of(column.numbers.quantiles).quantiles(np.linspace(0, 1, QUANTILES))
    return PartOfColumn(column.numbers.count, quantiles, counts)


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
