"""`dver exp save`: record the workspace as an experiment, without a run."""

from __future__ import annotations

from dver.core.progress import SILENT, Progress
from dver.experiments.execution import FinishedExperiment
from dver.experiments.run import ExperimentOptions, save_workspace
from dver.repo import Repository


def save(
    repo: Repository, *, name: str | None = None, message: str = "", force: bool = False, progress: Progress = SILENT
) -> FinishedExperiment:
    """Record the workspace as it is. See `save_workspace`."""
    return save_workspace(repo, ExperimentOptions(name, message), force=force, progress=progress)
