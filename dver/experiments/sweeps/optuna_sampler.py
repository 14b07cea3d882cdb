"""Optuna's TPE: its study is made from the trials that exist, and thrown away."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from dver.core.errors import RepositoryError
from dver.experiments.sweeps.sampler import SweepTrial, TrialState, next_number
from dver.experiments.sweeps.space import Point, SweepSpace, choice_index
from dver.pipelines.definition.sweep import Sweep, SweepMetric, SweepRange


class TpeSampler:
    """Bayesian optimization by the tree-structured Parzen estimator."""

    def __init__(self, space: SweepSpace, sweep: Sweep) -> None:
        self._optuna = load_optuna()
        self._space = space
        self._seed = sweep.seed
        self._metric = sweep.metric

    def next(self, trials: Sequence[SweepTrial]) -> Point | None:
        """See `Sampler`."""
        optuna = self._optuna
        distributions = {
            str(number): _distribution(optuna, one.values) for number, one in enumerate(self._space.params)
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # parts of Optuna are experimental
            # With running trials as bad ones, parallel trials differ.
            sampler = optuna.samplers.TPESampler(seed=self._seed + next_number(trials), constant_liar=True)
            study = make_study(optuna, self._metric, sampler=sampler)
            study.add_trials([frozen_trial(optuna, self._space, distributions, one) for one in trials if one.point])
            found = study.ask(distributions).params
        return tuple(_value(one.values, found[str(number)]) for number, one in enumerate(self._space.params))


def load_optuna() -> Any:
    """Optuna, which logs errors only. Raises RepositoryError if it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise missing_extra("optuna") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def missing_extra(package: str) -> RepositoryError:
    """The error for a package of the extra that is not installed."""
    return RepositoryError(
        f"this sweep needs the package {package}", why="it is not installed", fix="pip install 'dver[optuna]'"
    )


def make_study(optuna: Any, metric: SweepMetric | None, **options: Any) -> Any:
    """An empty study in memory."""
    direction = "maximize" if metric is not None and metric.maximize else "minimize"
    return optuna.create_study(direction=direction, **options)


def frozen_trial(optuna: Any, space: SweepSpace, distributions: dict[str, Any], trial: SweepTrial) -> Any:
    """A trial as Optuna has it. Choices are their positions, since Optuna has no lists and mappings."""
    states = {
        TrialState.RUNNING: optuna.trial.TrialState.RUNNING,
        TrialState.DONE: optuna.trial.TrialState.COMPLETE,
        TrialState.FAILED: optuna.trial.TrialState.FAIL,
        TrialState.PRUNED: optuna.trial.TrialState.PRUNED,
    }
    assert trial.point is not None
    params = {
        str(number): value if isinstance(one.values, SweepRange) else choice_index(one.values, value)
        for number, (one, value) in enumerate(zip(space.params, trial.point, strict=True))
    }
    return optuna.trial.create_trial(
        state=states[trial.state],
        value=trial.value,
        params=params,
        distributions=distributions,
        intermediate_values=dict(trial.steps),
    )


def _distribution(optuna: Any, values: tuple[Any, ...] | SweepRange) -> Any:
    if not isinstance(values, SweepRange):
        return optuna.distributions.CategoricalDistribution(tuple(range(len(values))))
    if values.is_whole:
        step = 1 if values.step is None else int(values.step)
        return optuna.distributions.IntDistribution(int(values.low), int(values.high), log=values.log, step=step)
    return optuna.distributions.FloatDistribution(
        float(values.low), float(values.high), log=values.log, step=None if values.step is None else float(values.step)
    )


def _value(values: tuple[Any, ...] | SweepRange, found: Any) -> Any:
    return found if isinstance(values, SweepRange) else values[found]
