"""Watches the metrics of a trial while it runs, and stops it if a sweep prunes it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from dver.core.errors import DverError
from dver.experiments.execution import TrialPruned
from dver.experiments.journal import Journal
from dver.experiments.sweeps.pruning import PruningRule, should_prune
from dver.experiments.sweeps.reported_steps import load_steps, read_steps, save_steps
from dver.experiments.sweeps.sampler import SweepTrial, TrialState
from dver.experiments.sweeps.trials import metric_value
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.schedule import StageState, Watcher

_INTERVAL: Final = 1.0
"""Seconds between two looks at the metrics."""


class PruningWatcher:
    """The watcher of a trial in the worktree at `place`; passes everything on to `watcher`."""

    def __init__(
        self, watcher: Watcher, journal: Journal, place: Path, experiment: Experiment, rule: PruningRule
    ) -> None:
        self._watcher = watcher
        self._journal = journal
        self._place = place
        self._experiment = experiment
        self._rule = rule
        self._started: float | None = None
        self._looked = 0.0
        self._steps: dict[int, float] = {}
        self._is_over = False

    def state_changed(self, address: Address, state: StageState, error: DverError | None = None) -> None:
        """See `Watcher`."""
        if self._started is None and state is StageState.RUNNING:
            self._started = time.time()
        self._watcher.state_changed(address, state, error)

    def output(self, address: Address, content: bytes) -> None:
        """See `Watcher`."""
        self._watcher.output(address, content)

    def tick(self) -> None:
        """See `Watcher`. Raises TrialPruned, once."""
        self._watcher.tick()
        if self._is_over or time.monotonic() - self._looked < _INTERVAL:
            return
        self._looked = time.monotonic()
        before = len(self._steps)
        self._read()
        if len(self._steps) > before and should_prune(self._rule.metric, self._others(), self._steps):
            self._is_over = True
            step = max(self._steps)
            value, key = self._steps[step], self._rule.metric.key
            raise TrialPruned(f"pruned at step {step}: {key} {value:.6g} is worse than the median")

    def close(self) -> None:
        """Keep what the trial has reported, for the trials after it."""
        self._read()
        save_steps(self._journal.directory, self._experiment.id, self._steps)

    def _read(self) -> None:
        if self._started is not None:
            # Clocks of file systems can lag behind by a few milliseconds.
            self._steps.update(read_steps(self._place, self._rule.metric, since=self._started - 0.05))

    def _others(self) -> list[SweepTrial]:
        """The trials of the same sweep that are done."""
        mine, metric = self._experiment, self._rule.metric
        done = [
            one
            for one in self._journal.with_status(ExperimentStatus.DONE)
            if (one.sweep, one.baseline) == (mine.sweep, mine.baseline)
        ]
        steps = load_steps(self._journal.directory, [one.id for one in done])
        return [
            SweepTrial(one.trial or 0, None, TrialState.DONE, metric_value(one, metric, ""), steps.get(one.id, {}))
            for one in done
        ]
