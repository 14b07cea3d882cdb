"""The difference of two experiments, commits or the workspace: parameters, metrics, code and data."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dver.core.display import Displayed
from dver.core.errors import DverError, UsageError
from dver.core.progress import SILENT, Progress
from dver.experiments.journal import Journal
from dver.experiments.selection import find_experiment
from dver.experiments.table.baselines import baseline_rows, workspace_row
from dver.experiments.table.current import current_experiments
from dver.formats.experiment import Experiment, Values
from dver.git import revisions
from dver.git.git_repo import Arg, run
from dver.git.pointers import names_data
from dver.git.snapshot import snapshot_worktree
from dver.pipelines.compare.compared_versions import WORKSPACE
from dver.pipelines.compare.values import ValueChange, compare
from dver.repo import Repository
from dver.store.trees.compare import ChangeStatus, with_renames
from dver.store.trees.compare import compare as compare_trees
from dver.tracking.browse import reader_of
from dver.tracking.targets import Target, TrackedData, tracked_in_commit


@dataclass(frozen=True, slots=True, repr=False)
class ComparedState(Displayed):
    """One side of a difference: an experiment, a commit, or the workspace."""

    name: str
    tree: str
    """A commit, or the tree of the workspace."""
    params: Values
    metrics: Values
    experiment: Experiment | None = None


@dataclass(frozen=True, slots=True, repr=False)
class CodeChange(Displayed):
    """A file of Git that differs, and the numbers of its added and removed lines; None for a binary file."""

    path: bytes
    added: int | None
    removed: int | None


@dataclass(frozen=True, slots=True, repr=False)
class DataDifference(Displayed):
    """Tracked data or an output that differs, and the numbers of its files that were added, removed and so on.

    `path` is relative to the top of the Git worktree. `old` and `new` are oids in hexadecimal digits; None if the side
    does not have the data.
    """

    path: bytes
    old: str | None
    new: str | None
    is_output: bool
    added: int = 0
    removed: int = 0
    modified: int = 0
    renamed: int = 0
    error: DverError | None = None
    """Why the files could not be compared: a directory that is not in the store."""


@dataclass(frozen=True, slots=True, repr=False)
class ExperimentDifference(Displayed):
    """What differs between two experiments. Values are by file."""

    old: ComparedState
    new: ComparedState
    params: Mapping[str, tuple[ValueChange, ...]]
    metrics: Mapping[str, tuple[ValueChange, ...]]
    code: tuple[CodeChange, ...]
    """Without parameter files, metrics files, pointers and locks, whose content is compared."""
    data: tuple[DataDifference, ...]
    patch: bytes | None = None
    """The output of `git diff` for the code, if it was asked for."""


def compare_experiments(
    repo: Repository, old: str, new: str, *, patch: bool = False, progress: Progress = SILENT
) -> ExperimentDifference:
    """Compare the experiments, revisions or workspace that `old` and `new` name. Raises UsageError for unknown ones."""
    with Journal(repo) as journal:
        left, right = (_state(repo, journal, one) for one in (old, new))
    params, metrics = _changes(left.params, right.params), _changes(left.metrics, right.metrics)
    values = {file for side in (left, right) for files in (side.params, side.metrics) for file in files}
    changed = _code(repo, left.tree, right.tree, {os.fsencode(file) for file in values})
    text = _patch(repo, left.tree, right.tree, changed) if patch else None
    return ExperimentDifference(left, right, params, metrics, changed, _data(repo, left, right, progress), text)


# -- sides


def _state(repo: Repository, journal: Journal, text: str) -> ComparedState:
    if text == WORKSPACE:
        row = workspace_row(repo)
        tree = snapshot_worktree(repo.git, largest=repo.config.max_file_size).tree
        return ComparedState(WORKSPACE, tree, row.params, row.metrics)
    experiments = current_experiments(journal)
    try:
        one = find_experiment(experiments, text, is_own=journal.is_own, removed=journal.removed)
        return ComparedState(one.name, one.commit, one.params, one.metrics, one)
    except UsageError as error:
        commit = _commit(repo, text, error)
    rows = baseline_rows(repo, journal, [commit], {})
    return ComparedState(text, commit, rows[commit].params, rows[commit].metrics)


def _commit(repo: Repository, text: str, error: UsageError) -> str:
    """The commit of a revision. Raises `error`, of the search for an experiment, if it is none."""
    try:
        return revisions.resolve(repo.git, text)
    except UsageError as unknown:
        raise unknown if text == "HEAD" else error from None


def _changes(old: Values, new: Values) -> dict[str, tuple[ValueChange, ...]]:
    found = {file: compare(old.get(file), new.get(file)) for file in dict.fromkeys((*new, *old))}
    changed = {file: tuple(one for one in values if one.differs) for file, values in found.items()}
    return {file: values for file, values in changed.items() if values}


# -- code


def _code(repo: Repository, old: str, new: str, values: set[bytes]) -> tuple[CodeChange, ...]:
    output = run(repo.git, ["diff", "--numstat", "-z", "--no-renames", "--no-ext-diff", old, new, "--"])
    found = []
    for line in output.split(b"\0")[:-1]:
        added, removed, path = line.split(b"\t", 2)
        if not names_data(path) and path not in values:
            found.append(CodeChange(path, _number(added), _number(removed)))
    return tuple(found)


def _number(text: bytes) -> int | None:
    return None if text == b"-" else int(text)


def _patch(repo: Repository, old: str, new: str, changed: Sequence[CodeChange]) -> bytes:
    if not changed:
        return b""
    paths: list[Arg] = [one.path for one in changed]
    return run(repo.git, ["diff", "--no-renames", "--no-ext-diff", "--no-color", old, new, "--", *paths])


# -- data


def _data(repo: Repository, old: ComparedState, new: ComparedState, progress: Progress) -> tuple[DataDifference, ...]:
    left, right = tracked_in_commit(repo, old.tree), tracked_in_commit(repo, new.tree)
    changed = [path for path in sorted({*left, *right}) if _entry(left.get(path)) != _entry(right.get(path))]
    found = []
    with progress.task("compare", total=len(changed), unit="files") as task:
        for path in changed:
            found.append(_one_difference(repo, path, left.get(path), right.get(path)))
            task.advance(1)
    return tuple(found)


def _entry(one: TrackedData | None) -> tuple[object, object] | None:
    return None if one is None else (one.entry.oid, one.entry.kind)


def _one_difference(repo: Repository, path: bytes, old: TrackedData | None, new: TrackedData | None) -> DataDifference:
    sides = [one for one in (old, new) if one is not None]
    before, after = (one.entry if one is not None else None for one in (old, new))
    readers = [reader_of(repo, Target(one)) for one in sides]
    counts: Counter[ChangeStatus] = Counter()
    error: DverError | None = None
    try:
        changes = compare_trees(before, after, readers[0], readers[-1], path=path)
        counts.update(change.status for change in with_renames(changes))
    except DverError as found:
        error = found
    return DataDifference(
        path,
        before.oid.hex() if before is not None else None,
        after.oid.hex() if after is not None else None,
        is_output=any(one.maker is not None for one in sides),
        added=counts[ChangeStatus.ADDED],
        removed=counts[ChangeStatus.REMOVED],
        modified=counts[ChangeStatus.MODIFIED],
        renamed=counts[ChangeStatus.RENAMED],
        error=error,
    )
