"""`dver queue retry`: run tasks again that failed or were stopped."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dver.core.errors import UsageError
from dver.experiments.journal import Journal
from dver.experiments.queue.tasks import retry_tasks
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.repo import Repository

__all__ = ["retry"]


def retry(
    repo: Repository, names: Sequence[str], statuses: Collection[ExperimentStatus] = ()
) -> tuple[Experiment, ...]:
    """Queue the tasks `names`, and all with one of `statuses`, again. Returns them.

    Raises UsageError for a name of no task, for a named task that did not fail, and without names and statuses.
    """
    if not names and not statuses:
        raise UsageError("nothing to retry", fix="name tasks, or use --failed or --stopped")
    with Journal(repo) as journal:
        return retry_tasks(repo.git, journal, names, statuses)
