"""Wasserstein distances of many columns, and what they are without drift: docs/decisions/drift-thresholds.md.

Without drift the difference of two distributions is a Brownian bridge over the ranks of the values, divided by the
root of the effective rows. So the distance is the integral of a bridge's absolute values over the column's
values. The bridges are drawn once for all columns and weighted by one matrix product.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from dver.drift.samples import DistributionSteps, NumberSample

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CELLS: Final = 256
"""Ranges of ranks. They are narrower at the ends, where bridges are steeper."""
_BRIDGES: Final = 4000
_TAIL: Final = 0.02
"""From this probability on, the tail is computed instead of counted."""
_LEAST_ROWS: Final = 5
"""Tails in which fewer rows than these are expected are not judged."""


@dataclass(frozen=True)
class NumberDistance:
    """The Wasserstein distance of one column, not divided by the deviation."""

    whole: float
    judged: float
    """Without the tails that hold too few rows."""
    widths: NDArray[Any]
    """How far the values reach in each range of ranks."""
    variance: float
    """One over the effective rows."""
    errors: tuple[float, float]
    """Of both sketches: the variance of their errors of ranks, and the largest share that a kept value stands for."""


@dataclass(frozen=True)
class Noise:
    """The distances of columns without drift."""

    thresholds: NDArray[Any]
    p_values: NDArray[Any]
    """Of the distances found."""


def distance_of(
    steps: DistributionSteps, samples: tuple[NumberSample, NumberSample], variance: float
) -> NumberDistance:
    """The distance, and what its noise depends on. `variance` is one over the effective rows."""
    import numpy as np

    n, m = samples[0].count, samples[1].count
    gaps = np.abs(steps.reference - steps.live) * steps.widths
    pooled = (n * steps.reference + m * steps.live) / (n + m)
    tail = min(_LEAST_ROWS / min(n, m), 0.25)
    inside = (pooled >= tail) & (pooled <= 1 - tail)
    edges, _ = _ranks()
    cell = np.clip(np.searchsorted(edges, pooled[inside]) - 1, 0, _CELLS - 1)
    widths = np.bincount(cell, weights=steps.widths[inside], minlength=_CELLS)
    errors = (sum(one.rank_deviation**2 for one in samples), sum(one.grain for one in samples))
    return NumberDistance(float(gaps.sum()), float(gaps[inside].sum()), widths, variance, errors)


def noise(distances: Sequence[NumberDistance], alpha: float) -> Noise:
    """The thresholds that distances exceed with probability `alpha` without drift, and the p-values of `distances`."""
    import numpy as np

    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, one in enumerate(distances):
        groups[_similar(one)].append(index)
    thresholds, p_values = np.zeros(len(distances)), np.ones(len(distances))
    for chosen in groups.values():
        thresholds[chosen], p_values[chosen] = _noise_of_similar([distances[index] for index in chosen], alpha)
    return Noise(thresholds, p_values)


def _similar(one: NumberDistance) -> tuple[int, int]:
    """Columns with the same key have errors of sketches that are alike, compared with the noise of their rows."""
    error, grain = one.errors
    return (round(2 * math.log2(error / one.variance)), round(2 * math.log2(grain))) if error else (0, 0)


def _noise_of_similar(distances: Sequence[NumberDistance], alpha: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Thresholds and p-values.

    Far out, the noise exceeds x as often as c * |N(0, s)| does, where s is the deviation of the integral of the bridge
    itself (that of the difference of means), and c is fitted where such noise is frequent.
    """
    import numpy as np
    from scipy.special import ndtr, ndtri

    found = np.array([one.widths for one in distances])
    unit = np.maximum(found.max(axis=1), np.finfo("f8").tiny) * np.sqrt([one.variance for one in distances])
    widths = found / np.maximum(found.max(axis=1, keepdims=True), np.finfo("f8").tiny)
    judged = np.array([one.judged for one in distances]) / unit
    bridges, covariance = _bridges()
    errors = _errors(distances)
    # What errors of sketches add at a rank is independent of what they add elsewhere, so it hardly adds to the tail.
    drawn = (np.sqrt(bridges**2 + 2 / np.pi * errors.astype("f4")) if errors.any() else bridges) @ widths.T.astype("f4")
    frequent = int((1 - _TAIL) * _BRIDGES)
    drawn.partition(frequent, axis=0)
    start = drawn[frequent].astype("f8")
    deviation = np.sqrt(np.einsum("ij,jk,ik->i", widths, covariance, widths, optimize=True) + widths**2 @ (2 * errors))
    varying = deviation > 0
    deviation = np.where(varying, deviation, 1.0)
    factor = np.maximum(1.0, _TAIL / (2 * ndtr(-start / deviation)))
    computed = -ndtri(min(alpha, _TAIL) / (2 * factor)) * deviation
    thresholds = np.quantile(drawn, 1 - alpha, axis=0) if alpha > _TAIL else computed
    tail = np.minimum(2 * factor * ndtr(-judged / deviation), _TAIL)
    p_values = np.where(judged >= start, tail, (drawn >= judged).mean(axis=0))
    return np.where(varying, thresholds, 0.0) * unit, np.where(varying, p_values, 1.0)


def _errors(distances: Sequence[NumberDistance]) -> NDArray[Any]:
    """The variance of the errors of sketches at the middle of each range of ranks, in units of one over rows.

    At the ends a sketch is as good as a random sample of the values that it keeps, and at most that.
    """
    import numpy as np

    _, middles = _ranks()
    error = max(one.errors[0] / one.variance for one in distances)
    grain = max(one.errors[1] / one.variance for one in distances)
    return np.asarray(np.minimum(error, grain * middles * (1 - middles)))


@cache
def _ranks() -> tuple[NDArray[Any], NDArray[Any]]:
    """The edges and middles of the ranges of ranks."""
    import numpy as np

    edges = np.sin(np.pi * np.arange(_CELLS + 1) / (2 * _CELLS)) ** 2
    return edges, (edges[1:] + edges[:-1]) / 2


@cache
def _bridges() -> tuple[NDArray[Any], NDArray[Any]]:
    """Absolute values of Brownian bridges at the middles of the ranges, a row each, and the bridges' covariance."""
    import numpy as np

    _, middles = _ranks()
    times = np.append(middles, 1.0)
    drawn = np.random.default_rng(16).standard_normal((_BRIDGES, _CELLS + 1))
    walks = np.cumsum(drawn * np.sqrt(np.diff(times, prepend=0.0)), axis=1)
    found = np.abs(walks[:, :-1] - walks[:, -1:] * middles).astype("f4")
    return found, np.minimum.outer(middles, middles) - np.outer(middles, middles)
