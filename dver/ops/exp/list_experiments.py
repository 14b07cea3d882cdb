"""`dver exp list`: the experiments of this clone, and those that it fetched."""

from __future__ import annotations

from collections.abc import Callable

from dver.core.errors import CorruptError
from dver.experiments.journal import Journal
from dver.experiments.sharing.changes import restorable
from dver.experiments.table.current import current_experiments
from dver.formats.experiment import Experiment
from dver.repo import Repository


def list_experiments(
    repo: Repository, *, removed: bool = False, on_problem: Callable[[CorruptError], None] = lambda _: None
) -> tuple[Experiment, ...]:
    """The experiments by their time of creation; with `removed`, those that can be restored instead.

    The status of an experiment whose process was killed is `stopped`. `on_problem` is called for each journal of a
    colleague that cannot be read.
    """
    with Journal(repo) as journal:
        found = restorable(repo.git, journal) if removed else current_experiments(journal)
        for problem in journal.problems.values():
            on_problem(problem)
    return tuple(found)
