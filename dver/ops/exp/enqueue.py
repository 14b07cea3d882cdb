"""`dver exp run --queue`: add experiments to the queue."""

from __future__ import annotations

from pathlib import Path

from dver.core.progress import SILENT, Progress
from dver.experiments.queue.enqueue import QueuedExperiments, queue_experiments
from dver.experiments.run import ExperimentOptions
from dver.repo import Repository

__all__ = ["QueuedExperiments", "enqueue"]


def enqueue(
    repo: Repository, options: ExperimentOptions, *, cwd: Path, progress: Progress = SILENT
) -> QueuedExperiments:
    """Add experiments to the queue. See `queue_experiments`."""
    return queue_experiments(repo, options, cwd=cwd, progress=progress)
