"""Profiles of files in few bytes: the size of a file decides how many (docs/decisions/profiles.md).

A profile travels with the data, so that of a small file must be small, too. Large files are not affected. Each column
has the same share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from dver.formats.counted_values import estimated_bytes_of_values
from dver.formats.profile import CollectionProfile, ColumnProfile, NumberSummary, PartSummary, ValueCounts
from dver.formats.profile_parts import estimated_bytes_of_parts
from dver.profiles.merging import merged_parts
from dver.profiles.sketches.distinct import REGISTERS, REGISTERS_MIN, Distinct
from dver.profiles.sketches.frequent import Frequent
from dver.profiles.sketches.quantiles import Quantiles

FLOOR: Final = 32 << 10
"""The profile of any file may have this many bytes: ten columns of 300 rows are kept exactly."""
SHARE: Final = 0.08
"""The profile of a larger file may have this share of its bytes."""
_HEAD: Final = 90
"""About what the header of a column needs, once it is compressed."""
_PARTS_MIN: Final = 4
"""Fewer parts say nothing about how much parts differ."""
_REGISTER: Final = 0.4
"""About what a register needs, once it is compressed."""
_ROUNDED: Final = 2
"""About what a rounded value needs."""
_VALUES_MIN: Final = 16
_COUNTS_MIN: Final = 8


def compact(table: CollectionProfile) -> CollectionProfile:
    """The profile of a file in about the bytes that it may have: parts have at most half of them."""
    size = int(max(FLOOR, SHARE * table.bytes))
    parts, needed = _compact_parts(table, size // 2)
    share = (size - needed) // max(1, len(table.columns))
    return replace(table, columns=tuple(_compact_column(one, share) for one in table.columns), parts=parts)


def _compact_parts(table: CollectionProfile, size: int) -> tuple[Sequence[PartSummary], int]:
    """The parts in about `size` bytes, and what they need."""
    parts = table.parts if len(table.parts) > 1 else ()  # the table itself is the only part
    needed = estimated_bytes_of_parts(parts)
    if needed > size:
        most = max(_PARTS_MIN, len(parts) * size // needed)
        parts = merged_parts([parts], table.columns, most) if len(parts) >= _PARTS_MIN else ()
        needed = estimated_bytes_of_parts(parts)
    return parts, min(needed, size)


def _compact_column(column: ColumnProfile, size: int) -> ColumnProfile:
    """The column in about `size` bytes: shares for distinct and frequent values, quantiles the rest."""
    known = [one for one in (column.numbers, column.lengths) if one is not None]
    needed = sum(Quantiles.of(one.quantiles).estimated_bytes() for one in known)
    counts, counted = column.counts, _bytes_of_counts(column.counts)
    if _HEAD + len(column.distinct) + counted + needed <= size:
        return column
    share = size // 2 if column.numbers is None else size // 4
    if counts is not None and counted > share:
        counts = Frequent.of(counts).value_counts(max(_COUNTS_MIN, len(counts.values) * share // counted))
        counted = _bytes_of_counts(counts)
    rest = size - _HEAD - counted - needed  # if all values are kept
    distinct = _compact_distinct(column.distinct, rest if rest >= size // 8 else size * 2 // 5)
    left = size - _HEAD - int(len(distinct) * _REGISTER) - counted
    return replace(
        column,
        distinct=distinct,
        counts=counts,
        numbers=_compact_summary(column.numbers, left),
        lengths=_compact_summary(column.lengths, left),
    )


def _compact_distinct(encoded: bytes, size: int) -> bytes:
    if not encoded:
        return encoded
    registers = REGISTERS
    while registers > REGISTERS_MIN and registers * _REGISTER > size:
        registers //= 2
    found = Distinct.of(encoded)
    found.shrink(registers)
    return found.encode()


def _compact_summary(summary: NumberSummary | None, size: int) -> NumberSummary | None:
    if summary is None:
        return None
    sketch = Quantiles.of(summary.quantiles)
    if sketch.estimated_bytes() <= size:
        return summary
    sketch.shrink(max(_VALUES_MIN, size // _ROUNDED))
    return replace(summary, quantiles=sketch.encode())


def _bytes_of_counts(counts: ValueCounts | None) -> int:
    """About what the counts need: texts shrink to less than half of their bytes, once they are compressed."""
    return 0 if counts is None else estimated_bytes_of_values(counts.values)
