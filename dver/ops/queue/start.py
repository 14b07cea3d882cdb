"""`dver queue start`: run the tasks of the queue."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from dver.core.errors import DverError
from dver.core.platform.machine import host_name
from dver.core.worktree_lock import locked
from dver.experiments.journal import Journal
from dver.experiments.queue.processes import QueueProcess, living_processes
from dver.experiments.queue.supervisor import QueueResult, QueueWatcher, work_off
from dver.repo import Repository

__all__ = ["QueueResult", "start", "start_detached"]

_LOG: Final = "queue.log"
_PATIENCE: Final = 60.0
_PAUSE: Final = 0.02


def start(repo: Repository, watcher: QueueWatcher, *, jobs: int, cwd: Path) -> QueueResult:
    """Run the tasks of the queue in up to `jobs` processes, until none is left. See `work_off`."""
    return work_off(repo, watcher, jobs=jobs, cwd=cwd)


def start_detached(repo: Repository, *, jobs: int, cwd: Path) -> QueueProcess:
    """Start a process that runs the tasks of the queue in the background, in a session of its own.

    Raises DverError if it ends at once.
    """
    with Journal(repo) as journal:
        directory = journal.directory
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / _LOG
    with locked(directory / "queue.lock"), path.open("ab") as log:
        begin = log.tell()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "dver", "queue", "start", "-j", str(jobs)],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        for one in living_processes(directory):
            if one.pid == process.pid:
                return one
        if process.poll() is not None:
            return _ended_at_once(path, begin, process)
        time.sleep(_PAUSE)
    raise DverError("the process in the background does not start", fix=f"see {os.fspath(path)}")


def _ended_at_once(path: Path, begin: int, process: subprocess.Popen[bytes]) -> QueueProcess:
    """A process that ended before it was seen: it may have found nothing to do."""
    if process.returncode == 0:
        return QueueProcess(process.pid, host_name(), time.time(), None)
    with path.open("rb") as log:
        log.seek(begin)
        lines = log.read().decode(errors="replace").strip().splitlines()
    raise DverError(
        "the process in the background failed", why=lines[0] if lines else None, fix="run dver queue start without it"
    )
