"""`dver params` and `dver metrics`: read the values of revisions and the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dver.pipelines.compare.compared_versions import resolve_sides, sides_in_scope
from dver.pipelines.compare.params_metrics import ValueTable, WantedOf, read_table
from dver.repo import Repository
from dver.tracking.revision_scope import RevisionScope


def show_values(
    repo: Repository,
    wanted_of: WantedOf,
    targets: Sequence[str],
    *,
    cwd: Path,
    revs: Sequence[str],
    scope: RevisionScope,
) -> ValueTable:
    """The values at `revs` and at the commits of `scope`; without any, those of the workspace.

    Raises UsageError for an unknown revision. Files that cannot be read are in the result.
    """
    return read_table(repo, wanted_of, sides_in_scope(repo.git, revs, scope), targets, cwd)


def diff_values(
    repo: Repository, wanted_of: WantedOf, targets: Sequence[str], *, cwd: Path, old: str, new: str
) -> ValueTable:
    """The values at `old` and `new`. Raises as `show_values`."""
    return read_table(repo, wanted_of, resolve_sides(repo.git, (old, new)), targets, cwd)
