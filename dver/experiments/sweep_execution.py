"""Running a sweep: its trials are tasks of the queue, each made when a worker is free for it.

There is no state but the trials: whichever process runs the sweep next goes on with those that exist.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import DverError, StageError
from dver.core.progress import SILENT, Progress
from dver.core.worktree_lock import locked
from dver.experiments.journal import Journal
from dver.experiments.names import check_name, numbered_names
from dver.experiments.queue.enqueue import ChangedParameters
from dver.experiments.queue.supervisor import QueueWatcher, work_off
from dver.experiments.queue.task_options import PRUNING, task_options
from dver.experiments.queue.tasks import retry_tasks
from dver.experiments.run import ExperimentOptions, new_experiment, record_killed
from dver.experiments.snapshot import take_snapshot
from dver.experiments.sweep_setup import SweepOptions, chosen_sweep, planned_trials
from dver.experiments.sweeps.optuna_sampler import load_optuna
from dver.experiments.sweeps.pruning import PruningRule
from dver.experiments.sweeps.sampler import Sampler, SweepTrial, TrialState, next_number
from dver.experiments.sweeps.samplers import make_sampler
from dver.experiments.sweeps.space import Point
from dver.experiments.sweeps.trials import SweepRun
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.pipelines.definition.sweep import PrunerKind, SweepMetric
from dver.repo import Repository

_WAIT: Final = 0.3
"""Seconds between two looks at trials that another process runs."""


@dataclass(frozen=True, slots=True, repr=False)
class SweepResult(Displayed):
    """The trials of a sweep after a run of it."""

    name: str
    metric: SweepMetric | None
    trials: tuple[Experiment, ...]
    """All trials by number, also those of earlier runs."""
    best: Experiment | None
    """The trial with the best metric; None without a metric."""
    best_value: float | None
    planned: int
    """The number of trials that the sweep has when it is complete."""
    stopped: bool = False
    """Whether the workers were asked to end."""
    errors: tuple[DverError, ...] = ()
    """Why workers could not go on."""
    left_out: tuple[bytes, ...] = ()
    """Untracked files that are too large for Git, and other Git repositories. The trials do not have them."""

    @property
    def failed(self) -> tuple[Experiment, ...]:
        """The trials that failed."""
        return tuple(one for one in self.trials if one.status is ExperimentStatus.FAILED)

    def error(self) -> DverError | None:
        """The error of a worker, or the one for trials that all failed."""
        if self.errors:
            return self.errors[0]
        if self.trials and len(self.failed) == len(self.trials):
            fix = f"see why: dver queue logs {self.failed[0].name}"
            return StageError(f"all {len(self.trials)} trials of sweep {self.name!r} failed", fix=fix)
        return None


def run_sweep(
    repo: Repository,
    options: SweepOptions,
    watcher: QueueWatcher,
    *,
    jobs: int,
    cwd: Path,
    progress: Progress = SILENT,
) -> SweepResult:
    """Run trials of a sweep in up to `jobs` processes until it has all of them. The workspace stays as it is.

    Trials are experiments that start from the workspace as it is now. Those that exist for this baseline count; the
    ones that were stopped run again. Raises UsageError for an unknown sweep and options that do not fit,
    PipelineError for a mistake in `dver.yaml`, RepositoryError if an extra is not installed.
    """
    with Journal(repo) as journal:
        record_killed(journal)
        run = chosen_sweep(repo, options)
        planned = planned_trials(run)
        sampler = make_sampler(run.sweep, run.space)
        if run.sweep.pruner is not PrunerKind.NONE:
            load_optuna()  # workers need it
        source = _Trials(repo, journal, run, sampler, planned, jobs)
        source.prepare(options, cwd, progress)
        while not source.is_complete():
            done = work_off(repo, watcher, jobs=jobs, cwd=cwd, source=source)
            if done.stopped or done.errors:
                return source.result(stopped=done.stopped, errors=done.errors)
            if not done.ended:
                time.sleep(_WAIT)  # another process runs the trials that are left
        return source.result()


class _Trials:
    """The trials of a run of a sweep: a `TrialSource`."""

    def __init__(
        self, repo: Repository, journal: Journal, run: SweepRun, sampler: Sampler, planned: int, jobs: int
    ) -> None:
        self._repo = repo
        self._journal = journal
        self._run = run
        self._sampler = sampler
        self._planned = planned
        self._jobs = jobs
        self._first: Experiment | None = None
        self._parameters: ChangedParameters | None = None
        self._left_out: tuple[bytes, ...] = ()
        self._remaining = 0

    @property
    def sweep(self) -> str:
        """See `TrialSource`."""
        return self._run.name

    @property
    def remaining(self) -> int:
        """See `TrialSource`."""
        return self._remaining

    def prepare(self, options: SweepOptions, cwd: Path, progress: Progress) -> None:
        """Queue stopped trials again, and take the snapshot that new trials start from.

        Raises UsageError if the parameters of the sweep do not exist.
        """
        stopped = [one for one in self._counted() if one.status is ExperimentStatus.STOPPED and not one.pruned]
        if stopped:
            retry_tasks(self._repo.git, self._journal, [one.id for one in stopped], ())
        point = self._next_point(self._trials())
        if point is None:
            return
        overrides = (*self._run.fixed, *self._run.space.overrides(point))
        self._parameters = ChangedParameters(self._repo, [overrides])
        targets = options.repro.targets or self._run.sweep.targets
        start = cwd if options.repro.targets else self._repo.git.worktree / self._run.folder
        choice = replace(options.repro, targets=targets, jobs=1)
        snapshot = take_snapshot(self._repo, progress=progress)
        experiment = new_experiment(
            self._repo,
            self._journal,
            snapshot,
            ExperimentOptions(message=options.message, repro=choice),
            check_name(f"{self._run.sweep.name}-0"),
            ExperimentStatus.QUEUED,
        )
        task = dict(task_options(self._repo, experiment.commit, choice, start).encoded())
        metric = self._run.sweep.metric
        if self._run.sweep.pruner is not PrunerKind.NONE and metric is not None:
            path = posixpath.normpath(posixpath.join(self._run.folder, metric.path))
            task[PRUNING] = PruningRule(replace(metric, path=path)).encoded()
        self._first = replace(experiment, task=task, sweep=self._run.name)
        self._left_out = snapshot.left_out
        self.refill()
        snapshot.recheck()

    def refill(self) -> None:
        """See `TrialSource`."""
        if self._first is None:
            return
        with locked(self._journal.directory / "sweep.lock"):
            while True:
                trials = self._trials()
                self._remaining = max(0, self._planned - _count(trials))
                active = sum(one.state is TrialState.RUNNING for one in trials)
                point = self._next_point(trials) if active < self._jobs else None
                if point is None:
                    return
                self._journal.record([self._new(self._first, trials, point)])

    def is_complete(self) -> bool:
        """Whether all trials have ended."""
        trials = self._trials()
        return all(one.state is not TrialState.RUNNING for one in trials) and self._next_point(trials) is None

    def result(self, *, stopped: bool = False, errors: Sequence[DverError] = ()) -> SweepResult:
        """All trials as they are now."""
        found = sorted(self._counted(), key=lambda one: one.trial or 0)
        metric = self._run.sweep.metric
        best = _best(self._run, found) if metric is not None else None
        value = self._run.value(best) if best is not None else None
        return SweepResult(
            self._run.name, metric, tuple(found), best, value, self._planned, stopped, tuple(errors), self._left_out
        )

    def _experiments(self) -> list[Experiment]:
        """The experiments of this clone that are trials of the sweep."""
        return [one for one in self._journal.all() if self._journal.is_own(one) and self._run.has(one)]

    def _counted(self) -> list[Experiment]:
        """Those whose parameters the sweep still has."""
        return [one for one in self._experiments() if self._run.has_point(one)]

    def _trials(self) -> list[SweepTrial]:
        return self._run.trials(self._experiments())

    def _next_point(self, trials: Sequence[SweepTrial]) -> Point | None:
        """The point of the next trial; None if there are enough."""
        return self._sampler.next(trials) if _count(trials) < self._planned else None

    def _new(self, first: Experiment, trials: Sequence[SweepTrial], point: Point) -> Experiment:
        """The record of the trial at `point`."""
        assert self._parameters is not None
        overrides = (*self._run.fixed, *self._run.space.overrides(point))
        number = next_number(trials)
        name = f"{self._run.sweep.name}-{number}"
        names = self._journal.names()
        return replace(
            first,
            id=self._journal.new_id(),
            name=name if name not in names else numbered_names(name, 1, names)[0],
            set=tuple(one.text for one in overrides),
            params=self._parameters.of(first.params, overrides),
            trial=number,
            created=time.time(),
        )


def _count(trials: Sequence[SweepTrial]) -> int:
    """The number of trials whose parameters the sweep still has."""
    return sum(one.point is not None for one in trials)


def _best(run: SweepRun, experiments: Sequence[Experiment]) -> Experiment | None:
    assert run.sweep.metric is not None
    done = [
        (value, one)
        for one in experiments
        if one.status is ExperimentStatus.DONE and (value := run.value(one)) is not None
    ]
    if not done:
        return None
    choose = max if run.sweep.metric.maximize else min
    return choose(done, key=lambda one: one[0])[1]
