"""The bars that show how a column is distributed, from its profile alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from dver.core.errors import CorruptError
from dver.formats.profile import ColumnProfile, ColumnType, NumberSummary
from dver.profiles.sketches.quantiles import Quantiles
from dver.reports.quality.figures import number_of, share_text, value_text

BINS: Final = 24
_SHOWN: Final = 12
"""The most values with a bar of their own."""
_TAIL: Final = 0.01
_LARGE: Final = 1e12
"""Integers so far apart are as dense as other numbers."""
_OUTLIERS: Final = 8
"""If all values need this many times the room of the inner 98 %, only these are shown."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Bars next to each other."""

    bars: tuple[float, ...]
    """Their heights, 0 to 1."""
    label: str
    """What they show."""
    low: str = ""
    high: str = ""
    """What is at the ends, for numbers."""
    rest: bool = False
    """Does the last bar stand for all other values?"""


def distribution_of(column: ColumnProfile) -> Distribution | None:
    """How a column is distributed; None if its profile does not say."""
    if column.type in (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.TIME) and column.numbers is not None:
        return _of_numbers(column.type, column.numbers, "values")
    if column.counts is not None and column.counts.values and _has_frequent_values(column):
        return _of_counts(column)
    if column.lengths is not None:
        noun = "items" if column.type is ColumnType.NESTED else "lengths"
        return _of_numbers(ColumnType.INTEGER, column.lengths, noun)
    return None


def _has_frequent_values(column: ColumnProfile) -> bool:
    """Is a bar for each value of use? It is not where nearly all values differ."""
    counts = column.counts
    assert counts is not None
    filled = column.count - column.nulls
    shown = sum(times for _, times in counts.values[:_SHOWN])
    return column.type is ColumnType.BOOLEAN or shown >= 0.1 * filled or column.lengths is None


def _of_counts(column: ColumnProfile) -> Distribution:
    counts = column.counts
    assert counts is not None
    shown = [times for _, times in counts.values[:_SHOWN]]
    rest = max(0, column.count - column.nulls - sum(shown))
    heights = [*shown, rest] if rest else shown
    top, times = counts.values[0]
    filled = max(1, column.count - column.nulls)
    label = f"most frequent values, first {value_text(top)}: {share_text(times / filled)}"
    return Distribution(_scaled(heights), label, rest=bool(rest))


def _of_numbers(type_: ColumnType, summary: NumberSummary, noun: str) -> Distribution | None:
    import numpy as np

    try:
        quantiles = Quantiles.of(summary.quantiles)
    except CorruptError:
        return None  # a page without one chart says more than no page
    low, high = summary.minimum, summary.maximum
    if low == high:
        return Distribution((1.0,), f"all {noun} are {number_of(type_, low)}")
    label = f"{noun} from {number_of(type_, low)} to {number_of(type_, high)}"
    inner = quantiles.quantiles([_TAIL, 1 - _TAIL])
    if _OUTLIERS * (inner[1] - inner[0]) < high - low and inner[0] < inner[1]:
        low, high = float(inner[0]), float(inner[1])
        label = f"the inner 98 % of {label}"
    if not math.isfinite(high - low):
        return None
    edges = _edges(type_, low, high)
    if not (edges[1:] > edges[:-1]).all():
        return None  # closer together than doubles can tell
    below = quantiles.ranks(edges[1:])
    first = quantiles.ranks([np.nextafter(low, -np.inf)])
    heights = np.diff(np.concatenate((first, below)))
    if type_ is ColumnType.INTEGER:
        edges[-1] = min(edges[-1], high + 0.5)  # the last bar may have fewer integers: its height is per integer
        heights = heights / np.diff(edges)
    return Distribution(_scaled(heights.tolist()), label, number_of(type_, low), number_of(type_, high))


def _edges(type_: ColumnType, low: float, high: float) -> Any:
    """The limits of the bars. Those of integers have the same number of integers between them."""
    import numpy as np

    if type_ is not ColumnType.INTEGER or high - low >= _LARGE:
        return np.linspace(low, high, BINS + 1)
    integers = math.ceil(high - low + 1)
    least = math.ceil(integers / BINS)
    steps = range(least, max(least, min(2 * integers // BINS, least + BINS)) + 1)
    step = min(steps, key=lambda one: -integers % one / one)  # the last bar has most of the integers of the others
    return low - 0.5 + step * np.arange(math.ceil(integers / step) + 1)


def _scaled(heights: list[float] | list[int]) -> tuple[float, ...]:
    top = max(heights, default=0)
    return tuple(max(0.0, one / top) if top else 0.0 for one in heights)
