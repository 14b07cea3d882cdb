"""`dver exp list`: the experiments of this clone, and those that it fetched."""

from __future__ import annotations

from dver.experiments.journal import Journal
from dver.experiments.table.current import current_experiments
from dver.experiments.table.scope import ExperimentScope, baselines_in_scope
from dver.formats.experiment import Experiment
from dver.repo import Repository

_ALL = ExperimentScope(everything=True)


def list_experiments(
    repo: Repository, scope: ExperimentScope = _ALL, *, removed: bool = False
) -> tuple[Experiment, ...]:
    """The experiments in `scope` by their time of creation; with `removed`, the removed ones instead.

    The status of an experiment whose process was killed is `stopped`. Raises UsageError for an unknown revision.
    """
    with Journal(repo) as journal:
        found = current_experiments(journal, removed=removed)
    baselines = baselines_in_scope(repo.git, scope, {one.baseline for one in found})
    return tuple(one for one in found if one.baseline in baselines)
