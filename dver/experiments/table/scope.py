"""Which experiments a table is about: those of this branch, of some baselines, or all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dver.experiments.branch_scope import baselines_elsewhere
from dver.git import revisions
from dver.git.git_repo import GitRepo


@dataclass(frozen=True, slots=True)
class ExperimentScope:
    """The experiments that a command is about. By default all but those of other branches."""

    everything: bool = False
    """Whether those of other branches are included."""
    baselines: tuple[str, ...] = ()
    """Revisions; only the experiments that start from them."""


def baselines_in_scope(git: GitRepo, scope: ExperimentScope, baselines: Collection[str]) -> set[str]:
    """Those of `baselines`, which are commits, that are in `scope`. Raises UsageError for an unknown revision."""
    if scope.baselines:
        return {revisions.resolve(git, one) for one in scope.baselines}
    found = set(baselines)
    return found if scope.everything else found - baselines_elsewhere(git, found)
