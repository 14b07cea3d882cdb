"""New tasks: the workspace as it is, with other parameters. They wait in the queue, or one runs at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dver.core.display import Displayed
from dver.core.errors import DverError, StageError
from dver.core.files import read_regular
from dver.core.phrasing import quoted
from dver.core.progress import SILENT, Progress
from dver.experiments.execution import FinishedExperiment
from dver.experiments.journal import Journal
from dver.experiments.leases import Lease
from dver.experiments.names import check_name, new_name, numbered_names
from dver.experiments.overrides.changes import changed_values, plan_change
from dver.experiments.overrides.edit_files import edited_contents
from dver.experiments.overrides.grid import expand
from dver.experiments.overrides.override import Override
from dver.experiments.queue.slots import Slots
from dver.experiments.queue.task import run_in_worktree
from dver.experiments.queue.task_options import task_options
from dver.experiments.run import (
    ExperimentOptions,
    chosen_name,
    new_experiment,
    record_killed,
    refuse_unknown_targets,
    single_variant,
)
from dver.experiments.snapshot import take_snapshot
from dver.formats.experiment import Experiment, ExperimentStatus, Values
from dver.pipelines.definition.param_files import flatten, parse_values
from dver.pipelines.engine.schedule import CommandError, Watcher
from dver.pipelines.execution.output_backup import BackedUpOutput
from dver.repo import Repository


@dataclass(frozen=True, slots=True, repr=False)
class QueuedExperiments(Displayed):
    """The tasks that were added to the queue."""

    experiments: tuple[Experiment, ...]
    left_out: tuple[bytes, ...] = ()
    """Untracked files that are too large for Git, and other Git repositories. The experiments do not have them."""


def queue_experiments(
    repo: Repository, options: ExperimentOptions, *, cwd: Path, progress: Progress = SILENT
) -> QueuedExperiments:
    """Add a task for each combination of the values in `options.set`. All start from one snapshot of the workspace.

    The workspace stays as it is. Raises UsageError for a parameter that cannot be changed, ConflictError if the name
    exists.
    """
    variants, without_set = expand(options.set), replace(options, set=())
    with Journal(repo) as journal:
        record_killed(journal)
        names = _names(journal, options.name, len(variants))
        refuse_unknown_targets(repo, options, cwd)
        changed = ChangedParameters(repo, variants)
        snapshot = take_snapshot(repo, progress=progress)
        first = new_experiment(repo, journal, snapshot, without_set, names[0], ExperimentStatus.QUEUED)
        task = task_options(repo, first.commit, options.repro, cwd).encoded()
        queued = tuple(
            replace(
                first,
                task=task,
                id=journal.new_id(),
                name=name,
                set=tuple(one.text for one in variant),
                params=changed.of(first.params, variant),
                created=first.created + number / 1e6,  # in the order of the grid
            )
            for number, (name, variant) in enumerate(zip(names, variants, strict=True))
        )
        journal.record(queued)
        snapshot.recheck()
    return QueuedExperiments(queued, snapshot.left_out)


def run_temporarily(
    repo: Repository,
    options: ExperimentOptions,
    *,
    cwd: Path,
    watcher: Watcher | None = None,
    on_backup: Callable[[BackedUpOutput], None] = lambda _: None,
    progress: Progress = SILENT,
) -> FinishedExperiment:
    """Run stages in a working tree of its own, and record the experiment however the run ends.

    The workspace stays as it is. Raises UsageError for parameters of several experiments or ones that cannot be
    changed, ConflictError if the name exists, KeyboardInterrupt after Ctrl-C.
    """
    variant = single_variant(options.set)
    with Journal(repo) as journal:
        record_killed(journal)
        name = chosen_name(journal, options.name)
        refuse_unknown_targets(repo, options, cwd)
        ChangedParameters(repo, [variant])
        snapshot = take_snapshot(repo, progress=progress)
        canonical = replace(options, set=tuple(one.text for one in variant))
        experiment = new_experiment(repo, journal, snapshot, canonical, name, ExperimentStatus.RUNNING)
        slots = Slots(repo.git, journal.directory)
        slots.clear()
        with slots.acquire() as slot:
            lease = Lease(journal.directory, experiment.id)
            lease.try_acquire(slot.place)
            try:
                journal.record([experiment])
                snapshot.recheck()
                finished = run_in_worktree(
                    repo.git,
                    slot.place,
                    journal,
                    experiment,
                    task_options(repo, experiment.commit, options.repro, cwd),
                    watcher=watcher,
                    on_backup=on_backup,
                    progress=progress,
                )
                return replace(finished, error=_of_experiment(finished.error, name), left_out=snapshot.left_out)
            finally:
                lease.release()


def _of_experiment(error: DverError | None, name: str) -> DverError | None:
    """The error, with the command that prints the log of the experiment: `dver logs` prints those of the workspace."""
    if error is None or "dver logs " not in (error.fix or ""):
        return error
    before = (error.fix or "").partition("dver logs ")[0]
    fix = f"{before}dver queue logs {quoted(name)}"
    if isinstance(error, CommandError):
        return CommandError(error.what, why=error.why or "", fix=fix, command_exit_code=error.command_exit_code)
    return StageError(error.what, why=error.why, fix=fix)


def _names(journal: Journal, name: str | None, count: int) -> list[str]:
    if count == 1:
        return [chosen_name(journal, name)]
    taken = journal.names()
    if name is not None:
        return numbered_names(check_name(name), count, taken)
    found: list[str] = []
    for _ in range(count):
        found.append(new_name(taken))
        taken.add(found[-1])
    return found


class ChangedParameters:
    """The parameters that variants change. They all change the same keys.

    Raises UsageError for the first variant if it cannot be applied.
    """

    def __init__(self, repo: Repository, variants: Sequence[Sequence[Override]]) -> None:
        self._prefix = os.fsdecode(repo.layout.prefix)
        self._root = repo.root
        edited_contents(self._read, variants[0])
        contents = {one.file: self._read(one.file) for one in variants[0]}
        self._before = {
            file: parse_values(content, file) if content is not None else {} for file, content in contents.items()
        }
        self._flat = {file: flatten(values) for file, values in self._before.items()}

    def of(self, params: Values, variant: Sequence[Override]) -> Values:
        """The parameters `params`, by file relative to the top of the worktree, with the changes of a variant."""
        values: dict[str, Mapping[str, Any]] = {}
        for one in variant:
            before = values.get(one.file, self._before[one.file])
            change = plan_change(before, one)
            values[one.file] = before if change is None else changed_values(before, change)
        found = dict(params)
        for file, after in values.items():
            path, known = os.path.normpath(os.path.join(self._prefix, file)), self._flat[file]
            shown = params.get(path, {})
            found[path] = {
                key: value
                for key, value in flatten(after).items()
                if key in shown or key not in known or known[key] != value
            }
        return found

    def _read(self, file: str) -> bytes | None:
        with suppress(FileNotFoundError):
            return read_regular(self._root / file)
        return None
