"""`dver exp run --sweep`: run the trials of a sweep."""

from __future__ import annotations

from pathlib import Path

from dver.core.progress import SILENT, Progress
from dver.experiments.queue.supervisor import QueueWatcher
from dver.experiments.sweep_execution import SweepResult, run_sweep
from dver.experiments.sweep_setup import SweepOptions
from dver.repo import Repository

__all__ = ["SweepOptions", "SweepResult", "sweep"]


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
