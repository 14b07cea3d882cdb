"""Wasserstein distances of many columns, and what they are without drift: docs/decisions/drift-thresholds.md.

Without drift the difference of two distributions is a Brownian bridge over the ranks of the values, divided by the
root of the effective rows. So the distance is the integral of a bridge's absolute values over the column's
values. The bridges are drawn once for all columns and weighted by one matrix product.
"""

from __future__ import annotations

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
    weights: NDArray[Any]
    """The widths of the values in each range of ranks, times the deviation's scale there: see `distance_of`."""


@dataclass(frozen=True)
class Noise:
    """The distances without drift, one of each column."""

    thresholds: NDArray[Any]
    p_values: NDArray[Any]
    """Of the distances found."""


def distance_of(
    steps: DistributionSteps, samples: tuple[NumberSample, NumberSample], variance: float
) -> NumberDistance:
    """The distance, and the weights of its noise.

    `variance` is one over the effective rows. Errors of sketches are added to it by rank: as those of a random sample
    of the kept values at the ends, and at most the sketch's own in the middle.
    """
    import numpy as np

    n, m = samples[0].count, samples[1].count
    gaps = np.abs(steps.reference - steps.live) * steps.widths
    pooled = (n * steps.reference + m * steps.live) / (n + m)
    tail = min(_LEAST_ROWS / min(n, m), 0.25)
    inside = (pooled >= tail) & (pooled <= 1 - tail)
    edges, middles = _ranks()
    cell = np.clip(np.searchsorted(edges, pooled[inside]) - 1, 0, _CELLS - 1)
    widths = np.bincount(cell, weights=steps.widths[inside], minlength=_CELLS)
    spread = variance + sum(
        np.minimum(one.grain, one.rank_deviation**2 / (middles * (1 - middles))) for one in samples if one.grain
    )
    return NumberDistance(float(gaps.sum()), float(gaps[inside].sum()), widths * np.sqrt(spread))


def noise(weights: NDArray[Any], judged: NDArray[Any], alphas: NDArray[Any]) -> Noise:
    """The threshold that distances exceed with probability `alphas`, and the p-values of the distances `judged`.

    `weights` has a row a column. Far out, the distance exceeds x as often as c * |N(0, s)| does, where s is the
    deviation of the bridge's integral (that of the difference of means), and c is fitted where bridges are frequent.
    """
    import numpy as np
    from scipy.special import ndtr, ndtri

    bridges, covariance = _bridges()
    unit = np.maximum(weights.max(axis=1), np.finfo("f8").tiny)
    weights, judged = weights / unit[:, None], judged / unit
    drawn = bridges @ weights.T.astype("f4")
    drawn.partition(int((1 - _TAIL) * _BRIDGES), axis=0)
    start = drawn[int((1 - _TAIL) * _BRIDGES)].astype("f8")
    deviation = np.sqrt(np.einsum("ij,jk,ik->i", weights, covariance, weights, optimize=True))
    scale = np.where(deviation > 0, deviation, 1.0)
    factor = np.maximum(1.0, _TAIL / (2 * ndtr(-start / scale)))
    thresholds = -ndtri(np.minimum(alphas, _TAIL) / (2 * factor)) * deviation
    for index in np.flatnonzero(alphas > _TAIL):
        thresholds[index] = np.quantile(drawn[:, index], 1 - alphas[index])
    tail = 2 * factor * ndtr(-judged / scale)
    counted = (drawn >= judged).mean(axis=0)
    p_values = np.where(judged >= start, np.minimum(tail, _TAIL), counted)
    return Noise(thresholds * unit, np.where(deviation > 0, p_values, 1.0))


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
