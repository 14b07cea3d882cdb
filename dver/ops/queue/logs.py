"""`dver queue logs`: the output of an experiment."""

from __future__ import annotations

from collections.abc import Iterator

from dver.experiments.journal import Journal
from dver.experiments.queue.log_reader import log_pieces
from dver.experiments.selection import find_experiment
from dver.repo import Repository


def logs(repo: Repository, name: str, *, follow: bool = False) -> Iterator[bytes]:
    """The log of the experiment `name`; with `follow`, also new output until it ends.

    Raises UsageError for an unknown name, and if there is no log.
    """
    with Journal(repo) as journal:
        found = find_experiment(journal.all(), name, is_own=journal.is_own, removed=journal.removed)
        yield from log_pieces(journal, found, follow=follow)
