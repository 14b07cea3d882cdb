"""`dver queue remove`: remove tasks from the queue."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dver.core.errors import UsageError
from dver.experiments.journal import Journal
from dver.experiments.queue.tasks import remove_tasks
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.repo import Repository

__all__ = ["remove"]


def remove(
    repo: Repository, names: Sequence[str], statuses: Collection[ExperimentStatus] = ()
) -> tuple[Experiment, ...]:
    """Remove the tasks `names`, and all with one of `statuses`, unless they run. Returns them.

    Raises UsageError for a name of no task, and without names and statuses; ConflictError for a named task that runs.
    """
    if not names and not statuses:
        raise UsageError("nothing to remove", fix="name tasks, or use --queued, --failed, --stopped or --all")
    with Journal(repo) as journal:
        return remove_tasks(journal, names, statuses)
