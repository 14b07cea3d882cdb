"""Pruning: whether to stop a trial that is worse than the others were at the same step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dver.experiments.sweeps.optuna_sampler import load_optuna, make_study
from dver.experiments.sweeps.sampler import SweepTrial, TrialState
from dver.pipelines.definition.sweep import SweepMetric

_FIRST: Final = 5
"""The number of trials that end before one can be pruned, as in Optuna."""


@dataclass(frozen=True, slots=True)
class PruningRule:
    """What a worker needs to prune a trial. It is part of the trial's record."""

    metric: SweepMetric
    """Its path is relative to the top of the worktree."""

    def encoded(self) -> Mapping[str, Any]:
        """As JSON values."""
        return {"path": self.metric.path, "key": self.metric.key, "maximize": self.metric.maximize}


def decode_rule(found: object) -> PruningRule | None:
    """The rule that `encoded` made; None for anything else."""
    match found:
        case {"path": str(path), "key": str(key), "maximize": bool(maximize)}:
            return PruningRule(SweepMetric(path, key, maximize))
    return None


def should_prune(metric: SweepMetric, trials: Sequence[SweepTrial], steps: Mapping[int, float]) -> bool:
    """Whether to stop a trial that has reported `steps`: its best value is worse than the median of the others.

    Raises RepositoryError if Optuna is not installed.
    """
    done = [one for one in trials if one.state is TrialState.DONE and one.steps and one.value is not None]
    if not steps or len(done) < _FIRST:
        return False
    optuna = load_optuna()
    study = make_study(optuna, metric)
    create, states = optuna.trial.create_trial, optuna.trial.TrialState
    study.add_trials(
        [create(state=states.COMPLETE, value=one.value, intermediate_values=dict(one.steps)) for one in done]
    )
    pruner = optuna.pruners.MedianPruner(n_startup_trials=_FIRST)
    return bool(pruner.prune(study, create(state=states.RUNNING, intermediate_values=dict(steps))))
