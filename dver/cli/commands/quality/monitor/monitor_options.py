"""The options of `dver monitor` that say what is compared, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import click

from dver.cli import options
from dver.monitoring.request_options import MonitorOptions

_METHODS: Final = ("ks", "chi-square", "z", "wasserstein", "jensen-shannon", "psi")
_TASKS: Final = ("binary", "multiclass", "regression")


def monitor_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options, passed by their names."""
    return options.with_options(
        function,
        click.option("--reference", metavar="PATH[@REV]", help="Compare with this data of the project."),
        click.option("--model", metavar="NAME[@VERSION|#STAGE]", help="Compare with a model's training data."),
        click.option("--input", metavar="PATH", help="Choose one of several inputs of the model's stages."),
        click.option("--name", metavar="NAME", help="Name the monitor. By default after the model or the reference."),
        click.option("--at", metavar="TIME", help="Set the time of the live data."),
        click.option("--time", metavar="COLUMN", help="Read times from COLUMN; by default files' times are used."),
        click.option("--window", metavar="UNIT|N", help="Divide rows by hour, day, week, month, or each N rows."),
        click.option("--prediction", metavar="COLUMN", help="The model's predictions."),
        click.option("--score", metavar="COLUMN", help="The model's scores: probabilities of the positive class."),
        click.option(
            "--class-score",
            metavar="CLASS=COLUMN",
            multiple=True,
            help="The probabilities of CLASS, if there are several classes (repeatable).",
        ),
        click.option("--target", metavar="COLUMN", help="The true values."),
        click.option("--labels", metavar="FILE", help="Read true values from FILE."),
        click.option("--key", metavar="COLUMN", help="Join labels by COLUMN instead of by order."),
        click.option("--positive", metavar="CLASS", help="The positive class."),
        click.option("--task", type=click.Choice(_TASKS), help="What the model predicts, if values leave it open."),
        click.option("--baseline", metavar="PATH[@REV]", help="Labelled predictions that say what to expect."),
        click.option("--ignore", metavar="COLUMN", multiple=True, help="Do not compare COLUMN (repeatable)."),
        click.option("--method", metavar="COLUMN=METHOD", multiple=True, help="Compare COLUMN by METHOD (repeatable)."),
        click.option("--threshold", metavar="COLUMN=N", multiple=True, help="Set COLUMN's threshold (repeatable)."),
        click.option("--numbers", type=click.Choice(_METHODS), help="The method for columns of numbers."),
        click.option("--categories", type=click.Choice(_METHODS), help="The method for columns of categories."),
        click.option("--only-worse", is_flag=True, default=None, help="A metric better than expected is no alarm."),
        click.option("--false-alarms", type=float, metavar="P", help="The probability of a false alarm in a window."),
    )


def options_of(given: Mapping[str, Any], *, record: bool) -> MonitorOptions:
    """The options by their names. Raises UsageError."""
    pairs = {
        name: _pairs(f"--{name.replace('_', '-')}", given[name]) for name in ("method", "threshold", "class_score")
    }
    return cast(MonitorOptions, {**given, **pairs, "record": record})


def _pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in given:
        column, equals, value = text.rpartition("=")
        if not equals or not column or not value:
            form = "CLASS=COLUMN" if option == "--class-score" else "COLUMN=VALUE"
            raise click.BadParameter(f"{text!r} is not {form}", param_hint=option)
        found[column] = value
    return found
