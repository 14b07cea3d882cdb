"""Pruning: whether to stop a trial that is worse than the others were at the same step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dver.experiments.sweeps.optuna_sampler import load_optuna, make_study
from dver.experiments.sweeps.sampler import SweepTrial, TrialState
from dver.pipelines.definition.sweep import PrunerKind, Sweep

_FIRST: Final = 5
"""The number of trials that end before one can be pruned, as in Optuna."""


def should_prune(sweep: Sweep, trials: Sequence[SweepTrial], running: SweepTrial) -> bool:
    """Whether to stop the trial `running`, by the metric that it and `trials` have reported.

    Raises RepositoryError if Optuna is not installed.
    """
    if sweep.pruner is PrunerKind.NONE or not running.steps:
        return False
    done = [one for one in trials if one.state is TrialState.DONE and one.steps and one.value is not None]
    if len(done) < _FIRST:
        return False
    optuna = load_optuna()
    study = make_study(optuna, sweep.metric)
    create, states = optuna.trial.create_trial, optuna.trial.TrialState
    study.add_trials(
        [create(state=states.COMPLETE, value=one.value, intermediate_values=dict(one.steps)) for one in done]
    )
    pruner = optuna.pruners.MedianPruner(n_startup_trials=_FIRST)
    trial = create(state=states.RUNNING, intermediate_values=dict(running.steps))
    return bool(pruner.prune(study, trial))
