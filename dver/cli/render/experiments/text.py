"""Experiments as text."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from dver.cli.render.terminal import Style, one_line, printable
from dver.core.phrasing import join_limited, quoted
from dver.experiments.table.columns import ColumnKind, columns_of
from dver.formats.experiment import Experiment, ExperimentStatus

_LISTED: Final = 5
"""At most this many metrics are in the line of a finished experiment."""
_SHORT: Final = 7
_ID_DIGITS: Final = 8


def finished_lines(experiment: Experiment, style: Style) -> Iterator[str]:
    """What to say of an experiment that was recorded."""
    name = printable(experiment.name)
    metrics = [one for one in columns_of([experiment]) if one.kind is ColumnKind.METRIC]
    shown = ", ".join(f"{printable(one.title)} {value_text(one.value(experiment))}" for one in metrics[:_LISTED])
    more = f", and {len(metrics) - _LISTED} more" if len(metrics) > _LISTED else ""
    status = "" if experiment.status is ExperimentStatus.DONE else f" {status_text(experiment.status, style)}"
    yield f"experiment {style.bold(name)}{status}" + (f": {shown}{more}" if shown else "")
    if experiment.error:
        yield f"  {printable(experiment.error)}"


def list_row(experiment: Experiment, style: Style, *, with_id: bool = False) -> list[str]:
    """The row of an experiment in `dver exp list`; with the beginning of its id if another one has the same name."""
    created = time.strftime("%Y-%m-%d %H:%M", time.localtime(experiment.created))
    about = one_line(experiment.message.partition("\n")[0])
    name = printable(experiment.name) + (f" ({experiment.id[:_ID_DIGITS]})" if with_id else "")
    return [name, status_text(experiment.status, style), created, experiment.baseline[:_SHORT], about]


def status_text(status: ExperimentStatus, style: Style) -> str:
    """A status in its colour."""
    colours = {
        ExperimentStatus.DONE: style.green,
        ExperimentStatus.FAILED: style.red,
        ExperimentStatus.STOPPED: style.yellow,
        ExperimentStatus.RUNNING: style.bold,
    }
    colour = colours.get(status)
    return colour(status.value) if colour is not None else status.value


def value_text(value: Any) -> str:
    """A parameter or metric in few characters."""
    return f"{value:.5g}" if isinstance(value, float) else printable(str(value))


def names_text(experiments: Sequence[Experiment]) -> str:
    """The first few names."""
    return join_limited([printable(one.name) for one in experiments])


def name_argument(name: str) -> str:
    """The name of an experiment as an argument of a command."""
    return printable(quoted(name))
