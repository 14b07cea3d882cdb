"""How much the parts of a reference differ beyond chance: docs/decisions/drift-thresholds.md.

Days differ, and so do weeks. Live data is one more of them, so it may differ from the whole reference as a part does.
Differences beyond chance are given as a variance in units of one over rows, and only if they are significant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from dver.drift.categories import LEAST_ROWS
from dver.drift.samples import NumberSample
from dver.formats.profile import PartColumn, PartSummary

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST_PARTS: Final = 3
_SIGNIFICANT: Final = 0.001
_SORTED: Final = 0.1
"""A larger variance comes from sorted rows."""
_DRAWS: Final = 200
_STEPS: Final = 16
"""A part has the quantiles 0, 1/16, 2/16 … 1. The first and the last say little."""
_LISTED: Final = 16
"""The most values whose counts a part lists."""


@dataclass(frozen=True, slots=True)
class Variation:
    """Differences between parts."""

    variance: float = 0.0
    """One over the rows of a random sample that differs as much."""
    parts: int = 0
    cells: int = 1
    """Degrees of freedom of the counts in a part."""
    directions: float = 1.0
    """Degrees of freedom in which parts differ, at most `cells`."""

    def added_variance(self, alpha: float) -> float:
        """What to add to one over the effective rows, for a test at significance `alpha`.

        The live data is one draw, and the reference the mean of `parts` draws. The variance is known from a few parts
        only, hence the quantile of Student's t in place of the normal one.
        """
        if not self.variance:
            return 0.0
        from scipy.special import chdtri, ndtri, stdtrit

        few_parts = float(stdtrit(self.parts - 1, 1 - alpha / 2) / ndtri(alpha / 2)) ** 2
        limits = [float(chdtri(freedom, alpha)) / freedom for freedom in (self.directions, self.cells)]
        return self.variance * (1 + 1 / self.parts) * few_parts * limits[0] / limits[1]


def variation_of_values(parts: Sequence[PartSummary], name: str) -> Variation:
    """The variation of the counts of values."""
    columns = [one.columns[name] for one in parts if name in one.columns and one.columns[name].count]
    if len(columns) < _LEAST_PARTS:
        return Variation()
    return _of_counts(_table(columns))


def variation_of_nulls(parts: Sequence[PartSummary], name: str) -> Variation:
    """The variation of the share of nulls."""
    import numpy as np

    found = [(one.columns[name].count, one.rows) for one in parts if name in one.columns and one.rows]
    if len(found) < _LEAST_PARTS or all(count == rows for count, rows in found):
        return Variation()
    return _of_counts(np.array([(count, max(0, rows - count)) for count, rows in found], "f8"))


def variation_of_numbers(parts: Sequence[PartSummary], name: str, sample: NumberSample) -> Variation:
    """The variation of the distribution of numbers: of the parts' quantiles from those of all numbers."""
    import numpy as np
    from scipy.special import gammaincc

    columns = [one.columns[name] for one in parts if name in one.columns and one.columns[name].count >= _STEPS]
    columns = [one for one in columns if len(one.quantiles) == _STEPS + 1]
    if len(columns) < _LEAST_PARTS:
        return Variation()
    ranks, bridges = _bridges()
    whole = sample.quantiles(ranks)
    quantiles = np.array([one.quantiles[1:-1] for one in columns])
    scale = max(float(np.abs(quantiles).max()), float(np.abs(whole).max())) or 1.0  # squares must not overflow
    quantiles, whole = quantiles / scale, whole / scale
    found = float((np.abs(quantiles - whole).mean(axis=1) ** 2).mean())
    rows = len(columns) / sum(1 / one.count for one in columns)
    chance = (1 - 1 / len(columns)) / rows + 8 * sample.rank_deviation**2
    shifted = ranks + bridges * np.sqrt(chance)
    differences = sample.quantiles(np.clip(shifted, 0, 1)) / scale - whole
    drawn = np.abs(differences).mean(axis=1) ** 2
    mean, variance = float(drawn.mean()), float(drawn.var()) / len(columns)
    if not found or found <= mean:
        return Variation()
    if variance and gammaincc(mean * mean / variance, found * mean / variance) > _SIGNIFICANT:
        return Variation()
    # Days that differ by a shift alone have the most extreme distances: these are as those of a difference of means.
    of_means = float((differences.mean(axis=1) ** 2).mean())
    return _variation((found - mean) / of_means * chance if of_means else math.inf, len(columns))


def _of_counts(table: NDArray[Any]) -> Variation:
    """The overdispersion of counts, a row a part: chi-square over its degrees of freedom (Rao and Scott 1981)."""
    import numpy as np
    from scipy.special import chdtrc

    sizes, totals = table.sum(axis=1), table.sum(axis=0)
    expected = totals / totals.sum() * sizes.min()
    few = expected < LEAST_ROWS
    table = np.column_stack([table[:, ~few], table[:, few].sum(axis=1)]) if few.any() else table
    totals = table.sum(axis=0)
    table, totals = table[:, totals > 0], totals[totals > 0]
    freedom = (len(table) - 1) * (len(totals) - 1)
    if freedom <= 0:
        return Variation()
    means = np.outer(sizes, totals) / totals.sum()
    statistics = ((table - means) ** 2 / means).sum(axis=1)
    if chdtrc(freedom, statistics.sum()) > _SIGNIFICANT:
        return Variation()
    # A sum of squares of which few vary has a long tail: chi-square with as few degrees of freedom (Satterthwaite).
    # Half of the estimate, since a few parts vary too little by chance as often as too much.
    directions = statistics.mean() ** 2 / max(statistics.var(ddof=1), 1e-9)
    cells = len(totals) - 1
    variance = (statistics.sum() / freedom - 1) / float(sizes.mean())
    return _variation(float(variance), len(table), cells, float(np.clip(directions, 1, cells)))


def _variation(variance: float, parts: int, cells: int = 1, directions: float = 1.0) -> Variation:
    """Parts that differ as samples of fewer than ten rows do are no days of one kind: the rows are sorted."""
    return Variation(variance, parts, cells, directions) if variance <= _SORTED else Variation()


def _table(columns: Sequence[PartColumn]) -> NDArray[Any]:
    """A row a part, a column a value whose count is known in each part, and one column for all others."""
    import numpy as np

    listed = [dict(one.counts) for one in columns]
    complete = [sum(one.values()) == part.count for one, part in zip(listed, columns, strict=True)]
    names = [
        name
        for name in dict.fromkeys(name for one in listed for name in one)
        if all(name in one or done for one, done in zip(listed, complete, strict=True))
    ]
    known = np.array([[one.get(name, 0) for name in names] for one in listed], "f8").reshape(len(columns), len(names))
    rest = np.array([one.count for one in columns]) - known.sum(axis=1)
    return np.column_stack([known, np.maximum(rest, 0)])


@cache
def _bridges() -> tuple[NDArray[Any], NDArray[Any]]:
    """The ranks 1/16 … 15/16, and Brownian bridges at them, one a row."""
    import numpy as np

    ranks = np.arange(1, _STEPS) / _STEPS
    drawn = np.random.default_rng(17).standard_normal((_DRAWS, _STEPS))
    walks = np.cumsum(drawn / np.sqrt(_STEPS), axis=1)
    return ranks, walks[:, :-1] - walks[:, -1:] * ranks
