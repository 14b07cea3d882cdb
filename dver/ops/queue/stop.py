"""`dver queue stop`: ask the workers to end."""

from __future__ import annotations

from typing import Final

from dver.experiments.journal import Journal
from dver.experiments.queue.stop import StoppedWorkers, stop_workers
from dver.repo import Repository

__all__ = ["StoppedWorkers", "stop"]

_PATIENCE: Final = {False: 0.5, True: 30.0}
"""Seconds to wait: for workers without a task, and for workers whose tasks are stopped."""


def stop(repo: Repository, *, kill: bool = False) -> StoppedWorkers:
    """Ask all workers to end after the tasks that they run. With `kill`, stop those, too, and wait for their end."""
    with Journal(repo) as journal:
        return stop_workers(journal.directory, kill=kill, patience=_PATIENCE[kill])
