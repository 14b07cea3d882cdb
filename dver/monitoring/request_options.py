"""From options, as the command line and the Python API have them, to a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dver.core.errors import UsageError
from dver.drift.result import DriftMethod
from dver.drift.settings import FALSE_ALARMS, ColumnSettings, DriftSettings
from dver.monitoring.model_columns import ModelColumns, ModelTask
from dver.monitoring.request import MonitorRequest


def monitor_request(
    *,
    reference: str | None = None,
    model: str | None = None,
    input: str | None = None,  # noqa: A002 as in `--input`
    name: str | None = None,
    at: str | None = None,
    time: str | None = None,
    window: str | None = None,
    prediction: str | None = None,
    score: str | None = None,
    target: str | None = None,
    labels: str | None = None,
    key: str | None = None,
    positive: str | None = None,
    task: str | None = None,
    baseline: str | None = None,
    ignore: Iterable[str] = (),
    method: Mapping[str, str] | None = None,
    threshold: Mapping[str, str | float] | None = None,
    numbers: str | None = None,
    categories: str | None = None,
    false_alarms: float | None = None,
    record: bool = True,
) -> MonitorRequest:
    """The request for `dver monitor`. Raises UsageError for a value that is not valid."""
    methods = {column: _method(one) for column, one in (method or {}).items()}
    thresholds = {column: _number(column, one) for column, one in (threshold or {}).items()}
    settings = DriftSettings(
        false_alarms=FALSE_ALARMS if false_alarms is None else false_alarms,
        columns={
            column: ColumnSettings(methods.get(column), thresholds.get(column)) for column in {**methods, **thresholds}
        },
        numbers=None if numbers is None else _method(numbers),
        categories=None if categories is None else _method(categories),
        ignored=frozenset(ignore),
    )
    outputs = ModelColumns(prediction, score, target, key, positive, None if task is None else _task(task))
    return MonitorRequest(
        reference, model, input, name, baseline, labels, outputs, time, at, window, settings, record=record
    )


def _method(text: str) -> DriftMethod:
    try:
        return DriftMethod(text)
    except ValueError:
        known = ", ".join(one.value for one in DriftMethod)
        raise UsageError(f"no such method: {text!r}", fix=f"use one of {known}") from None


def _task(text: str) -> ModelTask:
    try:
        return ModelTask(text)
    except ValueError:
        known = ", ".join(one.value for one in ModelTask)
        raise UsageError(f"no such task: {text!r}", fix=f"use one of {known}") from None


def _number(column: str, given: str | float) -> float:
    try:
        return float(given)
    except ValueError:
        raise UsageError(
            f"invalid threshold {given!r} of the column {column!r}", why="it is not a number", fix="such as 0.2"
        ) from None
