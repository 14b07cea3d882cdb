"""`dver exp rename`: give an experiment another name."""

from __future__ import annotations

from dver.experiments.journal import Journal
from dver.experiments.selection import find_experiment
from dver.experiments.sharing.changes import rename
from dver.formats.experiment import Experiment
from dver.repo import Repository


def exp_rename(repo: Repository, old: str, new: str) -> Experiment:
    """Rename the experiment `old`, and return its new record.

    Raises UsageError for an unknown or impossible name, ConflictError if `new` exists.
    """
    with Journal(repo) as journal:
        return rename(journal, find_experiment(journal.all(), old, is_own=journal.is_own, removed=journal.removed), new)
