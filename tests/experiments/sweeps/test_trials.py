"""Trials of a sweep, read from the records of experiments."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from dver.experiments.overrides.parse import parse_overrides
from dver.experiments.sweeps.sampler import TrialState
from dver.experiments.sweeps.space import sweep_space
from dver.experiments.sweeps.trials import SweepRun
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.pipelines.definition.load import load_pipeline_file

BASELINE = "1" * 40
TEXT = b"sweeps: {s: {params: {lr: [1, 2]}, method: random, trials: 3, minimize: 'm.json:loss'}}"
SWEEP = load_pipeline_file(TEXT, lambda _: None).sweeps["s"]
RUN = SweepRun("s", SWEEP, sweep_space(SWEEP), BASELINE)


def experiment(number: int | None, *, loss: Any = None, **changes: Any) -> Experiment:
    metrics = {} if loss is None else {"m.json": {"loss": loss}}
    made = Experiment(
        id=f"{number or 0:032x}",
        name=f"e{number}",
        status=ExperimentStatus.DONE,
        baseline=BASELINE,
        commit="2" * 40,
        updated=0,
        sweep="s",
        trial=number,
        set=("params.yaml:lr=2",),
        metrics=metrics,
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("changes", "state", "value"),
    [
        ({"loss": 3}, TrialState.DONE, 3.0),
        ({"loss": math.inf}, TrialState.DONE, math.inf),
        ({"loss": math.nan}, TrialState.FAILED, None),
        ({"loss": "low"}, TrialState.FAILED, None),
        ({"loss": True}, TrialState.FAILED, None),
        ({}, TrialState.FAILED, None),
        ({"loss": 3, "status": ExperimentStatus.FAILED}, TrialState.FAILED, None),
        ({"loss": 3, "status": ExperimentStatus.STOPPED}, TrialState.FAILED, None),
        ({"loss": 3, "status": ExperimentStatus.STOPPED, "pruned": True}, TrialState.PRUNED, None),
        ({"status": ExperimentStatus.QUEUED}, TrialState.RUNNING, None),
        ({"status": ExperimentStatus.RUNNING}, TrialState.RUNNING, None),
    ],
)
def test_a_trial_has_the_state_and_the_metric_of_its_experiment(
    changes: dict[str, Any], state: TrialState, value: float | None
) -> None:
    (trial,) = RUN.trials([experiment(0, **changes)])
    assert (trial.number, trial.point, trial.state, trial.value) == (0, (2,), state, value)


def test_trials_are_in_the_order_of_their_numbers_and_have_their_steps() -> None:
    found = RUN.trials([experiment(2), experiment(0), experiment(1)], {f"{1:032x}": {1: 0.5}})
    assert [(one.number, dict(one.steps)) for one in found] == [(0, {}), (1, {1: 0.5}), (2, {})]


def test_experiments_of_other_sweeps_baselines_and_parameters_are_no_trials() -> None:
    others = [
        experiment(None),
        experiment(0, sweep="t"),
        experiment(1, baseline="3" * 40),
        experiment(2, set=("params.yaml:lr=2", "params.yaml:seed=1")),
    ]
    assert RUN.trials(others) == []
    fixed = replace(RUN, fixed=parse_overrides(["seed=1"]))
    assert [one.number for one in fixed.trials(others)] == [2]


def test_a_trial_that_the_space_does_not_have_any_more_counts_without_a_point() -> None:
    (trial,) = RUN.trials([experiment(0, set=("params.yaml:lr=7",), loss=1)])
    assert (trial.point, trial.state) == (None, TrialState.DONE)


def test_metrics_are_beside_the_file_that_has_the_sweep() -> None:
    found = experiment(0, metrics={"sub/m.json": {"loss": 4.5}})
    assert replace(RUN, folder="sub").value(found) == 4.5
    assert RUN.value(found) is None
