"""`dver metrics show` and `dver metrics diff`: read the metrics of revisions and the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dver.pipelines.compare.compared_versions import WORKSPACE, resolve_sides, sides_in_scope
from dver.pipelines.compare.params_metrics import ValueTable, metrics_of, read_table
from dver.repo import Repository
from dver.tracking.revision_scope import CURRENT, RevisionScope


def metrics_show(
    repo: Repository,
    targets: Sequence[str] = (),
    *,
    cwd: Path,
    revs: Sequence[str] = (),
    scope: RevisionScope = CURRENT,
) -> ValueTable:
    """The metrics at `revs` and at the commits of `scope`; by default those of the workspace.

    Raises UsageError for an unknown revision. Files that cannot be read are in the result.
    """
    return read_table(repo, metrics_of, sides_in_scope(repo.git, revs, scope), targets, cwd)


def metrics_diff(
    repo: Repository, targets: Sequence[str] = (), *, cwd: Path, old: str = "HEAD", new: str = WORKSPACE
) -> ValueTable:
    """The metrics at `old` and `new`. Raises as `metrics_show`."""
    return read_table(repo, metrics_of, resolve_sides(repo.git, (old, new)), targets, cwd)
