"""Experiments in the workspace: running stages there, and saving it as it is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dver.core.errors import ConflictError, UsageError
from dver.core.platform.machine import host_name
from dver.core.progress import SILENT, Progress
from dver.experiments.execution import FinishedExperiment, run_stages_of
from dver.experiments.experiment_log import read_tail
from dver.experiments.journal import Journal
from dver.experiments.leases import Lease, running
from dver.experiments.names import check_name, new_name
from dver.experiments.overrides.edit_files import write_overrides
from dver.experiments.overrides.grid import expand
from dver.experiments.overrides.override import Override
from dver.experiments.snapshot import WorkspaceSnapshot, commit_snapshot, take_snapshot
from dver.experiments.values import read_data, read_metrics, read_params
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.git.git_repo import run as run_git
from dver.pipelines.engine.schedule import Watcher
from dver.pipelines.execution.output_backup import BackedUpOutput
from dver.pipelines.execution.repro import ReproOptions
from dver.pipelines.workspace.pipelines import load_pipelines, select_stages
from dver.repo import Repository


@dataclass(frozen=True, slots=True)
class ExperimentOptions:
    """The name and description of an experiment, and how to run it."""

    name: str | None = None
    """By default two memorable words."""
    message: str = ""
    set: tuple[str, ...] = ()
    """The parameters to change for it, as `[FILE:]KEY=VALUE`."""
    repro: ReproOptions = field(default_factory=ReproOptions)


def run_in_workspace(
    repo: Repository,
    options: ExperimentOptions,
    *,
    cwd: Path,
    watcher: Watcher | None = None,
    on_backup: Callable[[BackedUpOutput], None] = lambda _: None,
    progress: Progress = SILENT,
) -> FinishedExperiment:
    """Run stages in the workspace as `repro` does, and record the experiment however the run ends.

    Changes the parameters first. Raises ConflictError if another experiment runs in this workspace, or the name exists;
    UsageError for a parameter that cannot be changed and an unknown target; KeyboardInterrupt after Ctrl-C.
    """
    overrides = single_variant(options.set)
    with Journal(repo) as journal:
        record_killed(journal)
        refuse_second(repo, journal)
        name = chosen_name(journal, options.name)
        refuse_unknown_targets(repo, options, cwd)
        write_overrides(repo.root, overrides)
        snapshot = take_snapshot(repo, progress=progress)
        canonical = replace(options, set=tuple(one.text for one in overrides))
        experiment = new_experiment(repo, journal, snapshot, canonical, name, ExperimentStatus.RUNNING)
        lease = Lease(journal.directory, experiment.id)
        lease.try_acquire(repo.git.worktree)
        try:
            journal.record([experiment])
            snapshot.recheck()
            return run_stages_of(
                repo,
                journal,
                experiment,
                snapshot,
                options.repro,
                cwd=cwd,
                watcher=watcher,
                on_backup=on_backup,
                progress=progress,
            )
        finally:
            lease.release()


def refuse_unknown_targets(repo: Repository, options: ExperimentOptions, cwd: Path) -> None:
    """Raise UsageError for a target that does not exist, which is a mistake rather than a failed experiment.

    Changed parameters can change stages, so the targets are not checked then.
    """
    if options.repro.targets and not options.set:
        select_stages(repo, load_pipelines(repo), options.repro.targets, cwd)


def single_variant(texts: Sequence[str]) -> tuple[Override, ...]:
    """The overrides of one experiment. Raises UsageError for a grid of several."""
    variants = expand(texts)
    if len(variants) > 1:
        raise UsageError(
            f"these parameters make {len(variants):,} experiments; the workspace runs one",
            why="a key has several values",
            fix="queue them with --queue, or put text with commas in quotes",
        )
    return variants[0]


def save_workspace(
    repo: Repository, options: ExperimentOptions, *, force: bool = False, progress: Progress = SILENT
) -> FinishedExperiment:
    """Record the workspace as an experiment, without a run. Edited data and outputs are stored.

    With `force`, an experiment of this name is replaced. Raises ConflictError if the name exists.
    """
    with Journal(repo) as journal:
        record_killed(journal)
        name = chosen_name(journal, options.name, replace_own=force)
        snapshot = take_snapshot(repo, outputs=True, progress=progress)
        experiment = replace(
            new_experiment(repo, journal, snapshot, options, name, ExperimentStatus.DONE),
            metrics=read_metrics(repo),
            ended=time.time(),
        )
        same_name = [one.id for one in journal.all() if one.name == name and journal.is_own(one)]
        journal.record([experiment])
        snapshot.recheck()
        journal.update(same_name, lambda old: replace(old, removed=True))
    return FinishedExperiment(experiment, left_out=snapshot.left_out)


def new_experiment(
    repo: Repository,
    journal: Journal,
    snapshot: WorkspaceSnapshot,
    options: ExperimentOptions,
    name: str,
    status: ExperimentStatus,
) -> Experiment:
    """The first record of an experiment that starts from `snapshot`, with its commit."""
    now = time.time()
    return Experiment(
        id=journal.new_id(),
        name=name,
        status=status,
        baseline=snapshot.baseline,
        commit=commit_snapshot(repo, snapshot.tree, snapshot.baseline, name, options.message),
        updated=time.time_ns(),
        message=options.message,
        params=read_params(repo),
        data=read_data(repo, snapshot.contents),
        set=options.set,
        targets=options.repro.targets,
        created=now,
        started=now if status is not ExperimentStatus.QUEUED else None,
        host=host_name(),
        user=_user(repo),
    )


def chosen_name(journal: Journal, name: str | None, *, replace_own: bool = False) -> str:
    """The name that the user chose, or a new one. Raises UsageError, and ConflictError if the name exists."""
    if name is None:
        return new_name(journal.names())
    check_name(name)
    taken = [one for one in journal.all() if one.name == name and journal.is_own(one)]
    if taken and not replace_own:
        raise ConflictError(
            f"an experiment {name!r} already exists",
            why="each experiment of a clone has a name of its own",
            fix="choose another name: -n NAME",
        )
    return name


def record_killed(journal: Journal) -> list[Experiment]:
    """Record experiments whose process was killed as stopped, and return them."""
    unfinished = [one for one in journal.with_status(ExperimentStatus.RUNNING) if journal.is_own(one)]
    if not unfinished:
        return []
    alive = running(journal.directory)
    dead = [one.id for one in unfinished if one.id not in alive]
    logs = {one: tail for one in dead if (tail := read_tail(journal.directory, one))}

    def stopped(current: Experiment) -> Experiment | None:
        if current.status.is_final:
            return None
        return replace(current, status=ExperimentStatus.STOPPED, error="its process was killed", ended=time.time())

    return journal.update(dead, stopped, logs=logs)


def refuse_second(
    repo: Repository, journal: Journal, fix: str = "wait for it, or use a worktree of its own: dver exp run --temp"
) -> None:
    """Raise ConflictError if an experiment runs in this workspace."""
    here = os.fspath(repo.git.worktree)
    for experiment, holder in running(journal.directory).items():
        if holder.worktree == here:
            found = journal.get(experiment)
            raise ConflictError(
                f"experiment {found.name if found else experiment!r} is running in this workspace",
                why=f"process {holder.pid} runs it",
                fix=fix,
            )


def _user(repo: Repository) -> str:
    ident = run_git(repo.git, ["var", "GIT_AUTHOR_IDENT"], ok=(0, 128)).decode(errors="replace")
    return ident.rpartition(" <")[0]
