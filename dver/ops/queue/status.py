"""`dver queue status`: the workers and the tasks of the queue."""

from __future__ import annotations

from dver.experiments.journal import Journal
from dver.experiments.queue.tasks import QueueStatus, queue_status
from dver.repo import Repository

__all__ = ["QueueStatus", "status"]


def status(repo: Repository) -> QueueStatus:
    """The workers of this clone's queue, and its tasks by status."""
    with Journal(repo) as journal:
        return queue_status(journal)
