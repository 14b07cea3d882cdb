"""`dver exp run`: run stages in the workspace and record the result as an experiment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dver.core.progress import SILENT, Progress
from dver.experiments.execution import FinishedExperiment
from dver.experiments.run import ExperimentOptions, run_in_workspace
from dver.pipelines.engine.schedule import Watcher
from dver.pipelines.execution.output_backup import BackedUpOutput
from dver.repo import Repository

__all__ = ["ExperimentOptions", "run"]


def run(
    repo: Repository,
    options: ExperimentOptions,
    *,
    cwd: Path,
    watcher: Watcher | None = None,
    on_backup: Callable[[BackedUpOutput], None] = lambda _: None,
    progress: Progress = SILENT,
) -> FinishedExperiment:
    """Run the stages in the workspace, and record the experiment. See `run_in_workspace`."""
    return run_in_workspace(repo, options, cwd=cwd, watcher=watcher, on_backup=on_backup, progress=progress)
