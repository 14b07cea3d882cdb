"""Sweeps as text."""

from __future__ import annotations

from collections.abc import Iterator

from dver.cli.render.experiments.text import status_text, value_text
from dver.cli.render.terminal import Style, printable
from dver.core.phrasing import count
from dver.experiments.overrides.parse import parse_overrides
from dver.experiments.sweep_execution import SweepResult
from dver.formats.experiment import Experiment, ExperimentStatus


def sweep_lines(result: SweepResult, style: Style) -> Iterator[str]:
    """The trials of a sweep by status, and the best one."""
    counts = {one: sum(trial.status is one and not trial.pruned for trial in result.trials) for one in ExperimentStatus}
    parts = [f"{number:,} {status_text(one, style)}" for one, number in counts.items() if number]
    pruned = sum(one.pruned for one in result.trials)
    parts += [f"{pruned:,} pruned"] if pruned else []
    name, trials = style.bold(printable(result.name)), count(len(result.trials), "trial")
    yield f"sweep {name}: {trials}: {', '.join(parts) or 'none'}"
    missing = result.planned - len(result.trials)
    if missing > 0:
        yield f"  {count(missing, 'trial')} left: run the same command again"
    if result.best is not None and result.metric is not None:
        metric = f"{printable(result.metric.key)} {value_text(result.best_value)}"
        yield f"best: {style.bold(printable(result.best.name))}: {metric} with {_parameters(result.best)}"


def _parameters(experiment: Experiment) -> str:
    """The parameters that the trial changed."""
    return ", ".join(f"{printable(one.key)} {value_text(one.value)}" for one in parse_overrides(experiment.set))
