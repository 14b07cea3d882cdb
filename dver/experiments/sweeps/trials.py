"""The trials of a sweep, read from experiments."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dver.core.errors import UsageError
from dver.experiments.overrides.override import Override
from dver.experiments.overrides.parse import parse_overrides
from dver.experiments.sweeps.sampler import SweepTrial, TrialState
from dver.experiments.sweeps.space import SweepSpace
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.pipelines.definition.param_files import is_number
from dver.pipelines.definition.sweep import Sweep, SweepMetric

Steps = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class SweepRun:
    """What all trials of a sweep have in common. Experiments that differ in it belong to other sweeps."""

    name: str
    """The name of the sweep, with the directory of its `dver.yaml` if that is not the top."""
    sweep: Sweep
    space: SweepSpace
    baseline: str
    """The commit that the trials start from."""
    folder: str = ""
    """The directory of the `dver.yaml`, relative to the top of the worktree."""
    fixed: tuple[Override, ...] = ()
    """Other changes of parameters."""

    def has(self, experiment: Experiment) -> bool:
        """Whether `experiment` is one of the trials."""
        if experiment.trial is None or (experiment.sweep, experiment.baseline) != (self.name, self.baseline):
            return False
        return self._rest_of(experiment) == {one.text for one in self.fixed}

    def trials(self, experiments: Iterable[Experiment], steps: Mapping[str, Steps] | None = None) -> list[SweepTrial]:
        """The trials among `experiments`, by number. `steps` are reported metrics by id of the experiment."""
        found = [self._trial(one, (steps or {}).get(one.id, {})) for one in experiments if self.has(one)]
        return sorted(found, key=lambda one: one.number)

    def has_point(self, experiment: Experiment) -> bool:
        """Whether the parameters of a trial are in the space, which may have changed since."""
        return self.space.point(_overrides(experiment))[0] is not None

    def value(self, experiment: Experiment) -> float | None:
        """The metric of an experiment; None without one, and for NaN."""
        return metric_value(experiment, self.sweep.metric, self.folder) if self.sweep.metric is not None else None

    def _rest_of(self, experiment: Experiment) -> set[str]:
        return {one.text for one in self.space.point(_overrides(experiment))[1]}

    def _trial(self, experiment: Experiment, steps: Steps) -> SweepTrial:
        assert experiment.trial is not None
        point, _ = self.space.point(_overrides(experiment))
        value = self.value(experiment) if experiment.status is ExperimentStatus.DONE else None
        return SweepTrial(experiment.trial, point, self._state(experiment, value), value, steps)

    def _state(self, experiment: Experiment, value: float | None) -> TrialState:
        if not experiment.status.is_final:
            return TrialState.RUNNING
        if experiment.pruned:
            return TrialState.PRUNED
        has_result = experiment.status is ExperimentStatus.DONE and (value is not None or self.sweep.metric is None)
        return TrialState.DONE if has_result else TrialState.FAILED


def metric_value(experiment: Experiment, metric: SweepMetric, folder: str) -> float | None:
    """The value of `metric`, whose path is relative to `folder`; None if it is no number, or NaN."""
    file = posixpath.normpath(posixpath.join(folder, metric.path))
    value: Any = experiment.metrics.get(file, {}).get(metric.key)
    return float(value) if is_number(value) and not math.isnan(value) else None


def _overrides(experiment: Experiment) -> tuple[Override, ...]:
    """The overrides of an experiment; none if another version of dver wrote them in another form."""
    try:
        return parse_overrides(experiment.set)
    except UsageError:
        return ()
