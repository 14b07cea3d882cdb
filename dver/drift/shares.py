"""Two shares compared: of true values, of nulls, of values that the reference does not have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RARE: Final = 20
"""If fewer rows are expected on the smaller side, the p-value is exact instead of normal."""


@dataclass(frozen=True, slots=True)
class ShareTest:
    """The z statistics of many pairs of shares, with p-values."""

    statistics: NDArray[Any]
    """Absolute values of z."""
    p_values: NDArray[Any]
    """Two-sided."""
    thresholds: NDArray[Any]
    """Of the statistics."""


def share_test(
    reference: tuple[NDArray[Any], NDArray[Any]],
    live: tuple[NDArray[Any], NDArray[Any]],
    extra: NDArray[Any],
    alphas: NDArray[Any],
) -> ShareTest:
    """Compare shares, given as (rows that have it, all rows).

    `extra` is a variance beside that of the rows, in units of one over rows. All arrays have one item a pair.
    """
    import numpy as np
    from scipy.special import ndtr, ndtri

    (found, n), (live_found, m) = reference, live
    share = (found + live_found) / (n + m)
    variance = 1 / n + 1 / m
    deviation = np.sqrt(share * (1 - share) * variance)
    statistics = np.abs(live_found / m - found / n) / np.where(deviation > 0, deviation, 1.0)
    rare = np.minimum(share, 1 - share) * np.minimum(n, m) < _RARE
    exact = _exact_p_values(found, n, live_found, m)
    equivalent = np.where(rare, -ndtri(np.clip(exact / 2, 1e-300, 0.5)), statistics)
    equivalent = equivalent * np.sqrt(variance / (variance + extra))
    critical = -ndtri(alphas / 2)
    positive = (equivalent > 0) & (statistics > 0)
    thresholds = critical * np.where(positive, statistics, 1.0) / np.where(positive, equivalent, 1.0)
    return ShareTest(statistics, 2 * ndtr(-equivalent), thresholds)


def _exact_p_values(found: Any, n: Any, live_found: Any, m: Any) -> NDArray[Any]:
    """Of the rows that have it (or the fewer that do not), each is live with probability m / (n + m)."""
    import numpy as np
    from scipy.special import bdtr, bdtrc

    both = found + live_found
    others = 2 * both > n + m
    total = np.where(others, n + m - both, both).astype(int)
    of_live = np.where(others, m - live_found, live_found).astype(int)
    chance = m / (n + m)
    above = np.where(of_live > 0, bdtrc(np.maximum(of_live - 1, 0), total, chance), 1.0)
    below = bdtr(of_live, total, chance)
    p_values = np.minimum(1.0, 2 * np.minimum(above, below))
    return np.asarray(np.where(total > 0, p_values, 1.0))
