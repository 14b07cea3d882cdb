"""Counts of values compared: chi-square, Jensen-Shannon, PSI, and what they are without drift.

Each is a sum over cells, and times the effective rows it is about chi-square with one degree of freedom less than cells
(docs/decisions/drift-thresholds.md). That needs a few rows in each cell. So cells with few are judged as one; what
they add to the statistic is added to the threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dver.drift.result import DriftMethod
from dver.drift.samples import Cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_ROWS: Final = 5
"""Cells in which fewer rows of the smaller side are expected are judged as one."""
_SCALES: Final = {DriftMethod.CHI_SQUARE: 1.0, DriftMethod.JENSEN_SHANNON: 8.0, DriftMethod.PSI: 1.0}


@dataclass(frozen=True, slots=True)
class CellsTest:
    """A statistic of cells, and its threshold and p-value."""

    statistic: float
    threshold: float
    p_value: float


def cells_test(method: DriftMethod, cells: Cells, judged_cells: Cells, variance: float, alpha: float) -> CellsTest:
    """The statistic of `method` at significance `alpha`, judged by the cells as `pooled` gives them.

    `variance` is one over the effective rows.
    """
    from scipy.special import chdtrc, chdtri

    whole = _divergence(method, cells)
    judged = _divergence(method, judged_cells, smoothed=True)
    freedom = len(judged_cells.live) - 1
    scale = _SCALES[method]
    limit = float(chdtri(freedom, alpha)) * variance / scale if freedom else judged
    p_value = float(chdtrc(freedom, scale * judged / variance)) if freedom else 1.0
    threshold = max(0.0, limit + whole - judged)  # `judged` is larger where whole sides have no value in common
    return CellsTest(_statistic(method, whole, cells), _statistic(method, threshold, cells), p_value)


def statistic_of(method: DriftMethod, cells: Cells) -> float:
    """The statistic alone, as Evidently defines it; of chi-square with the reference as the expected counts.

    A value that the reference does not have would make that chi-square infinite, whatever its number of rows. So half a
    row of the reference is expected to have it.
    """
    if method is not DriftMethod.CHI_SQUARE:
        return _statistic(method, _divergence(method, cells), cells)
    import numpy as np

    filled = (cells.reference > 0) | (cells.live > 0)
    expected = np.maximum(cells.reference, 0.5)[filled] * (cells.live.sum() / cells.reference.sum())
    return float(((cells.live[filled] - expected) ** 2 / expected).sum())


def pooled(cells: Cells, least_share: float = 0.0) -> Cells:
    """The cells, with all those as one that hold too few rows, or less than a share of both sides together."""
    import numpy as np

    both = cells.reference + cells.live
    expected = both * (min(cells.reference.sum(), cells.live.sum()) / both.sum())
    least = max(LEAST_ROWS, least_share * min(cells.reference.sum(), cells.live.sum()))
    few = expected < least
    if not few.any():
        return cells
    if not few.all() and expected[few].sum() < least:
        few[np.flatnonzero(~few)[np.argmin(expected[~few])]] = True

    def joined(counts: NDArray[Any]) -> NDArray[Any]:
        return np.append(counts[~few], counts[few].sum())

    return Cells(joined(cells.reference), joined(cells.live))


def _divergence(method: DriftMethod, cells: Cells, *, smoothed: bool = False) -> float:
    """A sum over cells that, times the effective rows, is about chi-square, but for the factor of `_SCALES`."""
    import numpy as np

    n, m = cells.reference.sum(), cells.live.sum()
    p, q = cells.reference / n, cells.live / m
    match method:
        case DriftMethod.CHI_SQUARE:
            both = (cells.reference + cells.live) / (n + m)
            filled = both > 0
            return float(((p - q)[filled] ** 2 / both[filled]).sum())
        case DriftMethod.JENSEN_SHANNON:
            middle = (p + q) / 2
            return float(sum((_terms(p, middle) + _terms(q, middle)) / 2))
    if smoothed:  # an empty cell must not decide
        p, q = (cells.reference + 0.5) / (n + len(p) / 2), (cells.live + 0.5) / (m + len(q) / 2)
    else:
        p, q = _without_zeros(p), _without_zeros(q)
    return float(((p - q) * np.log(p / q)).sum())


def _statistic(method: DriftMethod, divergence: float, cells: Cells) -> float:
    match method:
        case DriftMethod.CHI_SQUARE:
            return divergence / (1 / float(cells.reference.sum()) + 1 / float(cells.live.sum()))
        case DriftMethod.JENSEN_SHANNON:
            return float(max(0.0, divergence) ** 0.5)
    return divergence


def _terms(p: NDArray[Any], q: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    return np.asarray(p * np.log(np.where(p > 0, p, 1.0) / np.where(p > 0, q, 1.0)))


def _without_zeros(shares: NDArray[Any]) -> NDArray[Any]:
    """Empty cells get a small share, which the others do not lose: as Evidently has it."""
    import numpy as np

    least = shares[shares > 0].min()
    return np.asarray(np.where(shares > 0, shares, least / 1e6 if least <= 1e-4 else 1e-4))
