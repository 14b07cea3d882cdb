"""`dver exp run`: run stages and record the result as an experiment, now or later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dver.core.progress import SILENT, Progress
from dver.experiments.execution import FinishedExperiment
from dver.experiments.queue.enqueue import QueuedExperiments, queue_experiments, run_temporarily
from dver.experiments.queue.supervisor import QueueWatcher
from dver.experiments.run import ExperimentOptions, run_in_workspace
from dver.experiments.sweep_execution import SweepResult, run_sweep
from dver.experiments.sweep_setup import SweepOptions
from dver.pipelines.engine.schedule import Watcher
from dver.pipelines.execution.output_backup import BackedUpOutput
from dver.repo import Repository

__all__ = ["ExperimentOptions", "QueuedExperiments", "SweepOptions", "SweepResult", "queue", "run", "sweep"]


def run(
    repo: Repository,
    options: ExperimentOptions,
    *,
    cwd: Path,
    temp: bool = False,
    watcher: Watcher | None = None,
    on_backup: Callable[[BackedUpOutput], None] = lambda _: None,
    progress: Progress = SILENT,
) -> FinishedExperiment:
    """Run the stages and record the experiment: in the workspace, or with `temp` in a working tree of its own.

    See `run_in_workspace` and `run_temporarily`.
    """
    start = run_temporarily if temp else run_in_workspace
    return start(repo, options, cwd=cwd, watcher=watcher, on_backup=on_backup, progress=progress)


def queue(repo: Repository, options: ExperimentOptions, *, cwd: Path, progress: Progress = SILENT) -> QueuedExperiments:
    """Add experiments to the queue. See `queue_experiments`."""
    return queue_experiments(repo, options, cwd=cwd, progress=progress)


def sweep(
    repo: Repository,
    options: SweepOptions,
    watcher: QueueWatcher,
    *,
    jobs: int,
    cwd: Path,
    progress: Progress = SILENT,
) -> SweepResult:
    """Run the trials of a sweep that are missing. See `run_sweep`."""
    return run_sweep(repo, options, watcher, jobs=jobs, cwd=cwd, progress=progress)
