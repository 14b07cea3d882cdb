"""A worker: takes one task after the other from the queue, and runs each in its working tree.

The queue is the journal: a task is a record with the status `queued`. A worker holds the lease of its task, and reads
the record again under it. So no two workers run one task, and the task of a killed worker is free again.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from dver.core.errors import DverError, LocalIOError, StageError
from dver.experiments.execution import record_without_run
from dver.experiments.experiment_log import ExperimentLog
from dver.experiments.journal import Journal
from dver.experiments.leases import Lease
from dver.experiments.queue.events import StageStarted, TaskEnded, TaskStarted, WorkerEvent
from dver.experiments.queue.interruption import Interruption
from dver.experiments.queue.pruning_watcher import PruningWatcher
from dver.experiments.queue.slots import Slot, Slots
from dver.experiments.queue.task import run_in_worktree
from dver.experiments.queue.task_options import PRUNING, options_of
from dver.experiments.sweeps.pruning import decode_rule
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.schedule import StageState, Watcher
from dver.repo import Repository

MOST_ATTEMPTS: Final = 3
"""The attempts of a task whose workers die, after which it counts as failed."""
_LINGER: Final = 0.5
_PAUSE: Final = 0.03
_BEAT: Final = 10.0
"""Seconds between signs of life."""

Report = Callable[[WorkerEvent], None]


@dataclass(frozen=True, slots=True)
class TakenTask:
    """A task that this worker has taken."""

    experiment: Experiment
    lease: Lease


def work(repo: Repository, report: Report, interruption: Interruption, *, sweep: str = "") -> None:
    """Run tasks until no task is free, or `interruption` asks to end; with `sweep`, trials of this sweep only.

    Raises LocalIOError if the disk fails, and RepositoryError if Git does: the task stays queued.
    """
    with Journal(repo) as journal:
        if not journal.own_ids_with_status(ExperimentStatus.QUEUED):
            return
        slots = Slots(repo.git, journal.directory)
        with slots.acquire() as slot:
            while (task := _next(journal, slots, slot, interruption, sweep)) is not None:
                try:
                    _run(repo, journal, slot, task, report, interruption)
                except LocalIOError:
                    raise
                except DverError:  # its end could not be recorded
                    task.lease.abandon()  # counts the attempt
                    raise
                finally:
                    task.lease.release()


def _next(journal: Journal, slots: Slots, slot: Slot, interruption: Interruption, sweep: str) -> TakenTask | None:
    """As `take_task`, unless this worker is to end. Waits a moment for the next trial of a `sweep`, which follows from
    the last one."""
    deadline = time.monotonic() + (_LINGER if sweep else 0)
    while not interruption.is_stopping:
        if (task := take_task(journal, slots, slot, sweep)) is not None:
            return task
        if time.monotonic() >= deadline:
            break
        time.sleep(_PAUSE)
    return None


def take_task(journal: Journal, slots: Slots, slot: Slot, sweep: str = "") -> TakenTask | None:
    """The first queued task that no other process runs, with its lease; None if there is none.

    Stages that a killed worker of the task left running are killed first.
    """
    for one in queued_ids(journal, sweep):
        lease = Lease(journal.directory, one)
        if lease.try_acquire(slot.place):
            found = journal.get(one)
            if found is not None and found.status is ExperimentStatus.QUEUED and not found.removed:
                if _end_leftovers(slots, lease):
                    return TakenTask(replace(found, attempt=lease.attempt), lease)
                lease.abandon()
            else:
                lease.release()
    return None


def queued_ids(journal: Journal, sweep: str = "") -> list[str]:
    """The ids of queued tasks in order; with `sweep`, those of its trials."""
    found = journal.own_ids_with_status(ExperimentStatus.QUEUED)
    if not sweep:
        return found
    return [one for one in found if (task := journal.get(one)) is not None and task.sweep == sweep]


def _end_leftovers(slots: Slots, lease: Lease) -> bool:
    """Kill the stages that the last process of a task left running. Returns False if they go on."""
    try:
        if lease.last is not None:
            slots.end_leftovers(Path(lease.last.worktree))
    except StageError:
        return False
    return True


def _run(
    repo: Repository, journal: Journal, slot: Slot, task: TakenTask, report: Report, interruption: Interruption
) -> None:
    experiment = task.experiment
    report(TaskStarted(experiment.name, experiment.attempt))
    if experiment.attempt > 1:
        _log(journal, experiment, f"attempt {experiment.attempt}: the process of the last attempt died")
    if experiment.attempt > MOST_ATTEMPTS:
        error = StageError(
            f"{MOST_ATTEMPTS} workers died while they ran it", why="they were killed or ran out of memory"
        )
        finished = record_without_run(
            journal, replace(experiment, attempt=MOST_ATTEMPTS), error, started=experiment.created
        )
    else:
        watcher: Watcher = _Reporter(report, task.lease)
        rule = decode_rule(experiment.task.get(PRUNING))
        pruning = PruningWatcher(watcher, journal, slot.place, experiment, rule) if rule is not None else None
        try:
            finished = run_in_worktree(
                repo.git,
                slot.place,
                journal,
                experiment,
                options_of(experiment),
                watcher=pruning or watcher,
                interruptible=interruption,
            )
        except KeyboardInterrupt:  # recorded as stopped, unless it came while the end was recorded
            stopped = journal.get(experiment.id)
            if stopped is not None and stopped.status.is_final:
                report(TaskEnded(stopped))
            return
        except (DverError, OSError):
            raise
        except Exception as error:  # a bug must not stop the queue
            _log(journal, experiment, traceback.format_exc())
            reason = StageError(f"dver failed: {error!r}", why="this is a bug in dver")
            finished = record_without_run(journal, experiment, reason, started=time.time())
        finally:
            if pruning is not None:
                pruning.close()
    report(TaskEnded(finished.experiment))


def _log(journal: Journal, experiment: Experiment, text: str) -> None:
    log = ExperimentLog(None, journal.directory, experiment.id)
    log.write(f"--- {text}\n".encode("utf-8", "replace"))
    log.close()


class _Reporter:
    """The watcher of a task: reports its stages, and shows that the worker is alive."""

    def __init__(self, report: Report, lease: Lease) -> None:
        self._report = report
        self._lease = lease
        self._beat = time.monotonic()

    def state_changed(self, address: Address, state: StageState, error: DverError | None = None) -> None:
        """See `Watcher`."""
        if state is StageState.RUNNING:
            self._report(StageStarted(str(address)))

    def output(self, address: Address, content: bytes) -> None:
        """The log has it."""

    def tick(self) -> None:
        """See `Watcher`."""
        if time.monotonic() - self._beat >= _BEAT:
            self._beat = time.monotonic()
            self._lease.beat()
