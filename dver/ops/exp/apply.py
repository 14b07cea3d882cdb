"""`dver exp apply`: make the workspace an experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import RepositoryError
from dver.core.phrasing import quoted
from dver.core.progress import SILENT, Progress
from dver.experiments.apply.look import StepTarget
from dver.experiments.apply.record import StepKind
from dver.experiments.apply.step import take_step
from dver.experiments.apply.workspace_data import data_of_commit
from dver.experiments.journal import Journal
from dver.experiments.selection import find_experiment
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.git.revisions import head as head_of
from dver.git.scratch_index import tree_differences, tree_of
from dver.repo import Repository
from dver.workspace.checkout.restore import CheckoutSummary

_RECENT: Final = 1000
"""The number of experiments whose content counts as saved. Of more, only the content of records is kept longer."""


@dataclass(frozen=True, slots=True, repr=False)
class ApplyResult(Displayed):
    """The result. Paths are relative to the top of the Git worktree."""

    name: str
    id: str
    commit: str
    status: ExperimentStatus
    number: int
    """The number of the undo record with the workspace of before."""
    written: tuple[bytes, ...]
    """Git's files that were created or changed."""
    deleted: tuple[bytes, ...]
    """Git's files that were deleted."""
    untracked: tuple[bytes, ...]
    """Those of them that Git did not track."""
    kept: tuple[bytes, ...]
    """Files that were edited in the meantime, and stay."""
    submodules: tuple[bytes, ...]
    """Changed submodules, which stay."""
    left_out: tuple[bytes, ...]
    """Data that is missing in the workspace and in the store, and stays so."""
    elsewhere: tuple[bytes, ...]
    """Changed pointers and locks of other projects in the same repository. Their data stays."""
    data: CheckoutSummary
    baseline: str
    head: str | None
    """The commit of HEAD."""
    moved: int = 0
    """The number of files that differ between the baseline and HEAD."""


def apply(repo: Repository, name: str, *, keep_untracked: bool = False, progress: Progress = SILENT) -> ApplyResult:
    """Make the workspace the experiment `name`, and stage its files. The workspace of before is saved first.

    `name` may also be the first digits of an id or a commit. With `keep_untracked`, files that Git does not track and
    that the experiment does not have stay. Raises UsageError for an unknown experiment, ConflictError for an index in
    conflict, and MissingObjectError if its data cannot be downloaded; then nothing has changed.
    """
    with Journal(repo) as journal:
        experiments = journal.all()
        found = find_experiment(experiments, name, is_own=journal.is_own, removed=journal.removed)
        recent = [one.commit for one in experiments[-_RECENT:]]
    with repo.exclusive():
        trees = tree_of(repo.git, {found.commit, found.baseline, *recent})
        if found.commit not in trees:
            raise _no_commit(found)
        data, remotes = data_of_commit(repo, found.commit)
        target = StepTarget(
            found.name,
            trees[found.commit],
            data,
            remotes,
            fix=f"dver exp pull {quoted(found.name)}",
            saved_trees=frozenset(trees.values()),
        )
        done = take_step(repo, target, StepKind.APPLY, keep_untracked=keep_untracked, progress=progress)
        head = head_of(repo.git)
        return ApplyResult(
            found.name,
            found.id,
            found.commit,
            found.status,
            done.number,
            done.written,
            done.deleted,
            done.untracked,
            done.kept,
            done.submodules,
            done.left_out,
            done.elsewhere,
            done.data,
            found.baseline,
            head,
            _moved(repo, found.baseline, head),
        )


def _moved(repo: Repository, baseline: str, head: str | None) -> int:
    """The number of files that differ between the baseline and HEAD."""
    if head is None or head == baseline:
        return 0
    trees = tree_of(repo.git, [baseline, head])
    return len(tree_differences(repo.git, trees[baseline], trees[head])) if len(trees) == 2 else 0


def _no_commit(found: Experiment) -> RepositoryError:
    return RepositoryError(
        f"the commit of {found.name!r} is not in this clone",
        why=f"Git does not have {found.commit}",
        fix=f"dver exp pull {quoted(found.name)}",
    )
