"""The methods `project.queue`: the queue of experiments and its workers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from dver.api.handle import ProjectHandle, raise_worst

if TYPE_CHECKING:
    from dver.experiments.queue.processes import QueueProcess
    from dver.experiments.queue.stop import StoppedWorkers
    from dver.experiments.queue.supervisor import QueueResult, QueueWatcher
    from dver.experiments.queue.tasks import QueueStatus
    from dver.formats.experiment import Experiment, ExperimentStatus


class QueueMethods(ProjectHandle):
    """Methods for the queue of experiments: `project.queue`. `project.exp.queue` adds experiments to it."""

    __slots__ = ()

    def start(self, *, jobs: int = 1, watcher: QueueWatcher | None = None, check: bool = True) -> QueueResult:
        """Run queued experiments until the queue is empty, each in a working tree of its own.

        Args:
            jobs: The number of worker processes.
            watcher: Gets what the workers do.
            check: Raise an error if an experiment failed or a worker cannot go on.

        Raises:
            StageError: An experiment failed (with `check`).
            LocalIOError: The disk is full (with `check`). Unfinished experiments stay in the queue.
        """
        from dver.experiments.queue.supervisor import SilentWatcher
        from dver.ops.queue.start import start

        with self._open() as repo:
            result = start(repo, watcher or SilentWatcher(), jobs=jobs, cwd=self.cwd)
        raise_worst([result.error()], check=check)
        return result

    def start_detached(self, *, jobs: int = 1) -> QueueProcess:
        """Run queued experiments in the background, also after this process ended. Returns the process that does so.

        Args:
            jobs: The number of worker processes.
        """
        from dver.ops.queue.start import start_detached

        with self._open() as repo:
            return start_detached(repo, jobs=jobs, cwd=self.cwd)

    def status(self) -> QueueStatus:
        """The workers, and the experiments of the queue by status."""
        from dver.ops.queue.status import status

        with self._open() as repo:
            return status(repo)

    def stop(self, *, kill: bool = False) -> StoppedWorkers:
        """Ask the workers to end after the experiments that they run.

        Args:
            kill: Also stop the experiments that run now, and wait for their end.
        """
        from dver.ops.queue.stop import stop

        with self._open() as repo:
            return stop(repo, kill=kill)

    def logs(self, name: str, *, follow: bool = False) -> Iterator[bytes]:
        """The output of an experiment's stages, in pieces.

        Args:
            name: The name of the experiment, or the first digits of its id.
            follow: Wait for new output until the experiment ends.

        Raises:
            UsageError: There is no such experiment, or it has no log.
        """
        from dver.ops.queue.logs import logs

        with self._open() as repo:
            yield from logs(repo, name, follow=follow)

    def remove(self, *names: str, statuses: Collection[ExperimentStatus] = ()) -> Sequence[Experiment]:
        """Remove experiments from the queue that do not run.

        Args:
            names: The names of experiments.
            statuses: Also remove all with one of these: queued, failed or stopped.

        Raises:
            UsageError: A name is unknown, or the experiment was not queued or succeeded.
            ConflictError: A named experiment is running.
        """
        from dver.ops.queue.remove import remove

        with self._open() as repo:
            return remove(repo, names, statuses)

    def retry(self, *names: str, statuses: Collection[ExperimentStatus] = ()) -> Sequence[Experiment]:
        """Queue experiments again that failed or were stopped, from the same code and parameters.

        Args:
            names: The names of experiments.
            statuses: Also queue all with one of these: failed or stopped.

        Raises:
            UsageError: A name is unknown, or the experiment did not fail.
        """
        from dver.ops.queue.retry import retry

        with self._open() as repo:
            return retry(repo, names, statuses)
