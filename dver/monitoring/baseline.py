"""What performance to expect: limits from parts of the reference, and whether its scores are calibrated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dver.core.display import Displayed
from dver.monitoring.metrics import RANGES, realized_metrics
from dver.monitoring.model_columns import ModelOutput
from dver.monitoring.scored_rows import ScoredRows
from dver.tables.engine import quoted_text

PARTS: Final = 10
"""The parts into which the reference is divided at least, as NannyML does."""
PARTS_MIN: Final = 6
"""Limits from fewer parts would be chance."""
DEVIATIONS: Final = 3
"""The limits are the mean of the parts, and this number of standard deviations to both sides."""
CALIBRATION_ERROR_MAX: Final = 0.02
"""The largest calibration error of scores, above that of chance, at which performance is estimated from them."""
_BINS: Final = 10
_CHANCE: Final = 3
"""Standard errors."""


@dataclass(frozen=True, slots=True, repr=False)
class MetricLimits(Displayed):
    """A metric is expected between `lower` and `upper`."""

    lower: float
    upper: float


@dataclass(frozen=True, slots=True, repr=False)
class Calibration(Displayed):
    """How far the scores of the reference are from the shares of positives."""

    error: float
    """The expected calibration error of ten bins with the same number of rows, 0 to 1."""
    chance: float
    """The error that perfectly calibrated scores have at most, for their number of rows."""
    rows: int

    @property
    def ok(self) -> bool:
        """Are the scores calibrated?"""
        return self.rows > 0 and self.error <= CALIBRATION_ERROR_MAX + self.chance


def metric_limits(rows: ScoredRows, output: ModelOutput, window_rows: int) -> Mapping[str, MetricLimits]:
    """The limits for windows of `window_rows` rows, by metric. Empty if the reference is too small.

    A metric varies more in fewer rows. So the parts of the reference have as many rows as the window, and at most a
    tenth of the reference. Only rows with a target count, and the rest after the last whole part is left out.
    """
    rows = rows.with_targets()
    count = rows.count()
    size = min(max(window_rows, 1), count // PARTS)
    if size == 0:
        return {}
    parts = realized_metrics(rows, output, by=f"row // {size}")
    parts.pop(count // size, None)
    found = {}
    for name in RANGES:
        values = [metrics[name] for metrics in parts.values() if name in metrics]
        if len(values) < PARTS_MIN or not all(map(math.isfinite, values)):
            continue
        limits = limits_of(name, values)
        if math.isfinite(limits.lower) and math.isfinite(limits.upper):
            found[name] = limits
    return found


def limits_of(name: str, values: list[float]) -> MetricLimits:
    """The mean of `values` and three standard deviations to both sides, within the range of the metric `name`."""
    mean = math.fsum(one / len(values) for one in values)  # the sum of large values would be infinite
    spread = DEVIATIONS * math.hypot(*(one - mean for one in values)) / math.sqrt(len(values))
    least, most = RANGES[name]
    return MetricLimits(max(mean - spread, least), mean + spread if most is None else min(mean + spread, most))


def calibrations_of(rows: ScoredRows, output: ModelOutput) -> Mapping[str, Calibration]:
    """Compare the scores of the reference with its targets, by class: each class against all others."""
    return {one: _calibration(rows, one, column) for one, column in output.score_columns.items()}


def _calibration(rows: ScoredRows, of_class: str, column: str) -> Calibration:
    found = rows.rows(
        f"SELECT count(*), avg(s), avg(t), sum(s * (1 - s)) FROM (SELECT {column} AS s, "
        f"CAST(y = {quoted_text(of_class)} AS DOUBLE) AS t, ntile({_BINS}) OVER (ORDER BY {column}) AS bin "
        f"FROM {rows.table} WHERE y IS NOT NULL AND {column} BETWEEN 0 AND 1) GROUP BY bin"
    )
    total = sum(number for number, *_ in found)
    if not total:
        return Calibration(1.0, 0.0, 0)
    error = math.fsum(number * abs(score - target) for number, score, target, _ in found) / total
    # Of n coins with the chances s, the share of heads has this standard deviation; its mean distance from the mean
    # of s is sqrt(2 / pi) of that.
    deviations = [math.sqrt(variance) / total for _, _, _, variance in found]
    mean = math.fsum(deviations) * math.sqrt(2 / math.pi)
    spread = math.sqrt(math.fsum(one * one for one in deviations) * (1 - 2 / math.pi))
    return Calibration(error, mean + _CHANCE * spread, total)
