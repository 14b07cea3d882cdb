"""The program of a worker process: `python -m dver.experiments.queue.worker_process DIRECTORY EVENTS [SWEEP]`."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from dver.core.errors import DverError
from dver.core.files import explain
from dver.experiments.journal import FOLDER
from dver.experiments.queue.events import WorkerEvent, WorkerFailed, write_event
from dver.experiments.queue.interruption import Interruption
from dver.experiments.queue.processes import registered
from dver.experiments.queue.worker import work
from dver.repo import Repository


def main(directory: str, events: int, sweep: str = "") -> int:
    """Work on the queue of the project in `directory`; write events to the pipe `events`. Returns the exit code.

    With `sweep`, it runs trials of this sweep only.
    """
    parent = os.getppid()
    interruption = Interruption(parent)
    interruption.install()

    def report(event: WorkerEvent) -> None:
        with suppress(BrokenPipeError):  # the supervisor died, which `interruption` notices
            write_event(events, event)

    try:
        with Repository.open(Path(directory)) as repo, registered(repo.layout.clone_dir / FOLDER, parent):
            work(repo, report, interruption, sweep=sweep)
    except (DverError, OSError) as error:
        report(WorkerFailed(explain(error) if isinstance(error, OSError) else error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
