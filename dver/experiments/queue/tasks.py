"""The tasks of the queue that verbs select: to remove them, to run them again, and to show them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dver.core.batches import batched
from dver.core.display import Displayed
from dver.core.errors import ConflictError, UsageError
from dver.core.phrasing import join_limited
from dver.experiments.journal import Journal
from dver.experiments.leases import Lease, LeaseHolder, running
from dver.experiments.queue.processes import QueueProcess, living_processes
from dver.experiments.queue.task_options import options_of
from dver.experiments.selection import find_experiments
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.git.git_repo import GitRepo, describe_objects

_BATCH: Final = 200
"""The most leases that are held, and thus open files, at once."""
_RETRIED: Final = (ExperimentStatus.FAILED, ExperimentStatus.STOPPED)


@dataclass(frozen=True, slots=True, repr=False)
class RunningTask(Displayed):
    """A task or experiment that a process runs now."""

    experiment: Experiment
    holder: LeaseHolder


@dataclass(frozen=True, slots=True, repr=False)
class QueueStatus(Displayed):
    """The queue: its workers, and its tasks by status. Experiments that were never queued are not tasks."""

    workers: tuple[QueueProcess, ...]
    running: tuple[RunningTask, ...]
    queued: tuple[Experiment, ...]
    """The tasks that wait, in order."""
    done: tuple[Experiment, ...]
    failed: tuple[Experiment, ...]
    stopped: tuple[Experiment, ...]


def is_task(experiment: Experiment) -> bool:
    """Whether an experiment was queued."""
    return bool(experiment.task)


def queue_status(journal: Journal) -> QueueStatus:
    """The state of the queue of this clone."""
    leases = running(journal.directory)
    tasks = [one for one in journal.all() if is_task(one) and journal.is_own(one)]
    by_status: dict[ExperimentStatus, list[Experiment]] = {one: [] for one in ExperimentStatus}
    for one in tasks:
        if one.id not in leases or one.status.is_final:
            by_status[one.status].append(one)
    return QueueStatus(
        tuple(one for one in living_processes(journal.directory) if one.supervisor is not None),
        tuple(RunningTask(one, leases[one.id]) for one in tasks if one.id in leases and not one.status.is_final),
        tuple(by_status[ExperimentStatus.QUEUED]),
        tuple(by_status[ExperimentStatus.DONE]),
        tuple(by_status[ExperimentStatus.FAILED]),
        tuple(by_status[ExperimentStatus.STOPPED]),
    )


def select_tasks(journal: Journal, names: Sequence[str], statuses: Collection[ExperimentStatus]) -> list[Experiment]:
    """The tasks with `names`, and all with one of `statuses`. Raises UsageError for a name of no task of this clone."""
    own = [one for one in journal.all() if journal.is_own(one)]
    named = find_experiments(own, names)
    others = [one.name for one in named if not is_task(one)]
    if others:
        raise UsageError(
            f"{join_limited(others)} was not queued",
            why="the queue has tasks only that `dver exp run --queue` made",
            fix=f"to remove the experiment: dver exp remove {others[0]}",
        )
    chosen = {one.id: one for one in named}
    chosen.update((one.id, one) for one in own if is_task(one) and one.status in statuses)
    return list(chosen.values())


def remove_tasks(
    journal: Journal, names: Sequence[str], statuses: Collection[ExperimentStatus]
) -> tuple[Experiment, ...]:
    """Remove tasks that do not run. Returns them.

    Raises UsageError as `select_tasks`, and for a named task that succeeded; ConflictError for a named one that runs.
    """
    chosen = select_tasks(journal, names, statuses)
    done = [one.name for one in chosen if one.status is ExperimentStatus.DONE]
    if done:
        raise UsageError(
            f"{join_limited(done)} succeeded, and is no longer in the queue",
            fix=f"to remove the experiment: dver exp remove {done[0]}",
        )
    if names:
        alive = running(journal.directory)
        _refuse_running([one.name for one in chosen if one.id in alive])
    return tuple(one for batch in batched(chosen, _BATCH) for one in _remove_free(journal, batch))


def _remove_free(journal: Journal, tasks: Sequence[Experiment]) -> list[Experiment]:
    """Remove the tasks that no process runs. No worker takes one meanwhile."""
    leases = {one.id: Lease(journal.directory, one.id) for one in tasks}
    try:
        return journal.update([one for one, lease in leases.items() if lease.try_acquire(journal.directory)], _removed)
    finally:
        for lease in leases.values():
            lease.release()


def _removed(current: Experiment) -> Experiment | None:
    is_over = current.removed or current.status is ExperimentStatus.DONE
    return None if is_over else replace(current, removed=True)


def _refuse_running(names: Sequence[str]) -> None:
    if names:
        raise ConflictError(
            f"{join_limited(names)} is running",
            why="a worker runs it now",
            fix="stop the workers and their tasks: dver queue stop --kill",
        )


def retry_tasks(
    git: GitRepo, journal: Journal, names: Sequence[str], statuses: Collection[ExperimentStatus]
) -> tuple[Experiment, ...]:
    """Queue tasks again that failed or were stopped, from the snapshot that they started from. Returns them.

    Raises UsageError as `select_tasks`, and for a named task that did not fail.
    """
    chosen = select_tasks(journal, names, statuses)
    others = [one for one in chosen if one.status not in _RETRIED]
    if others:
        raise UsageError(
            f"{others[0].name} is {others[0].status.value}",
            why="only tasks that failed or were stopped can be run again",
            fix="`dver queue status` lists them",
        )
    snapshots = list(dict.fromkeys(options_of(one).snapshot for one in chosen))
    kinds = dict(zip(snapshots, describe_objects(git, snapshots, "%(objecttype)"), strict=True))

    def queued(current: Experiment) -> Experiment | None:
        if current.status not in _RETRIED:
            return None
        snapshot = options_of(current).snapshot
        commit = snapshot if kinds.get(snapshot) == "commit" else current.commit  # a compaction drops snapshots
        return replace(
            current,
            status=ExperimentStatus.QUEUED,
            commit=commit,
            task={**current.task, "snapshot": commit},
            metrics={},
            started=None,
            ended=None,
            exit_code=None,
            error="",
            attempt=1,
            pruned=False,
        )

    return tuple(journal.update([one.id for one in chosen], queued))
