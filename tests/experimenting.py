"""Experiments for tests, without a repository."""

from __future__ import annotations

from typing import Any

from dver.experiments.table.rows import ReferenceRow
from dver.formats.experiment import Experiment, ExperimentStatus

BASELINE = "a" * 40


def experiment(number: int = 0, **fields: Any) -> Experiment:
    """An experiment that is done; `fields` replace its defaults."""
    defaults = {
        "id": f"{number:032x}",
        "name": f"exp-{number}",
        "status": ExperimentStatus.DONE,
        "baseline": BASELINE,
        "commit": f"{number + 1:040x}",
        "updated": number,
        "created": 1_700_000_000.0 + number,
    }
    return Experiment(**{**defaults, **fields})


def row(number: int = 0, metrics: Any = None, params: Any = None, **fields: Any) -> Experiment:
    """An experiment. `metrics` are those of `metrics.json`, `params` those of `params.yaml`."""
    values = {
        "metrics": {"metrics.json": metrics} if metrics else {},
        "params": {"params.yaml": params} if params else {},
    }
    return experiment(number, **{**values, **fields})


def baseline_row(commit: str = BASELINE, **fields: Any) -> ReferenceRow:
    """The row of a baseline."""
    return ReferenceRow(**{"name": commit[:8], "commit": commit, **fields})
