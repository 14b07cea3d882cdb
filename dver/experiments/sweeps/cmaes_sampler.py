"""CMA-ES: its state is computed from the trials that are done.

Optuna's sampler keeps that state in attributes of trials, which experiments do not have; the package below it computes
the same from the points and values of whole generations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dver.experiments.sweeps.optuna_sampler import missing_extra
from dver.experiments.sweeps.sampler import SweepTrial, TrialState, next_number
from dver.experiments.sweeps.space import Point, SweepSpace, from_unit, to_unit
from dver.pipelines.definition.sweep import Sweep, SweepRange

_SIGMA: Final = 0.25
"""The deviation at the start, in units of the ranges."""


class CmaesSampler:
    """An evolution strategy that adapts its covariance matrix."""

    def __init__(self, space: SweepSpace, sweep: Sweep) -> None:
        try:
            import cmaes
            import numpy
        except ImportError as error:
            raise missing_extra("cmaes") from error
        self._cmaes: Any = cmaes
        self._numpy: Any = numpy
        self._spans = [one.values for one in space.params if isinstance(one.values, SweepRange)]
        self._seed = sweep.seed
        self._sign = -1.0 if sweep.metric is not None and sweep.metric.maximize else 1.0

    def next(self, trials: Sequence[SweepTrial]) -> Point | None:
        """See `Sampler`."""
        size = len(self._spans)
        bounds = self._numpy.array([[0.0, 1.0]] * size)
        mean = self._numpy.full(size, 0.5)
        seed = (self._seed + next_number(trials)) % 2**32
        optimizer = self._cmaes.CMA(mean=mean, sigma=_SIGMA, bounds=bounds, seed=seed)
        done = [self._solution(one) for one in trials if one.state is TrialState.DONE and one.point is not None]
        generation = optimizer.population_size
        for begin in range(0, len(done) - generation + 1, generation):
            if not optimizer.should_stop():
                optimizer.tell(done[begin : begin + generation])
        return tuple(from_unit(span, float(unit)) for span, unit in zip(self._spans, optimizer.ask(), strict=True))

    def _solution(self, trial: SweepTrial) -> tuple[Any, float]:
        assert trial.point is not None
        assert trial.value is not None
        units = [to_unit(span, value) for span, value in zip(self._spans, trial.point, strict=True)]
        return self._numpy.array(units), self._sign * trial.value
