"""`dver metrics show` and `dver metrics diff`: what metrics are on any revisions and in the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dver.pipelines.compare.compared_versions import WORKSPACE, Problem, Side, named_sides, open_sides, sides_in
from dver.pipelines.compare.params_metrics import Compared, Shown, Values, compared, metrics_of, narrowed, values_of
from dver.repo import Repository
from dver.tracking.revision_scope import CURRENT, Scope


def metrics_show(
    repo: Repository,
    targets: Sequence[str] = (),
    *,
    cwd: Path,
    revs: Sequence[str] = (),
    scope: Scope = CURRENT,
) -> Shown:
    """The metrics at `revs` and of all that `scope` means; those of the workspace where neither says anything.

    Raises UsageError for an unknown revision; what cannot be read is told in the result.
    """
    problems: list[Problem] = []
    with open_sides(repo, sides_in(repo, revs, scope)) as sides:
        values = [_values(repo, side, targets, cwd, problems) for side in sides]
    return Shown(tuple(values), tuple(problems))


def metrics_diff(
    repo: Repository, *, cwd: Path, old: str = "HEAD", new: str = WORKSPACE, targets: Sequence[str] = ()
) -> Compared:
    """All metrics at `old` and `new`, side by side. Raises as `metrics_show`."""
    problems: list[Problem] = []
    named = [one for rev in (old, new) for one in named_sides(repo, [rev])]
    with open_sides(repo, named) as sides:
        before, after = (_values(repo, side, targets, cwd, problems) for side in sides)
    return compared(before, after, problems)


def _values(repo: Repository, side: Side, targets: Sequence[str], cwd: Path, problems: list[Problem]) -> Values:
    return values_of(repo, side, narrowed(repo, metrics_of(side, problems), targets, cwd), problems)
