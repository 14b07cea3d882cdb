"""What samplers are: they choose the parameters of the next trial from the trials that exist.

They keep no state, so a sweep goes on from its trials, whichever process made them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from dver.experiments.sweeps.space import Point


class TrialState(Enum):
    """How far a trial got."""

    RUNNING = "running"
    """It has no result yet: it is queued or runs."""
    DONE = "done"
    FAILED = "failed"
    """It ended without a value of the metric."""
    PRUNED = "pruned"


@dataclass(frozen=True, slots=True)
class SweepTrial:
    """A trial of a sweep."""

    number: int
    """From 0."""
    point: Point | None
    """Its parameters; None if the space does not have them any more."""
    state: TrialState = TrialState.RUNNING
    value: float | None = None
    """The metric, of trials that are done."""
    steps: Mapping[int, float] = field(default_factory=dict)
    """The metric by step, as far as it was reported."""


class Sampler(Protocol):
    """Chooses the parameters of the next trial."""

    def next(self, trials: Sequence[SweepTrial]) -> Point | None:
        """The point of the trial after `trials`; None if there are no more.

        The same trials give the same point.
        """
        ...


def next_number(trials: Sequence[SweepTrial]) -> int:
    """The number of the trial after `trials`."""
    return max((one.number for one in trials), default=-1) + 1
