"""The sampler of a sweep, and the samplers that need no other package."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from itertools import product
from typing import Any

from dver.experiments.sweeps.cmaes_sampler import CmaesSampler
from dver.experiments.sweeps.optuna_sampler import TpeSampler
from dver.experiments.sweeps.sampler import Sampler, SweepTrial, next_number
from dver.experiments.sweeps.space import Point, SweepSpace, from_unit
from dver.pipelines.definition.sweep import Sweep, SweepMethod, SweepRange


def make_sampler(sweep: Sweep, space: SweepSpace) -> Sampler:
    """The sampler of a sweep. Raises RepositoryError if it needs an extra that is not installed."""
    if sweep.method is SweepMethod.GRID:
        return GridSampler(space)
    if sweep.method is SweepMethod.RANDOM:
        return RandomSampler(space, sweep.seed)
    return CmaesSampler(space, sweep) if sweep.method is SweepMethod.CMAES else TpeSampler(space, sweep)


class GridSampler:
    """Every combination once, in order; the last parameter varies fastest."""

    def __init__(self, space: SweepSpace) -> None:
        self._choices = [one.values for one in space.params if not isinstance(one.values, SweepRange)]

    def next(self, trials: Sequence[SweepTrial]) -> Point | None:
        """See `Sampler`."""
        known = {_key(one.point) for one in trials if one.point is not None}
        return next((one for one in product(*self._choices) if _key(one) not in known), None)


def _key(point: Point) -> str:
    """A text that two points share only if their values are the same: 1, 1.0 and true differ."""
    return json.dumps(point, sort_keys=True)


class RandomSampler:
    """Independent trials. Each depends on the seed and its number only."""

    def __init__(self, space: SweepSpace, seed: int) -> None:
        self._space = space
        self._seed = seed

    def next(self, trials: Sequence[SweepTrial]) -> Point | None:
        """See `Sampler`."""
        generator = random.Random(f"{self._seed}:{next_number(trials)}")
        return tuple(_random_value(one.values, generator) for one in self._space.params)


def _random_value(values: tuple[Any, ...] | SweepRange, generator: random.Random) -> Any:
    unit = generator.random()
    if isinstance(values, SweepRange):
        return from_unit(values, unit)
    return values[int(unit * len(values))]
