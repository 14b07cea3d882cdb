"""The performance of a model in windows of live data: with targets, or estimated from scores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dver.core.errors import UsageError
from dver.core.phrasing import join_limited
from dver.formats.monitor_history import MonitoredMetric
from dver.monitoring.baseline import (
    CALIBRATION_ERROR_MAX,
    PARTS_MIN,
    MetricLimits,
    calibrations_of,
    metric_limits,
)
from dver.monitoring.metrics import (
    RANGES,
    GroupMetrics,
    estimated_metrics,
    groups_without_probabilities,
    realized_metrics,
)
from dver.monitoring.model_columns import ModelColumns, ModelOutput, ModelTask, output_of, shown_class
from dver.monitoring.scored_rows import ScoredRows

_NO_PROBABILITIES: Final = "{} has a score that is no probability: it is not between 0 and 1"


@dataclass(frozen=True, slots=True)
class PerformanceBaseline:
    """Rows with predictions and targets of the reference; None with the reason if there are none."""

    rows: ScoredRows | None
    why: str = ""


@dataclass(slots=True)
class WindowPerformance:
    """The performance in a window."""

    metrics: tuple[MonitoredMetric, ...] = ()
    labeled: int | None = None
    """The rows with targets; None if there are no targets."""
    notes: list[str] = field(default_factory=list)


def measure_performance(
    live: ScoredRows, baseline: PerformanceBaseline, rows: Mapping[int, int], *, has_targets: bool
) -> dict[int, WindowPerformance]:
    """The performance in each window of `live`. `rows` are the numbers of rows by window.

    In a window with targets it is that of the rows that have one. In another, it is estimated, if the model is a
    classifier with scores that are calibrated on the baseline. Raises UsageError if the classes are not clear, and if
    targets and predictions have none in common.
    """
    classes = sorted({*live.classes(), *(baseline.rows.classes() if baseline.rows is not None else ())})
    labeled = {window: number for window, number in live.labeled().items() if number and window in rows}
    unlabeled = {window: number for window, number in rows.items() if window not in labeled}
    found = _realized(live, classes, baseline, labeled) if labeled else {}
    estimated = _estimated(live, classes, baseline, unlabeled) if unlabeled else {}
    if has_targets:
        for one in estimated.values():
            one.labeled = 0
            one.notes.insert(0, "no row has a label")
    return {**found, **estimated}


def _realized(
    live: ScoredRows, classes: list[str], baseline: PerformanceBaseline, labeled: Mapping[int, int]
) -> dict[int, WindowPerformance]:
    output = output_of(classes, live.columns)
    if output.task is ModelTask.MULTICLASS:
        _refuse_other_classes(live, baseline)
    found = _with_limits(realized_metrics(live, output), output, baseline, labeled, estimated=False)
    for window, one in found.items():
        one.labeled = labeled[window]
    return found


def _refuse_other_classes(live: ScoredRows, baseline: PerformanceBaseline) -> None:
    """Raise UsageError for targets that no prediction is equal to, such as `yes` and `1`."""
    targets = live.targets()
    predictions = sorted({*live.predictions(), *(baseline.rows.predictions() if baseline.rows is not None else ())})
    if predictions and not set(targets).intersection(predictions):
        sides = [join_limited([shown_class(one) for one in side], 5) for side in (targets, predictions)]
        raise UsageError(
            "targets and predictions have no class in common",
            why=f"the targets are {sides[0]}, and the predictions are {sides[1]}",
            fix="write the classes alike in both, or name another column: --target COLUMN",
        )


def _estimated(
    live: ScoredRows, classes: list[str], baseline: PerformanceBaseline, rows: Mapping[int, int]
) -> dict[int, WindowPerformance]:
    why, output = _why_not_estimated(live.columns, classes, baseline)
    if output is None:
        return {window: _not_estimated(why) for window in rows}
    found = _with_limits(estimated_metrics(live, output), output, baseline, rows, estimated=True)
    invalid = groups_without_probabilities(live, output).intersection(rows)
    return {**found, **{window: _not_estimated(_NO_PROBABILITIES.format("the live data")) for window in invalid}}


def _not_estimated(why: str) -> WindowPerformance:
    return WindowPerformance(notes=[f"no estimate of the performance: {why}"])


def _why_not_estimated(
    columns: ModelColumns, classes: list[str], baseline: PerformanceBaseline
) -> tuple[str, ModelOutput | None]:
    """Why the performance cannot be estimated without targets; or the output of the model."""
    if columns.score is None and not columns.class_scores:
        return "no column with scores was named (--score COLUMN), and there are no labels (--labels FILE)", None
    if baseline.rows is None:
        return baseline.why, None
    output = output_of(classes, columns)
    if output.task is ModelTask.REGRESSION:
        return "that of a regression is known with labels only (--labels FILE)", None
    if not output.score_columns:
        return "a classifier of several classes needs a score for each class (--class-score CLASS=COLUMN)", None
    why = _why_not_calibrated(baseline.rows, output)
    return (why, None) if why else ("", output)


def _why_not_calibrated(rows: ScoredRows, output: ModelOutput) -> str:
    if groups_without_probabilities(rows, output):
        return _NO_PROBABILITIES.format("the reference")
    for name, found in calibrations_of(rows, output).items():
        of_class = f" of {shown_class(name)!r}" if output.task is ModelTask.MULTICLASS else ""
        if not found.rows:
            return f"no row of the reference has a target and a score{of_class} between 0 and 1"
        if not found.ok:
            limit = CALIBRATION_ERROR_MAX + found.chance
            return (
                f"the scores{of_class} are not calibrated: on the reference their error is {found.error:.3f}, at most "
                f"{limit:.3f} is allowed; calibrate the model, or add labels (--labels FILE)"
            )
    return ""


def _with_limits(
    metrics: GroupMetrics,
    output: ModelOutput,
    baseline: PerformanceBaseline,
    rows: Mapping[int, int],
    *,
    estimated: bool,
) -> dict[int, WindowPerformance]:
    by_size: dict[int, Mapping[str, MetricLimits]] = {}
    found = {}
    for window, number in rows.items():
        if baseline.rows is not None and number not in by_size:
            by_size[number] = metric_limits(baseline.rows, output, number)
        limits = by_size.get(number, {})
        values = metrics.get(window, {})
        known = [name for name in RANGES if name in values]
        finite = [name for name in known if math.isfinite(values[name])]
        one = WindowPerformance(tuple(_metric(name, values[name], limits.get(name), estimated) for name in finite))
        if finite != known:
            missing = join_limited([name for name in known if name not in finite])
            one.notes.append(f"no {missing}: predictions or targets are too large numbers")
        if finite and not limits:
            few = f"the reference has fewer than {PARTS_MIN} parts with labels"
            one.notes.append(f"no limits of the performance: {baseline.why or few}")
        found[window] = one
    return found


def _metric(name: str, value: float, limits: MetricLimits | None, estimated: bool) -> MonitoredMetric:
    if limits is None:
        return MonitoredMetric(name, _rounded(value), estimated=estimated)
    return MonitoredMetric(name, _rounded(value), _rounded(limits.lower), _rounded(limits.upper), estimated)


def _rounded(value: float) -> float:
    """Without the last digits, which depend on the order in which DuckDB adds numbers."""
    return float(f"{value:.9g}")
