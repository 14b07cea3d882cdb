"""From options, as the command line, `dver.yaml` and the Python API have them, to a request."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict, TypeVar, Unpack

from dver.core.errors import UsageError
from dver.drift.result import DriftMethod
from dver.drift.settings import FALSE_ALARMS, ColumnSettings, DriftSettings
from dver.monitoring.model_columns import ModelColumns, ModelTask
from dver.monitoring.request import MonitorRequest
from dver.monitoring.window_rule import WindowRule, parse_time

DriftMethodName: TypeAlias = Literal["ks", "chi-square", "z", "wasserstein", "jensen-shannon", "psi"]
ModelTaskName: TypeAlias = Literal["binary", "multiclass", "regression"]

_Choice = TypeVar("_Choice", DriftMethod, ModelTask)


class MonitorOptions(TypedDict, total=False):
    """The options of `dver monitor`. None means that an option was not given.

    Args:
        reference: `PATH` or `PATH@REV`, data of the project. Its profile is enough.
        model: `NAME`, `NAME@VERSION` or `NAME#STAGE`: the reference is the model's training data.
        input: Which input of the model's stages, if there are several.
        name: Of the monitor; by default that of the model or of the reference. If it is that of an entry of `monitors`
            in a `dver.yaml`, options that are not given are from there.
        at: The time of the live data.
        time: The column with times. By default the times of files are used.
        window: `hour`, `day`, `week`, `month`, or a number of rows.
        prediction, score, target: The columns with predictions, probabilities of the positive class, and true values.
        class_score: The columns with probabilities of classes, by class, of a classifier of several.
        labels: A file with true values.
        key: The column by which labels are joined, instead of by order.
        positive: The positive class.
        task: What the model predicts, if the values leave it open.
        baseline: `PATH` or `PATH@REV` with predictions and true values that say what to expect. By default the
            reference.
        ignore: Columns that are not compared.
        method, threshold: Methods and thresholds by column.
        numbers, categories: The methods for columns of numbers and of categories.
        false_alarms: The probability of a false alarm in a window, 0 to 1.
        only_worse: A metric that is better than expected is no alarm.
        record: Add the windows to the history, and stage it.
    """

    reference: str | None
    model: str | None
    input: str | None
    name: str | None
    at: str | None
    time: str | None
    window: str | int | None
    prediction: str | None
    score: str | None
    class_score: Mapping[str, str] | None
    target: str | None
    labels: str | os.PathLike[str] | None
    key: str | None
    positive: str | None
    task: ModelTaskName | None
    baseline: str | None
    ignore: Sequence[str]
    method: Mapping[str, DriftMethodName] | None
    threshold: Mapping[str, str | float] | None
    numbers: DriftMethodName | None
    categories: DriftMethodName | None
    false_alarms: float | None
    only_worse: bool | None
    record: bool


def monitor_request(**options: Unpack[MonitorOptions]) -> MonitorRequest:
    """The request for `dver monitor`. Raises UsageError for a value that is not valid, or does not fit another."""
    _refuse_unknown(options)
    labels, at, window = options.get("labels"), options.get("at"), options.get("window")
    outputs = _outputs(options)
    if labels is not None and not outputs.has_output:
        raise UsageError(
            "labels need predictions", why="they are compared", fix="name their column: --prediction COLUMN"
        )
    if (options.get("reference") is None) == (options.get("model") is None):
        raise UsageError(
            "give either --reference or --model",
            why="live data is compared with one reference",
            fix="--reference PATH[@REV], or --model NAME for the training data of a registered model",
        )
    if at is not None and window is not None and options.get("time") is not None:
        raise UsageError(
            "give either --at or --time",
            why="with --window, the column says when each row is from",
            fix="leave --at out; or leave --time out, to divide rows by their number",
        )
    return MonitorRequest(
        reference=options.get("reference"),
        model=options.get("model"),
        input=options.get("input"),
        name=options.get("name"),
        baseline=options.get("baseline"),
        labels=None if labels is None else os.fspath(labels),
        outputs=outputs,
        time=options.get("time"),
        at=None if at is None else parse_time(at),
        rule=None if window is None else WindowRule.parse(str(window)),
        settings=_settings(options),
        only_worse=bool(options.get("only_worse")),
        record=options.get("record", True),
    )


def _refuse_unknown(given: Mapping[str, Any]) -> None:
    """Raise TypeError for an option that `MonitorOptions` does not have, as Python does for a parameter."""
    unknown = given.keys() - MonitorOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"unexpected keyword argument {min(unknown)!r}")


def _outputs(options: MonitorOptions) -> ModelColumns:
    return ModelColumns(
        options.get("prediction"),
        options.get("score"),
        options.get("target"),
        options.get("key"),
        options.get("positive"),
        _choice(ModelTask, "task", options.get("task")),
        tuple((options.get("class_score") or {}).items()),
    )


def _settings(options: MonitorOptions) -> DriftSettings:
    methods = {column: _choice(DriftMethod, "method", one) for column, one in (options.get("method") or {}).items()}
    thresholds = {column: _number(column, one) for column, one in (options.get("threshold") or {}).items()}
    false_alarms = options.get("false_alarms")
    never_compared = filter(None, (options.get("time"), options.get("key")))
    return DriftSettings(
        false_alarms=FALSE_ALARMS if false_alarms is None else false_alarms,
        columns={
            column: ColumnSettings(methods.get(column), thresholds.get(column)) for column in {**methods, **thresholds}
        },
        numbers=_choice(DriftMethod, "method", options.get("numbers")),
        categories=_choice(DriftMethod, "method", options.get("categories")),
        ignored=frozenset((*options.get("ignore", ()), *never_compared)),
    )


def _choice(kind: type[_Choice], what: str, text: str | None) -> _Choice | None:
    if text is None:
        return None
    try:
        return kind(text)
    except ValueError:
        known = ", ".join(one.value for one in kind)
        raise UsageError(f"no such {what}: {text!r}", fix=f"use one of {known}") from None


def _number(column: str, given: str | float) -> float:
    try:
        return float(given)
    except ValueError:
        raise UsageError(
            f"invalid threshold {given!r} of the column {column!r}", why="it is not a number", fix="such as 0.2"
        ) from None
