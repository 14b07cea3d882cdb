"""The state of experiments at this moment: which ones run, and their latest metrics."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from dver.core.errors import DverError
from dver.core.files import read_regular
from dver.experiments.journal import Journal
from dver.experiments.leases import LeaseHolder, running
from dver.experiments.values import read_metrics
from dver.formats.experiment import Experiment, ExperimentStatus, Values
from dver.pipelines.definition.param_files import flatten, parse_metrics
from dver.repo import Repository

KILLED: Final = "its process was killed"
_LIVE: Final = ("live/metrics.json", "dvclive/metrics.json")
_TICK: Final = 0.02
"""Seconds that the time of a new file may be behind the clock."""


def current_experiments(journal: Journal, *, removed: bool = False) -> list[Experiment]:
    """The experiments by their time of creation; with `removed`, the removed ones instead.

    An experiment runs if its process lives. If its process was killed, it is stopped.
    """
    found = journal.removed() if removed else journal.all()
    return with_current_status(journal, found, running(journal.directory))


def with_current_status(
    journal: Journal, experiments: Sequence[Experiment], alive: Mapping[str, LeaseHolder]
) -> list[Experiment]:
    """The records with the status of this moment. Those of other clones stay as they are."""
    return [one if one.status.is_final else _current(one, journal, is_alive=one.id in alive) for one in experiments]


def _current(one: Experiment, journal: Journal, *, is_alive: bool) -> Experiment:
    if is_alive:
        return replace(one, status=ExperimentStatus.RUNNING)
    if one.status is ExperimentStatus.RUNNING and journal.is_own(one):
        return replace(one, status=ExperimentStatus.STOPPED, error=KILLED)
    return one


def latest_metrics(repo: Repository, holder: LeaseHolder) -> Values:
    """The metrics in the worktree of an experiment that runs, also those that a stage writes now.

    Files from before the run are left out.
    """
    try:
        project = Path(holder.worktree, os.fsdecode(repo.layout.prefix))
        with Repository.open(project) as opened:
            found = {**_logged(opened), **read_metrics(opened)}
            return {file: values for file, values in found.items() if _is_newer(opened, file, holder.since)}
    except (DverError, OSError):  # the worktree is about to be made or removed
        return {}


def _logged(repo: Repository) -> dict[str, Mapping[str, Any]]:
    """The metrics that a program logs where no stage names them: in the directories of `dver.live` and DVCLive."""
    found: dict[str, Mapping[str, Any]] = {}
    for file in _LIVE:
        path = os.path.join(os.fsdecode(repo.layout.prefix), file)
        with suppress(OSError, DverError):
            found[path] = flatten(parse_metrics(read_regular(repo.layout.absolute(os.fsencode(path))), path))
    return found


def _is_newer(repo: Repository, file: str, since: float) -> bool:
    with suppress(OSError):
        return os.stat(repo.layout.absolute(os.fsencode(file))).st_mtime >= since - _TICK
    return False
