"""The two-sample Kolmogorov-Smirnov test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from dver.drift.samples import DistributionSteps, NumberSample

_EXACT_GRID: Final = 100_000
"""The p-value is exact if the numbers of values multiply to at most this."""

_EXACT_LEAST: Final = 1e-9
"""Smaller exact p-values are lost in rounding."""


@dataclass(frozen=True, slots=True)
class KolmogorovTest:
    """The largest difference of two distributions."""

    statistic: float
    p_value: float
    threshold: float
    """Of the statistic, for the alpha that was asked for."""


def kolmogorov_test(
    steps: DistributionSteps, samples: tuple[NumberSample, NumberSample], extra: float | None, alpha: float
) -> KolmogorovTest:
    """The test at significance `alpha`.

    `extra` is a variance beside that of the rows and of sketches' errors, in units of one over rows; None counts the
    rows alone.
    """
    from scipy.special import kolmogi, kolmogorov

    n, m = (round(one.count) for one in samples)
    differing = steps.widths > 0
    gaps = abs(steps.reference - steps.live)[differing]
    statistic = float(gaps.max(initial=0.0))
    if extra is not None:
        # A sketch's errors of ranks have the same deviation everywhere; a bridge of r rows has 1 / (4 r) in the middle.
        extra += 4 * sum(one.rank_deviation**2 for one in samples)
    extra = extra or 0.0
    rows = 1 / (1 / n + 1 / m + extra)
    scale = math.sqrt(rows) + 0.12 + 0.11 / math.sqrt(rows)  # Stephens 1970
    threshold = float(kolmogi(alpha)) / scale
    if extra or n * m > _EXACT_GRID or not statistic:
        return KolmogorovTest(statistic, float(kolmogorov(scale * statistic)), threshold)
    p_value = _exact_p_value(statistic, n, m)
    if p_value < _EXACT_LEAST:
        return KolmogorovTest(statistic, float(kolmogorov(scale * statistic)), threshold)
    equivalent = float(kolmogi(p_value)) if p_value < 1 else 0.0
    # So that statistic and threshold compare as the exact p-value and alpha do.
    return KolmogorovTest(
        statistic, p_value, statistic * float(kolmogi(alpha)) / equivalent if equivalent else threshold
    )


def _exact_p_value(statistic: float, n: int, m: int) -> float:
    """The probability of a statistic at least this large, of two samples of one continuous distribution.

    Paths over a grid of n times m, each as likely as the others, that leave the band around the diagonal
    (Hodges 1957). The paths to a row of the grid are the cumulative sums of those to the row before.
    """
    import numpy as np
    from scipy.special import gammaln

    n, m = min(n, m), max(n, m)
    limit = round(statistic * n * m)  # |row * m - column * n| of the statistic
    columns = np.arange(m + 1)
    paths = np.where(columns * n < limit, 1.0, 0.0)
    exponent = 0.0
    for row in range(1, n + 1):
        paths = np.cumsum(np.where(np.abs(row * m - columns * n) < limit, paths, 0.0))
        paths[np.abs(row * m - columns * n) >= limit] = 0.0
        largest = paths.max()
        if not largest:
            return 1.0
        paths /= largest
        exponent += math.log(largest)
    every = float(gammaln(n + m + 1) - gammaln(n + 1) - gammaln(m + 1))
    inside = math.exp(exponent - every) * float(paths[m])
    return min(1.0, max(0.0, 1.0 - inside))
