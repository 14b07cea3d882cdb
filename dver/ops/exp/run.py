"""`dver exp run`: run stages and record the result as an experiment."""

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
    temp: bool = False,
    watcher: Watcher | None = None,
    on_backup: Callable[[BackedUpOutput], None] = lambda _: None,
    progress: Progress = SILENT,
) -> FinishedExperiment:
    """Run the stages and record the experiment: in the workspace, or with `temp` in a working tree of its own.

    See `run_in_workspace` and `run_temporarily`.
    """
    if temp:
        # A run in the workspace needs nothing of the queue, whose modules take a tenth of its imports.
        from dver.experiments.queue.enqueue import run_temporarily

        return run_temporarily(repo, options, cwd=cwd, watcher=watcher, on_backup=on_backup, progress=progress)
    return run_in_workspace(repo, options, cwd=cwd, watcher=watcher, on_backup=on_backup, progress=progress)
