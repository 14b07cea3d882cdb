"""The distributions of many pairs of columns compared, each by its method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dver.drift.categories import cells_test, pooled, statistic_of
from dver.drift.kolmogorov import KolmogorovTest, kolmogorov_test
from dver.drift.pairs import Pair, distinct, has_counts, usable
from dver.drift.result import DriftMethod
from dver.drift.samples import Cells, NumberSample, cells_of_numbers, cells_of_values, lost_share, sample_of, steps_of
from dver.drift.settings import DriftSettings
from dver.drift.shares import share_test
from dver.drift.variation import Variation, variation_of_numbers, variation_of_values
from dver.drift.wasserstein import NumberDistance, distance_of, noise
from dver.formats.profile import ColumnProfile, ColumnType, PartSummary

_BINNED_FROM: Final = 20
"""Numbers with more different values are compared in ranges by Jensen-Shannon and PSI, as Evidently does."""
_LEAST_DEVIATION: Final = 0.001
"""What a Wasserstein distance is divided by at least, as in Evidently: a constant column has deviation 0."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One pair of distributions."""

    statistic: float
    threshold: float | None
    p_value: float | None
    drifted: bool
    varies: bool = False
    """Do the parts of the reference differ beyond chance?"""


def compare_distributions(
    pairs: Sequence[tuple[Pair, DriftMethod]], parts: Sequence[PartSummary], settings: DriftSettings, alpha: float
) -> list[Compared]:
    """Compare each pair by its method; calibrated thresholds are at significance `alpha`."""
    found: dict[int, Compared] = {}
    distances: dict[int, _Distance] = {}
    for index, (pair, method) in enumerate(pairs):
        assert pair.reference is not None  # pairs with a method have both
        assert pair.live is not None
        one = _Comparison(pair.reference, pair.live, method, pair.parts(parts), alpha)
        threshold = settings.of(pair.name).threshold
        if threshold is not None:
            found[index] = one.by_hand(min(threshold, 1.0) if method in _TESTS else threshold)
        elif method is DriftMethod.WASSERSTEIN:
            distances[index] = one.distance()
        elif method is DriftMethod.KS:
            found[index] = one.kolmogorov()
        elif method is DriftMethod.Z:
            found[index] = one.shares()
        else:
            found[index] = one.of_cells()
    found |= _judged(distances, alpha)
    return [found[index] for index in range(len(pairs))]


@dataclass(frozen=True, slots=True)
class _Distance:
    """A Wasserstein distance before it is judged together with those of the other columns."""

    found: NumberDistance
    deviation: float
    varies: bool


class _Comparison:
    """One pair of columns."""

    def __init__(
        self,
        reference: ColumnProfile,
        live: ColumnProfile,
        method: DriftMethod,
        parts: Sequence[PartSummary],
        alpha: float,
    ) -> None:
        self._reference = reference
        self._live = live
        self._method = method
        self._parts = parts
        self._alpha = alpha
        self._rows = (usable(reference), usable(live))

    def by_hand(self, threshold: float) -> Compared:
        """Judge by a threshold set by hand, as Evidently does."""
        match self._method:
            case DriftMethod.WASSERSTEIN:
                statistic = self._distance(1.0).whole / self._deviation()
            case DriftMethod.KS:
                test = self._kolmogorov(None, threshold)
                return Compared(test.statistic, test.threshold, test.p_value, test.p_value <= threshold)
            case DriftMethod.Z:
                return self._shares(0.0, threshold)
            case DriftMethod.CHI_SQUARE:
                return self._chi_square(threshold)
            case _:
                statistic = statistic_of(self._method, self._cells())
        return Compared(statistic, threshold, None, statistic >= threshold)

    def distance(self) -> _Distance:
        variation = self._variation_of_numbers()
        variance = sum(1 / one for one in self._rows) + variation.added_variance(self._alpha)
        return _Distance(self._distance(variance), self._deviation(), bool(variation.variance))

    def kolmogorov(self) -> Compared:
        variation = self._variation_of_numbers()
        test = self._kolmogorov(variation.added_variance(self._alpha), self._alpha)
        drifted = test.p_value <= self._alpha
        return Compared(test.statistic, test.threshold, test.p_value, drifted, bool(variation.variance))

    def shares(self) -> Compared:
        variation = variation_of_values(self._parts, self._reference.name)
        found = self._shares(variation.added_variance(self._alpha), self._alpha)
        return replace(found, varies=bool(variation.variance))

    def of_cells(self) -> Compared:
        """Chi-square, Jensen-Shannon and PSI."""
        cells = self._cells()
        if self._is_binned():
            variation = self._variation_of_numbers()
            judged = self._pooled_bins(cells)
            # Both ends of a cell have an error of the sketch.
            lost = 2 * sum(one.rank_deviation**2 for one in self._samples())
        else:
            variation = variation_of_values(self._parts, self._reference.name)
            judged = pooled(cells)
            sides = zip((self._reference.counts, self._live.counts), self._rows, strict=True)
            lost = sum(lost_share(counts, rows) ** 2 for counts, rows in sides if counts is not None)
        # A share p varies by p / rows, and errors do not depend on p: they weigh most in the smallest cell.
        smallest = float((judged.reference + judged.live).min()) / sum(self._rows)
        variance = sum(1 / one for one in self._rows) + lost / max(smallest, 1e-9)
        variance += variation.added_variance(self._alpha)
        test = cells_test(self._method, cells, judged, variance, self._alpha)
        drifted = test.p_value <= self._alpha
        return Compared(test.statistic, test.threshold, test.p_value, drifted, bool(variation.variance))

    def _samples(self) -> tuple[NumberSample, NumberSample]:
        if self._both is None:
            assert self._reference.numbers is not None  # choose_method saw to it
            assert self._live.numbers is not None
            self._both = (sample_of(self._reference.numbers), sample_of(self._live.numbers))
        return self._both

    _both: tuple[NumberSample, NumberSample] | None = None

    def _variation_of_numbers(self) -> Variation:
        return variation_of_numbers(self._parts, self._reference.name, self._samples()[0])

    def _distance(self, variance: float) -> NumberDistance:
        samples = self._samples()
        return distance_of(steps_of(*samples), samples, variance)

    def _deviation(self) -> float:
        numbers = self._reference.numbers
        assert numbers is not None
        return max(_LEAST_DEVIATION, math.sqrt(max(0.0, numbers.m2 / numbers.count)))

    def _kolmogorov(self, extra: float | None, alpha: float) -> KolmogorovTest:
        samples = self._samples()
        return kolmogorov_test(steps_of(*samples), samples, extra, alpha)

    def _shares(self, extra: float, alpha: float) -> Compared:
        import numpy as np

        cells = self._cells()
        if len(cells.live) < 2:
            return Compared(0.0, None, 1.0, drifted=False)
        found, live = (np.array([one[1:].sum()]) for one in (cells.reference, cells.live))
        rows, live_rows = (np.array([one.sum()]) for one in (cells.reference, cells.live))
        test = share_test((found, rows), (live, live_rows), np.array([extra]), np.array([alpha]))
        p_value = float(test.p_values[0])
        return Compared(float(test.statistics[0]), float(test.thresholds[0]), p_value, p_value <= alpha)

    def _chi_square(self, alpha: float) -> Compared:
        from scipy.special import chdtrc, chdtri

        cells = self._cells()
        if self._is_binned():  # the samples of the sketches leave bins at the ends empty
            cells = self._pooled_bins(cells)
        statistic, freedom = statistic_of(self._method, cells), len(cells.live) - 1
        if not freedom:
            return Compared(statistic, None, 1.0, drifted=False)
        p_value = float(chdtrc(freedom, statistic))
        return Compared(statistic, float(chdtri(freedom, alpha)), p_value, p_value < alpha)

    def _is_binned(self) -> bool:
        reference, live = self._reference, self._live
        if reference.numbers is None or reference.type is ColumnType.BOOLEAN or live.numbers is None:
            return False
        return distinct(reference) > _BINNED_FROM or not has_counts(reference, live)

    def _pooled_bins(self, cells: Cells) -> Cells:
        return pooled(cells, 4 * sum(one.grain for one in self._samples()))

    def _cells(self) -> Cells:
        if self._is_binned():
            return cells_of_numbers(self._reference, self._live, self._samples())
        assert self._reference.counts is not None  # choose_method saw to it
        assert self._live.counts is not None
        return cells_of_values(self._reference.counts, self._live.counts, self._rows)


def _judged(distances: Mapping[int, _Distance], alpha: float) -> dict[int, Compared]:
    """Wasserstein distances against the noise of all columns at once."""
    if not distances:
        return {}
    every = list(distances.values())
    without = noise([one.found for one in every], alpha)
    found = {}
    for index, one, threshold, p_value in zip(distances, every, without.thresholds, without.p_values, strict=True):
        found[index] = Compared(
            one.found.whole / one.deviation,
            float(threshold + one.found.whole - one.found.judged) / one.deviation,
            float(p_value),
            bool(one.found.judged > threshold),
            one.varies,
        )
    return found


_TESTS: Final = (DriftMethod.KS, DriftMethod.CHI_SQUARE, DriftMethod.Z)
