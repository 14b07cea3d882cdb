"""The processes that work on the queue: workers, and the supervisor that started them.

Each has a file with a lock of the kernel, which ends with the process, however it ends.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from dver.core.display import Displayed
from dver.core.platform import filelock
from dver.core.platform.machine import host_name
from dver.core.platform.processes import process_space

FOLDER: Final = "workers"
STOP: Final = signal.SIGUSR2
"""Asks a worker or supervisor to end after the tasks that run now. Repeated signals change nothing."""
KILL: Final = signal.SIGUSR1
"""Asks a worker or supervisor to stop the tasks that run now."""
_MOST_BYTES: Final = 4096


@dataclass(frozen=True, slots=True, repr=False)
class QueueProcess(Displayed):
    """A living process that works on the queue."""

    pid: int
    host: str
    since: float
    """Seconds since the epoch."""
    supervisor: int | None
    """The process that started this worker; None for a supervisor."""
    space: str = ""
    """The scope of its process id: the kernel and the PID namespace."""

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal. Returns False if the process ended, or belongs to another machine or container."""
        if self.space != process_space() or self.host != host_name():
            return False
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, number)
            return True
        return False


@contextmanager
def registered(directory: Path, supervisor: int | None = None) -> Iterator[None]:
    """List this process among those that work on the queue. `directory` is `Journal.directory`."""
    folder = directory / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{os.getpid()}-{os.urandom(4).hex()}"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        filelock.lock(fd)
        found = QueueProcess(os.getpid(), host_name(), time.time(), supervisor, process_space())
        os.pwrite(fd, json.dumps(asdict(found)).encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(fd)


def living_processes(directory: Path) -> list[QueueProcess]:
    """The processes that work on the queue, the oldest first. Deletes the files of killed ones."""
    found: list[QueueProcess] = []
    with suppress(FileNotFoundError):
        for path in (directory / FOLDER).iterdir():
            one = _living(path)
            if one is not None:
                found.append(one)
    return sorted(found, key=lambda one: one.since)


def _living(path: Path) -> QueueProcess | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        content = os.pread(fd, _MOST_BYTES, 0)
        if filelock.try_lock(fd, shared=True):
            if content:  # an empty one belongs to a process that has not locked it yet
                path.unlink(missing_ok=True)
            return None
        return QueueProcess(**json.loads(content))
    except (ValueError, TypeError):
        return None
    finally:
        os.close(fd)
