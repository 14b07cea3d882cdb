"""`dver exp list`: the experiments of this clone, and those that it fetched."""

from __future__ import annotations

from collections.abc import Callable

from dver.core.errors import CorruptError
from dver.experiments.journal import Journal
from dver.experiments.table.current import current_experiments
from dver.formats.experiment import Experiment
from dver.repo import Repository


def list_experiments(
    repo: Repository, *, removed: bool = False, on_problem: Callable[[CorruptError], None] = lambda _: None
) -> tuple[Experiment, ...]:
    """The experiments by their time of creation; with `removed`, the removed ones instead.

    The status of an experiment whose process was killed is `stopped`. `on_problem` is called for each journal of a
    colleague that cannot be read.
    """
    with Journal(repo) as journal:
        found = current_experiments(journal, removed=removed)
        for problem in journal.problems.values():
            on_problem(problem)
    return tuple(found)
