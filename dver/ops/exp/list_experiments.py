"""`dver exp list`: the experiments of this clone, and those that it fetched."""

from __future__ import annotations

from dataclasses import replace

from dver.experiments.journal import Journal
from dver.experiments.leases import running
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.repo import Repository


def list_experiments(repo: Repository, *, removed: bool = False) -> tuple[Experiment, ...]:
    """The experiments by their time of creation; with `removed`, the removed ones instead.

    The status of an experiment whose process was killed is `stopped`.
    """
    with Journal(repo) as journal:
        found = journal.removed() if removed else journal.all()
        alive = running(journal.directory)
        return tuple(_shown(one, journal, one.id in alive) for one in found)


def _shown(one: Experiment, journal: Journal, is_alive: bool) -> Experiment:
    """The record as it is now: a process that holds the lease runs it."""
    if one.status.is_final or not journal.is_own(one):
        return one
    if is_alive:
        return replace(one, status=ExperimentStatus.RUNNING)
    if one.status is ExperimentStatus.RUNNING:
        return replace(one, status=ExperimentStatus.STOPPED, error="its process was killed")
    return one
