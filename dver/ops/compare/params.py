"""`dver params show` and `dver params diff`: what parameters are on any revisions and in the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dver.pipelines.compare.compared_versions import WORKSPACE, Problem, named_sides, open_sides, sides_in
from dver.pipelines.compare.params_metrics import Compared, Shown, compared, narrowed, params_of, values_of
from dver.repo import Repository
from dver.tracking.revision_scope import CURRENT, Scope


def params_show(
    repo: Repository,
    targets: Sequence[str] = (),
    *,
    cwd: Path,
    revs: Sequence[str] = (),
    scope: Scope = CURRENT,
    only_stages: bool = False,
) -> Shown:
    """The parameters at `revs` and of all that `scope` means; those of the workspace where neither says anything.

    Raises UsageError for an unknown revision; what cannot be read is told in the result.
    """
    problems: list[Problem] = []
    with open_sides(repo, sides_in(repo, revs, scope)) as sides:
        wanted = [narrowed(repo, params_of(side, problems, only_stages=only_stages), targets, cwd) for side in sides]
        values = [values_of(repo, side, one, problems) for side, one in zip(sides, wanted, strict=True)]
    return Shown(tuple(values), tuple(problems))


def params_diff(
    repo: Repository,
    *,
    cwd: Path,
    old: str = "HEAD",
    new: str = WORKSPACE,
    targets: Sequence[str] = (),
    only_stages: bool = False,
) -> Compared:
    """All parameters at `old` and `new`, side by side. Raises UsageError for an unknown revision; what cannot be read
    is told in the result."""
    problems: list[Problem] = []
    named = [one for rev in (old, new) for one in named_sides(repo, [rev])]
    with open_sides(repo, named) as sides:
        wanted = [narrowed(repo, params_of(side, problems, only_stages=only_stages), targets, cwd) for side in sides]
        before, after = (values_of(repo, side, one, problems) for side, one in zip(sides, wanted, strict=True))
    return compared(before, after, problems)
