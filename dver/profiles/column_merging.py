"""One column of several, merged: the same as one column of all their rows, within the errors of the sketches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from dver.formats.profile import ColumnProfile, ColumnType, NumberSummary, ValueCounts
from dver.profiles.moments import merged_moments
from dver.profiles.parts import shown
from dver.profiles.sketches.added_counts import added_counts
from dver.profiles.sketches.distinct import Distinct
from dver.profiles.sketches.frequent import Frequent
from dver.profiles.sketches.quantiles import Quantiles

FEW_NUMBERS: Final = 16
"""Numbers with at most this many distinct values are counted in parts."""
NUMERIC: Final = (ColumnType.BOOLEAN, ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.TIME)
_UNCOUNTED: Final = (ColumnType.BYTES, ColumnType.NESTED)


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
        _merged_summary([one.numbers for one in with_values]) if kind in NUMERIC and not private else None,
        _merged_summary([one.lengths for one in with_values]) if kind not in NUMERIC else None,
        min((one.first for one in texts if one.first is not None), default=None),
        max((one.last for one in texts if one.last is not None), default=None),
        None if private or kind in _UNCOUNTED else _merged_counts(with_values, kind),
        private,
    )


def redact_column(column: ColumnProfile) -> ColumnProfile:
    """The column without its values."""
    distinct = _merged_distinct([column], private=True)
    return replace(column, private=True, distinct=distinct, numbers=None, first=None, last=None, counts=None)


def has_few_numbers(column: ColumnProfile) -> bool:
    """Are there so few distinct numbers that parts have their counts?"""
    return column.counts is not None and column.counts.complete and len(column.counts.values) <= FEW_NUMBERS


def _common_type(types: set[ColumnType]) -> ColumnType:
    if len(types) == 1:
        return next(iter(types))
    return ColumnType.NUMBER if types == {ColumnType.INTEGER, ColumnType.NUMBER} else ColumnType.TEXT


def _merged_distinct(columns: Sequence[ColumnProfile], *, private: bool) -> bytes:
    encoded = [one.distinct for one in columns if one.distinct]
    if not encoded:
        return b""
    return Distinct.merged(encoded, exact=not private).encode()


def _merged_summary(summaries: Sequence[NumberSummary | None]) -> NumberSummary | None:
    known = [one for one in summaries if one is not None]
    if len(known) < 2:
        return known[0] if known else None
    return merged_moments(known).summary(Quantiles.merged(one.quantiles for one in known).encode())


def _merged_counts(columns: Sequence[ColumnProfile], kind: ColumnType) -> ValueCounts | None:
    known = [one.counts for one in columns if one.counts is not None and _keeps_names(one, kind)]
    found = added_counts(known)
    for one in columns:
        if one.counts is None:
            found.incomplete = True
        elif not _keeps_names(one, kind):
            found.merge(Frequent.of(one.counts).renamed(shown))
    return found.value_counts()


def _keeps_names(column: ColumnProfile, kind: ColumnType) -> bool:
    """Are the values the same in a column of type `kind`? In one of texts, numbers become texts."""
    return kind is not ColumnType.TEXT or column.type is kind
