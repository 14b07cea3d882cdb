"""Count, extremes, mean and variance of numbers that come in batches (Chan, Golub and LeVeque 1983)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dver.formats.profile import NumberSummary

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGE: Final = 1e150
"""The squares of larger numbers overflow."""


@dataclass(slots=True)
class Moments:
    """Moments of finite numbers. The sum of squares ends at the largest double."""

    count: int = 0
    minimum: float = 0.0
    maximum: float = 0.0
    mean: float = 0.0
    m2: float = 0.0

    def update(self, values: NDArray[Any]) -> None:
        """Add ascending values: a non-empty array of doubles."""
        minimum, maximum = float(values[0]), float(values[-1])
        if max(-minimum, maximum) > _LARGE:
            scale = max(-minimum, maximum)
            scaled = values / scale
            mean = float(scaled.mean())
            m2 = float(((scaled - mean) ** 2).sum())
            mean, m2 = mean * scale, _finite(m2 * scale * scale)
        else:
            mean = float(values.mean())
            differences = values - mean
            differences *= differences  # not a product of BLAS, whose threads get in the way of other work
            m2 = float(differences.sum())
        self.add(len(values), minimum, maximum, mean, m2)

    def add(self, count: int, minimum: float, maximum: float, mean: float, m2: float) -> None:
        """Add the moments of other values."""
        if not count:
            return
        if not self.count:
            self.count, self.minimum, self.maximum, self.mean, self.m2 = count, minimum, maximum, mean, m2
            return
        total = self.count + count
        share = count / total
        difference = mean - self.mean
        large = abs(difference) > _LARGE
        self.mean = self.mean * (1 - share) + mean * share if large else self.mean + difference * share
        between = sys.float_info.max if large else difference * difference * self.count * share
        self.m2 = _finite(self.m2 + m2 + between)
        self.minimum, self.maximum = min(self.minimum, minimum), max(self.maximum, maximum)
        self.count = total

    def summary(self, quantiles: bytes) -> NumberSummary | None:
        """The summary, with an encoded sketch; None without values."""
        if not self.count:
            return None
        return NumberSummary(self.count, self.minimum, self.maximum, self.mean, self.m2, quantiles)


def merged_moments(summaries: Sequence[NumberSummary]) -> Moments:
    """The moments of all values of several summaries."""
    found = Moments()
    for one in summaries:
        found.add(one.count, one.minimum, one.maximum, one.mean, one.m2)
    return found


def _finite(number: float) -> float:
    return min(number, sys.float_info.max)
