"""The performance of a model in windows: which rows are measured together, and with which labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dver.core.errors import UsageError
from dver.monitoring.baseline_rows import open_baseline
from dver.monitoring.live_data import LiveWindow
from dver.monitoring.live_tables import new_directory
from dver.monitoring.performance import PerformanceBaseline, WindowPerformance, measure_performance
from dver.monitoring.references import Reference
from dver.monitoring.request import MonitorRequest
from dver.monitoring.scored_rows import TableFile, UnrelatedLabelsError, open_scored
from dver.repo import Repository


def performance_of(
    repo: Repository,
    windows: Sequence[LiveWindow],
    request: MonitorRequest,
    baseline: Reference,
    *,
    cwd: Path,
    scratch: Path,
) -> list[WindowPerformance]:
    """The performance in each window; nothing if no output of the model was named.

    `scratch` is a directory for DuckDB's files. Raises UsageError for labels that do not fit.
    """
    if not request.outputs.has_output:
        return [WindowPerformance() for _ in windows]
    labels = _labels(request, len(windows), cwd)
    # With a rule, the windows are parts of the same tables, which are read once.
    groups = [windows] if request.rule is not None else [[one] for one in windows]
    with open_baseline(repo, baseline, request.outputs, scratch) as base:
        measured = [_measured_or_error(group, request, labels, base, scratch) for group in groups]
        errors = [one for one in measured if isinstance(one, UnrelatedLabelsError)]
        if len(errors) == len(groups):
            raise errors[0]
        found: list[WindowPerformance] = []
        for group, one in zip(groups, measured, strict=True):
            if isinstance(one, UnrelatedLabelsError):
                one = _without_labels(group, request, base, scratch)
            found += one
    return found


def _measured_or_error(
    windows: Sequence[LiveWindow],
    request: MonitorRequest,
    labels: TableFile | None,
    base: PerformanceBaseline,
    scratch: Path,
) -> list[WindowPerformance] | UnrelatedLabelsError:
    try:
        return _measure(windows, request, labels, base, scratch)
    except UnrelatedLabelsError as error:
        return error


def _without_labels(
    windows: Sequence[LiveWindow], request: MonitorRequest, base: PerformanceBaseline, scratch: Path
) -> list[WindowPerformance]:
    """The performance in a file of which no label is known yet, while others have some."""
    found = _measure(windows, request, None, base, scratch)
    for one in found:
        if one.labeled is None:
            one.labeled = 0
            one.notes.insert(0, "no row has a label")
    return found


def _labels(request: MonitorRequest, windows: int, cwd: Path) -> TableFile | None:
    if request.labels is None:
        return None
    if not (cwd / request.labels).is_file():
        raise UsageError(f"no file {request.labels!r}", why="it does not exist", fix="name a file with labels")
    if windows > 1 and request.rule is None and request.outputs.key is None:
        raise UsageError(
            "labels of several files need a key",
            why="without one, the first label belongs to the first row of each file",
            fix="name a column that identifies rows: --key COLUMN",
        )
    return TableFile(cwd / request.labels, request.labels)


def _measure(
    windows: Sequence[LiveWindow],
    request: MonitorRequest,
    labels: TableFile | None,
    base: PerformanceBaseline,
    scratch: Path,
) -> list[WindowPerformance]:
    """The performance in windows that are parts of the same tables."""
    tables = windows[0].tables
    if not tables:
        return [WindowPerformance(notes=["no performance: the live data is not a table"]) for _ in windows]
    outputs = request.outputs
    has_targets = labels is not None or outputs.target in windows[0].columns
    columns = outputs if has_targets else replace(outputs, target=None)
    sizes = {one.number: one.rows for one in windows}
    with (
        new_directory(scratch, "live") as folder,
        open_scored(tables, columns, folder, labels=labels, rule=request.rule, time=request.time) as rows,
    ):
        found = measure_performance(rows, base, sizes, has_targets=has_targets)
    return [found[one.number] for one in windows]
