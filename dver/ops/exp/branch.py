"""`dver exp branch`: make a Git branch of an experiment."""

from __future__ import annotations

from dataclasses import dataclass

from dver.core.display import Displayed
from dver.core.errors import ConflictError, RepositoryError, UsageError
from dver.core.phrasing import quoted
from dver.experiments.journal import Journal
from dver.experiments.selection import find_experiment
from dver.git.branches import branch_commit, create_branch, is_branch_name, similar_branch_name
from dver.git.scratch_index import tree_of
from dver.repo import Repository


@dataclass(frozen=True, slots=True, repr=False)
class NewBranch(Displayed):
    """A new branch at the commit of an experiment."""

    name: str
    """The experiment."""
    branch: str
    commit: str


def branch(repo: Repository, name: str, branch: str | None = None) -> NewBranch:
    """Make the Git branch `branch`, by default with the experiment's name, at the commit of the experiment `name`.

    The workspace stays as it is, and nothing is pushed. Raises UsageError for an unknown experiment or a name that no
    branch can have, ConflictError if the branch exists.
    """
    with Journal(repo) as journal:
        found = find_experiment(journal.all(), name, is_own=journal.is_own, removed=journal.removed)
    chosen = found.name if branch is None else branch
    again = f"dver exp branch {quoted(found.name)}"
    if not is_branch_name(repo.git, chosen):
        raise UsageError(
            f"{chosen!r} cannot be the name of a branch",
            why="Git does not allow it",
            fix=f"{again} {similar_branch_name(repo.git, found.name)}",
        )
    if (tip := branch_commit(repo.git, chosen)) is not None:
        raise ConflictError(
            f"the branch {chosen!r} already exists",
            why=f"it is at {tip[:10]}, the experiment at {found.commit[:10]}",
            fix=f"{again} {similar_branch_name(repo.git, chosen)}",
        )
    if not tree_of(repo.git, [found.commit]):
        raise RepositoryError(
            f"the commit of {found.name!r} is not in this clone",
            why=f"Git does not have {found.commit}",
            fix=f"dver exp pull {quoted(found.name)}",
        )
    create_branch(repo.git, chosen, found.commit)
    return NewBranch(found.name, chosen, found.commit)
