"""`dver exp prune`: remove all but the best experiments, or old ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dver.core.display import Displayed
from dver.experiments.branch_scope import baselines_elsewhere
from dver.experiments.journal import Journal
from dver.experiments.run import record_killed
from dver.experiments.sharing.changes import of_this_clone, remove
from dver.experiments.sharing.prune_plan import PruneRule, plan_prune
from dver.formats.experiment import Experiment
from dver.git.revisions import resolve
from dver.repo import Repository


@dataclass(frozen=True, slots=True, repr=False)
class ExpPruneResult(Displayed):
    """The removed experiments, or those that would be removed."""

    dry_run: bool
    removed: tuple[Experiment, ...]
    kept: int
    """The number of experiments that were considered and kept."""


def exp_prune(
    repo: Repository,
    rule: PruneRule,
    *,
    baseline: str | None = None,
    all_branches: bool = False,
    dry_run: bool = False,
) -> ExpPruneResult:
    """Remove the finished experiments of this clone that `rule` does not keep.

    Only experiments of the current branch are considered, or of all branches, or those on top of the revision
    `baseline`. Raises UsageError for an incomplete rule, an unknown metric or revision.
    """
    rule.check()
    with Journal(repo) as journal:
        record_killed(journal)
        is_own = of_this_clone(repo.git)
        own = [one for one in journal.all() if is_own(one)]
        is_considered = _scope(repo, own, baseline, all_branches=all_branches)
        considered = [one for one in own if is_considered(one)]
        chosen = plan_prune(considered, rule)
        removed = chosen if dry_run else remove(journal, chosen)
    return ExpPruneResult(dry_run, tuple(removed), len(considered) - len(removed))


def _scope(
    repo: Repository, experiments: list[Experiment], baseline: str | None, *, all_branches: bool
) -> Callable[[Experiment], bool]:
    if baseline is not None:
        commit = resolve(repo.git, baseline)
        return lambda one: one.baseline == commit
    if all_branches:
        return lambda _: True
    elsewhere = baselines_elsewhere(repo.git, {one.baseline for one in experiments})
    return lambda one: one.baseline not in elsewhere
