"""Running the stages of an experiment and recording it, in the workspace or in a worktree of its own."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import DverError, LocalIOError, StageError
from dver.core.files import DISK_REMEDIES, explain
from dver.core.progress import SILENT, Progress
from dver.experiments.experiment_log import ExperimentLog, read_tail
from dver.experiments.journal import Journal
from dver.experiments.snapshot import WorkspaceSnapshot, commit_snapshot
from dver.experiments.values import read_metrics
from dver.formats import lock
from dver.formats.experiment import Experiment, ExperimentStatus, Values
from dver.git.snapshot import with_files_of_worktree
from dver.pipelines.definition.stage import PipelineFile, Stage
from dver.pipelines.engine.graph import Address, without_outside_paths, worktree_path
from dver.pipelines.engine.schedule import CommandError, StageState, Watcher
from dver.pipelines.execution.output_backup import BackedUpOutput
from dver.pipelines.execution.repro import ReproOptions, ReproResult, repro
from dver.pipelines.workspace.pipelines import pipelines_of_workspace
from dver.repo import Repository

ALWAYS_INTERRUPTIBLE: Final = nullcontext()
_INTERRUPTED: Final = 130
"""The exit code of a program that Ctrl-C ended."""
_FREE: Final = 1 << 20
"""A disk with fewer free bytes is full: a stage that failed there may have failed for that reason."""
_GOOD: Final = frozenset((StageState.DONE, StageState.RESTORED, StageState.UP_TO_DATE, StageState.FROZEN))
_UNTOUCHED: Final = frozenset((StageState.WAITING, StageState.UP_TO_DATE, StageState.FROZEN, StageState.BLOCKED))
"""The states of stages that wrote nothing."""


class TrialPruned(KeyboardInterrupt):
    """Raised by a watcher: a sweep stops the trial, as Ctrl-C would, because of its metrics."""


@dataclass(frozen=True, slots=True, repr=False)
class FinishedExperiment(Displayed):
    """An experiment that ended, in whatever way, and was recorded."""

    experiment: Experiment
    result: ReproResult | None = None
    """The states of its stages; None if no stage was reached."""
    error: DverError | None = None
    """Why it failed."""
    left_out: tuple[bytes, ...] = ()
    """Untracked files that are too large for Git, and other Git repositories. The experiment does not have them."""
    was_recorded: bool = True
    """False if another process recorded its end before."""


def run_stages_of(
    repo: Repository,
    journal: Journal,
    experiment: Experiment,
    snapshot: WorkspaceSnapshot,
    choice: ReproOptions,
    *,
    cwd: Path,
    watcher: Watcher | None = None,
    on_backup: Callable[[BackedUpOutput], None] = lambda _: None,
    interruptible: AbstractContextManager[object] = ALWAYS_INTERRUPTIBLE,
    progress: Progress = SILENT,
) -> FinishedExperiment:
    """Run the stages of `experiment` in the worktree of `repo`, and record how it ended.

    The worktree has the files of `snapshot`. The caller holds the lease of the experiment, whose record is in the
    journal. The commit has the code at the start, even if it was edited meanwhile, and the results at the end.

    `interruptible` is entered while stages run, and not while the end is recorded. Raises KeyboardInterrupt after
    Ctrl-C, when the experiment is recorded as stopped. Raises LocalIOError for a queued experiment if the disk fails:
    it stays queued.
    """
    started = time.time()
    log = ExperimentLog(watcher, journal.directory, experiment.id)
    result: ReproResult | None = None
    failure: DverError | None = None
    interrupt: KeyboardInterrupt | None = None
    try:
        with interruptible:
            result = repro(repo, choice, cwd=cwd, watcher=log, on_backup=on_backup, progress=progress)
        failure = _failure(result)
    except DverError as error:
        failure = error
    except OSError as error:
        failure = explain(error)
    except KeyboardInterrupt as error:
        interrupt = error
        log.write(f"--- {error if isinstance(error, TrialPruned) else 'stopped by Ctrl-C'}\n".encode())
    finally:
        log.close()
    if failure is not None and experiment.status is ExperimentStatus.QUEUED:
        _refuse_disk_failure(repo.git.worktree, failure)
    files = _pipeline_files(repo)
    is_changed = not _UNTOUCHED.issuperset(log.states.values())
    ended = replace(
        _ended(experiment, failure, interrupt),
        commit=_result_commit(repo, experiment, snapshot, files) if is_changed else experiment.commit,
        metrics=_metrics(repo, files, log, started),
        started=started,
        ended=time.time(),
    )
    recorded = record_end(journal, ended)
    if interrupt is not None:
        raise interrupt
    return FinishedExperiment(ended, result, failure, snapshot.left_out, was_recorded=recorded)


def record_without_run(
    journal: Journal, experiment: Experiment, reason: DverError | KeyboardInterrupt, *, started: float
) -> FinishedExperiment:
    """Record the end of an experiment whose stages could not be started. The caller holds its lease."""
    failure = reason if isinstance(reason, DverError) else None
    interrupt = reason if isinstance(reason, KeyboardInterrupt) else None
    ended = replace(_ended(experiment, failure, interrupt), started=started, ended=time.time())
    return FinishedExperiment(ended, error=failure, was_recorded=record_end(journal, ended))


def record_end(journal: Journal, ended: Experiment) -> bool:
    """Append the final record of an experiment, once. Returns False if it has one already."""
    tail = read_tail(journal.directory, ended.id)
    logs = {ended.id: tail} if tail else {}

    def final(current: Experiment) -> Experiment | None:
        if current.status.is_final:
            return None
        # The user may have renamed or removed it meanwhile.
        return replace(ended, name=current.name, message=current.message, removed=current.removed)

    return bool(journal.update([ended.id], final, logs=logs))


def _ended(experiment: Experiment, failure: DverError | None, interrupt: KeyboardInterrupt | None) -> Experiment:
    if isinstance(interrupt, TrialPruned):
        return replace(experiment, status=ExperimentStatus.STOPPED, pruned=True, error=str(interrupt))
    if interrupt is not None:
        return replace(experiment, status=ExperimentStatus.STOPPED, exit_code=_INTERRUPTED, error="stopped by Ctrl-C")
    if failure is None:
        return replace(experiment, status=ExperimentStatus.DONE, exit_code=0)
    code = failure.command_exit_code if isinstance(failure, CommandError) else failure.exit_code
    why = f"{failure.what}: {failure.why}" if failure.why else failure.what
    return replace(experiment, status=ExperimentStatus.FAILED, exit_code=code, error=why)


def _refuse_disk_failure(place: Path, failure: DverError) -> None:
    """Raise LocalIOError if a run failed because this machine's disk did, as far as dver can tell."""
    if isinstance(failure, LocalIOError):
        raise failure
    with suppress(OSError):
        free = os.statvfs(place)
        if free.f_bavail * free.f_frsize < _FREE:
            why, fix = DISK_REMEDIES[errno.ENOSPC]
            raise LocalIOError(failure.what, why=why, fix=fix) from failure


def _failure(result: ReproResult) -> DverError | None:
    if result.errors:
        return next(iter(result.errors.values()))
    return None if result.succeeded else StageError("some stages did not run")


def _pipeline_files(repo: Repository) -> dict[str, PipelineFile]:
    """The content of each `dver.yaml` that can be read, by directory."""
    found = pipelines_of_workspace(repo)
    return {folder: file for folder, file in found.items() if not isinstance(file, DverError)}


def _result_commit(
    repo: Repository, experiment: Experiment, snapshot: WorkspaceSnapshot, files: Mapping[str, PipelineFile]
) -> str:
    """The commit with the results; that of the start if there are none."""
    paths = [os.fsencode(one) for one in dict.fromkeys(_result_paths(files))]
    gitignores = [one for one in repo.staged if os.path.basename(one) == b".gitignore"]
    tree = with_files_of_worktree(repo.git, snapshot.tree, [*paths, *gitignores])
    if tree == snapshot.tree:
        return experiment.commit
    return commit_snapshot(repo, tree, snapshot.baseline, experiment.name, experiment.message)


def _result_paths(files: Mapping[str, PipelineFile]) -> Iterator[str]:
    """The files that a run writes and Git has: locks, and uncached outputs."""
    for folder, file in files.items():
        yield os.path.join(folder, lock.NAME)
        yield from (os.path.normpath(os.path.join(folder, path)) for path in file.metrics)
        for _, stage in _stages(folder, file):
            yield from (worktree_path(folder, out.path, out.mark) for out in stage.outs if not out.cache)


def _metrics(repo: Repository, files: Mapping[str, PipelineFile], log: ExperimentLog, started: float) -> Values:
    """The metrics at the end, without those of an earlier run: of stages that failed or were not reached."""
    earlier: set[str] = set()
    for folder, file in files.items():
        for address, stage in _stages(folder, file):
            if log.states.get(address) not in _GOOD:
                paths = (worktree_path(folder, out.path, out.mark) for out in stage.outs)
                earlier.update(path for path in paths if _is_older(repo, path, started))
    return read_metrics(repo, without=earlier)


def _stages(folder: str, file: PipelineFile) -> Iterator[tuple[Address, Stage]]:
    """The stages of a file without paths outside of the repository."""
    for name, stage in file.stages.items():
        address = Address(folder, name)
        yield address, without_outside_paths(address, stage)


def _is_older(repo: Repository, path: str, started: float) -> bool:
    with suppress(OSError):
        return os.stat(repo.layout.absolute(os.fsencode(path))).st_mtime < started
    return True
