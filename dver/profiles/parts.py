"""The consecutive parts of a table: collected while it is read, joined when there are too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dver.formats.profile import ColumnType, PartColumn, PartSummary, Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARTS_MAX: Final = 20
QUANTILES: Final = 17
"""The quantiles of a finished part: 0, 1/16 … 1."""
VALUES_MAX: Final = 16
_COUNTED_MAX: Final = 64
_STEPS: Final = 129
"""The quantiles of a part that others may still join."""
_MANY_COLUMNS: Final = 1000


@dataclass(frozen=True, slots=True)
class PartOfColumn:
    """One column of a part, in more detail than a profile keeps."""

    count: int
    quantiles: NDArray[Any] | None
    """Evenly spaced, the extremes among them; None without numbers."""
    counts: dict[Value, int]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a table: its rows, and its columns in order."""

    rows: int
    columns: tuple[PartOfColumn, ...]


NO_VALUES: Final = PartOfColumn(0, None, {})


@dataclass(frozen=True, slots=True)
class Detail:
    """What is kept of each column while a table is read: less where there are thousands of them."""

    steps: int
    """The quantiles of a part."""
    counters: int
    """The values that are counted at a time."""
    counted: int
    """The values of a part that have counts."""


def detail_for(columns: int) -> Detail:
    """The detail for a table with this many columns, so that they fit into memory."""
    return Detail(_STEPS, 1024, _COUNTED_MAX) if columns <= _MANY_COLUMNS else Detail(33, 256, VALUES_MAX)


def halved(parts: Sequence[Part]) -> list[Part]:
    """The parts, each two neighbours joined."""
    return [_joined(parts[at : at + 2]) for at in range(0, len(parts), 2)]


def joined_parts(parts: Sequence[Part], most: int = PARTS_MAX) -> list[Part]:
    """At most `most` parts, of neighbours with about the same number of rows together."""
    if len(parts) <= most:
        return list(parts)
    groups: dict[int, list[Part]] = {}
    for place, part in zip(places_of_parts([part.rows for part in parts], most), parts, strict=True):
        groups.setdefault(place, []).append(part)
    return [_joined(group) for group in groups.values()]


def places_of_parts(rows: Sequence[int], most: int = PARTS_MAX) -> list[int]:
    """For each of several neighbours with these numbers of rows, in which of `most` parts it is."""
    total, done, found = sum(rows), 0, []
    for one in rows:
        middle = done + one / 2
        found.append(min(int(middle * most / total), most - 1) if total else 0)
        done += one
    return found


def joined_column(columns: Sequence[PartOfColumn]) -> PartOfColumn:
    """One column of several parts together."""
    counts: dict[Value, int] = {}
    for one in columns:
        for value, count in one.counts.items():
            counts[value] = counts.get(value, 0) + count
    kept = dict(sorted(counts.items(), key=lambda pair: -pair[1])[:_COUNTED_MAX])
    numbers = [(one.count, one.quantiles) for one in columns if one.quantiles is not None and one.count]
    quantiles = numbers[0][1] if len(numbers) == 1 else _joined_quantiles(numbers) if numbers else None
    return PartOfColumn(sum(one.count for one in columns), quantiles, kept)


def summary_of(part: Part, names: Sequence[str], types: Sequence[ColumnType], few: Sequence[bool]) -> PartSummary:
    """The part as a profile keeps it. `few`: has the column so few numbers that they are counted?

    Of columns with the same name, the first one is kept.
    """
    found: dict[str, PartColumn] = {}
    for name, kind, counted, column in zip(names, types, few, part.columns, strict=True):
        found.setdefault(name, _summary_of_column(column, kind, counted))
    return PartSummary(part.rows, found)


def part_of(summary: PartSummary, names: Sequence[str]) -> Part:
    """The part of a profile as one that others may join, with columns of these names."""
    import numpy as np

    columns = []
    for name in names:
        one = summary.columns.get(name) or PartColumn(0)
        quantiles = np.array(one.quantiles, "f8") if one.quantiles else None
        columns.append(PartOfColumn(one.count, quantiles, dict(one.counts)))
    return Part(summary.rows, tuple(columns))


def shown(value: Value) -> str:
    """A value as a text column has it."""
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _summary_of_column(column: PartOfColumn, kind: ColumnType, counted: bool) -> PartColumn:
    numeric = kind in (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.TIME)
    quantiles: tuple[float, ...] = ()
    if numeric and column.quantiles is not None:
        step = (len(column.quantiles) - 1) // (QUANTILES - 1)
        quantiles = tuple(column.quantiles[::step].tolist())
    pairs: tuple[tuple[Value, int], ...] = ()
    if not numeric or counted:
        counts: dict[Value, int] = {}
        for value, count in column.counts.items():
            key = shown(value) if kind is ColumnType.TEXT else value
            counts[key] = counts.get(key, 0) + count
        pairs = tuple(sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))[:VALUES_MAX])
    return PartColumn(column.count, quantiles, pairs)


def _joined(parts: Sequence[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    columns = tuple(joined_column(same) for same in zip(*(part.columns for part in parts), strict=True))
    return Part(sum(part.rows for part in parts), columns)


def _joined_quantiles(numbers: Sequence[tuple[int, Any]]) -> NDArray[Any]:
    """Quantiles of values that are summarised by quantiles: each stands for its share of the values."""
    import numpy as np

    steps = max(len(quantiles) for _, quantiles in numbers)
    values = np.concatenate([quantiles for _, quantiles in numbers])
    weights = np.concatenate([_weights(len(quantiles)) * count for count, quantiles in numbers])
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    at = np.searchsorted(reached, np.linspace(0, 1, steps) * reached[-1] * (1 - 1e-12))
    found: NDArray[Any] = values[order][np.clip(at, 0, len(values) - 1)]
    found[0], found[-1] = values.min(), values.max()
    return found


def _weights(size: int) -> NDArray[Any]:
    import numpy as np

    weights = np.full(size, 1.0 / (size - 1) if size > 1 else 1.0)
    if size > 1:
        weights[[0, -1]] /= 2
    return weights
