"""Running one experiment in a working tree of its own, from its snapshot to its final record."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

from dver.core.errors import DverError, LocalIOError
from dver.core.files import explain
from dver.core.progress import SILENT, Progress
from dver.experiments.execution import ALWAYS_INTERRUPTIBLE, FinishedExperiment, record_without_run, run_stages_of
from dver.experiments.experiment_log import ExperimentLog
from dver.experiments.journal import Journal
from dver.experiments.overrides.edit_files import write_overrides
from dver.experiments.overrides.parse import parse_overrides
from dver.experiments.queue.task_options import TaskOptions
from dver.experiments.queue.working_tree import check_out_inputs, delete_untracked, open_files
from dver.experiments.snapshot import WorkspaceSnapshot, commit_snapshot
from dver.experiments.values import read_params
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.git.git_repo import CommitId, GitRepo
from dver.git.revisions import tree_of
from dver.git.snapshot import with_files_of_worktree
from dver.pipelines.engine.plan import stages_in_scope
from dver.pipelines.engine.schedule import Watcher
from dver.pipelines.execution.output_backup import BackedUpOutput
from dver.pipelines.workspace.pipelines import load_pipelines, select_stages
from dver.repo import Repository
from dver.store.trash.guard import GcGuard


def run_in_worktree(
    git: GitRepo,
    place: Path,
    journal: Journal,
    experiment: Experiment,
    options: TaskOptions,
    *,
    watcher: Watcher | None = None,
    on_backup: Callable[[BackedUpOutput], None] = lambda _: None,
    interruptible: AbstractContextManager[object] = ALWAYS_INTERRUPTIBLE,
    progress: Progress = SILENT,
) -> FinishedExperiment:
    """Run `experiment` in the worktree at `place` of the clone of `git`, and record how it ended.

    The caller holds its lease and the slot. Raises what `run_stages_of` does.
    """
    started = time.time()
    try:
        with interruptible:
            repo, ready, snapshot = _prepare(git, place, experiment, options, progress)
    except (DverError, OSError, KeyboardInterrupt) as error:
        reason = explain(error) if isinstance(error, OSError) else error
        if isinstance(reason, LocalIOError) and experiment.status is ExperimentStatus.QUEUED:
            raise reason from error
        _log(journal, experiment, reason)
        finished = record_without_run(journal, experiment, reason, started=started)
        if isinstance(error, KeyboardInterrupt):
            raise
        return finished
    with repo:
        return run_stages_of(
            repo,
            journal,
            ready,
            snapshot,
            options.repro,
            cwd=place / options.cwd,
            watcher=watcher,
            on_backup=on_backup,
            interruptible=interruptible,
            progress=progress,
        )


def _prepare(
    git: GitRepo, place: Path, experiment: Experiment, options: TaskOptions, progress: Progress
) -> tuple[Repository, Experiment, WorkspaceSnapshot]:
    """Make the files of a run: those of the snapshot, with its parameters, and the data that its stages read.

    Returns its project, its record and its snapshot with these parameters.
    """
    baseline, commit = CommitId(experiment.baseline), CommitId(options.snapshot)
    worktree = open_files(git, place, baseline, commit)
    cwd = place / options.cwd
    with ExitStack() as stack:
        repo = stack.enter_context(Repository(place / options.project, worktree, cwd=cwd))
        delete_untracked(repo)
        cwd.mkdir(parents=True, exist_ok=True)  # Git has no empty directories
        changed = write_overrides(repo.root, parse_overrides(experiment.set))
        paths = [os.fsencode(os.path.relpath(path, place)) for path in changed]
        tree = with_files_of_worktree(worktree, tree_of(worktree, commit), paths)
        if paths:
            commit = commit_snapshot(repo, tree, baseline, experiment.name, experiment.message)
        _check_out(repo, options, cwd, progress)
        ready = replace(experiment, commit=commit, params=read_params(repo))
        stack.pop_all()  # the caller closes it
    return repo, ready, WorkspaceSnapshot(baseline, tree, {}, (), GcGuard(repo.store), ())


def _check_out(repo: Repository, options: TaskOptions, cwd: Path, progress: Progress) -> None:
    pipelines, choice = load_pipelines(repo), options.repro
    targets = select_stages(repo, pipelines, choice.targets, cwd)
    stages = stages_in_scope(pipelines.graph, targets, single=choice.single, downstream=choice.downstream)
    check_out_inputs(repo, pipelines.graph, stages, progress)


def _log(journal: Journal, experiment: Experiment, reason: DverError | KeyboardInterrupt) -> None:
    log = ExperimentLog(None, journal.directory, experiment.id)
    why = "stopped" if isinstance(reason, KeyboardInterrupt) else "; ".join(filter(None, (str(reason), reason.why)))
    log.write(f"--- {why}\n".encode("utf-8", "replace"))
    log.close()
