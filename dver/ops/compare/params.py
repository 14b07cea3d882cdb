"""`dver params show` and `dver params diff`: read the parameters of revisions and the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from dver.pipelines.compare.compared_versions import WORKSPACE, resolve_sides, sides_in_scope
from dver.pipelines.compare.params_metrics import ValueTable, params_of, read_table
from dver.repo import Repository
from dver.tracking.revision_scope import CURRENT, RevisionScope


def params_show(
    repo: Repository,
    targets: Sequence[str] = (),
    *,
    cwd: Path,
    revs: Sequence[str] = (),
    scope: RevisionScope = CURRENT,
    only_stages: bool = False,
) -> ValueTable:
    """The parameters at `revs` and at the commits of `scope`; by default those of the workspace.

    Raises UsageError for an unknown revision. Files that cannot be read are in the result.
    """
    wanted_of = partial(params_of, only_stages=only_stages)
    return read_table(repo, wanted_of, sides_in_scope(repo.git, revs, scope), targets, cwd)


def params_diff(
    repo: Repository,
    targets: Sequence[str] = (),
    *,
    cwd: Path,
    old: str = "HEAD",
    new: str = WORKSPACE,
    only_stages: bool = False,
) -> ValueTable:
    """The parameters at `old` and `new`. Raises as `params_show`."""
    wanted_of = partial(params_of, only_stages=only_stages)
    return read_table(repo, wanted_of, resolve_sides(repo.git, (old, new)), targets, cwd)
