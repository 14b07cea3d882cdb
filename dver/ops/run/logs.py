"""`dver logs`: find the log of a run."""

from __future__ import annotations

from pathlib import Path

from dver.core.errors import UsageError
from dver.core.phrasing import count, quoted
from dver.pipelines.execution.run_logs import KEPT, RunLog, RunLogs
from dver.pipelines.workspace.pipelines import load_pipelines, select_stage
from dver.repo import Repository


def find_log(repo: Repository, target: str, *, cwd: Path, run: int = 1) -> RunLog:
    """The log of a run of the stage `target`: `run` 1 is the last run, 2 the one before it.

    Raises PipelineError, and UsageError if `target` names several stages or the run has no log.
    """
    stage = select_stage(repo, load_pipelines(repo), target, cwd)
    found = RunLogs(repo).of(stage)
    if len(found) < run:
        name = str(stage)
        kept = f"the logs of its last {count(len(found), 'run')} exist" if found else "it never ran in this worktree"
        fix = f"dver repro --force --single-item {quoted(name)}" if not found else f"dver keeps the last {KEPT}"
        raise UsageError(f"no log of run {run} of stage {name!r}", why=kept, fix=fix)
    return found[run - 1]
