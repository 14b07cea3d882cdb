"""The values of two columns side by side, from sketches: steps of distributions, and counts."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from math import isinf
from typing import TYPE_CHECKING, Any, Final

from dver.formats.profile import ColumnProfile, NumberSummary, Value, ValueCounts
from dver.profiles.sketches.quantiles import RANK_DEVIATIONS, Quantiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LISTED_MAX: Final = 64
"""The most frequent values that are compared where not all are known."""


@dataclass(frozen=True)
class NumberSample:
    """The distribution of the numbers of one column."""

    values: NDArray[Any]
    """Ascending."""
    weights: NDArray[Any]
    """How many numbers each of `values` stands for."""
    rank_deviation: float
    """The standard deviation of the sketch's errors of ranks, as a share of all numbers; 0 if all are known."""

    @property
    def count(self) -> float:
        """How many numbers there are."""
        return float(self.weights.sum())

    @cached_property
    def at_or_below(self) -> NDArray[Any]:
        """The share of the numbers at or below each of `values`."""
        import numpy as np

        return np.asarray(np.cumsum(self.weights) / self.count)

    @property
    def grain(self) -> float:
        """The largest share that one kept value stands for; 0 if all are known."""
        return float(self.weights.max()) / self.count if self.rank_deviation else 0.0

    def quantiles(self, ranks: NDArray[Any]) -> NDArray[Any]:
        """The values at `ranks`, 0 to 1."""
        import numpy as np

        at = np.searchsorted(self.at_or_below, ranks - 1e-9)
        return np.asarray(self.values[np.minimum(at, len(self.values) - 1)])

    def shares_below(self, edges: NDArray[Any]) -> NDArray[Any]:
        """The share of the numbers below each edge, the edge not included."""
        import numpy as np

        below = np.concatenate(([0.0], self.at_or_below))
        return np.asarray(below[np.searchsorted(self.values, edges, side="left")])


def sample_of(summary: NumberSummary) -> NumberSample:
    """The sample that the sketch of a column keeps. Raises CorruptError for a damaged sketch."""
    sketch = Quantiles.of(summary.quantiles)
    values, weights = sketch.weighted_values()
    return NumberSample(values, weights, sketch.rank_error / RANK_DEVIATIONS)


@dataclass(frozen=True)
class DistributionSteps:
    """Two distributions over the same values: between two neighbours both are constant."""

    widths: NDArray[Any]
    """From each value to the next."""
    reference: NDArray[Any]
    """The share of the reference at or below the value."""
    live: NDArray[Any]


def steps_of(reference: NumberSample, live: NumberSample) -> DistributionSteps:
    """Both distributions as steps."""
    import numpy as np

    values = np.concatenate((reference.values, live.values))
    order = np.argsort(values, kind="stable")
    values = values[order]
    first = len(reference.values)
    ours = np.concatenate((reference.weights, np.zeros(len(live.weights))))[order]
    theirs = np.concatenate((np.zeros(first), live.weights))[order]
    with np.errstate(over="ignore"):
        widths = np.diff(values)
    return DistributionSteps(widths, np.cumsum(ours)[:-1] / reference.count, np.cumsum(theirs)[:-1] / live.count)


@dataclass(frozen=True)
class Cells:
    """The counts of the same values, or ranges of values, on both sides."""

    reference: NDArray[Any]
    live: NDArray[Any]


def cells_of_values(reference: ValueCounts, live: ValueCounts, sizes: tuple[int, int]) -> Cells:
    """The counts of all values in ascending order; those not known well enough are one last cell together.

    `sizes` are the numbers of values, nulls not counted. Where only the most frequent values are known, a value is
    listed because its count is high, so counts near the smallest listed one are too high on average. Hence only
    values count that are clearly more frequent in both together, and one that a side does not list has that side's
    smallest count.
    """
    import numpy as np

    mine, theirs = _known_counts(reference), _known_counts(live)
    names = sorted({**mine, **theirs}, key=_order)
    both = ((reference, mine), (live, theirs))
    least = [0 if one.complete else min(known.values(), default=0) for one, known in both]
    found = np.array([(mine.get(one, least[0]), theirs.get(one, least[1])) for one in names], "f8").reshape(-1, 2)
    if reference.complete and live.complete:
        return Cells(found[:, 0], found[:, 1])
    cut = max(low / size for low, size in zip(least, sizes, strict=True))
    known = found[found.sum(axis=1) / sum(sizes) >= cut + 3 * np.sqrt(cut / min(sizes))]
    rest = np.maximum(0, np.array(sizes) - known.sum(axis=0))
    cells = np.vstack([known, rest]) if rest.any() else known
    return Cells(cells[:, 0], cells[:, 1])


def _known_counts(counts: ValueCounts) -> dict[Value, int]:
    return dict(counts.values if counts.complete else counts.values[:_LISTED_MAX])


def lost_share(counts: ValueCounts, size: int) -> float:
    """How much the share of a value may be too low: 0 if all counts are known."""
    return counts.error / size if counts.error else 0.0


def cells_of_numbers(
    reference: ColumnProfile, live: ColumnProfile, samples: tuple[NumberSample, NumberSample]
) -> Cells:
    """The counts in ranges of equal width, as many as Sturges' rule gives for all numbers together."""
    import numpy as np

    assert reference.numbers is not None
    assert live.numbers is not None
    low = min(reference.numbers.minimum, live.numbers.minimum)
    high = max(reference.numbers.maximum, live.numbers.maximum)
    count = int(np.ceil(np.log2(samples[0].count + samples[1].count) + 1))
    if isinf(high - low):  # halves of numbers have a difference that is finite
        edges = np.linspace(low / 2, high / 2, count + 1) * 2
    else:
        edges = np.linspace(low, high, count + 1) if high > low else np.array([low, low + 1])
    counts = [np.diff(np.append(one.shares_below(edges[:-1]), 1.0)) * one.count for one in samples]
    return Cells(counts[0], counts[1])


def _order(value: Hashable) -> tuple[str, Any]:
    return ("" if isinstance(value, int | float) else "text", value)
