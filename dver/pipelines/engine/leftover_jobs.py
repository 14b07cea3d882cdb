"""Jobs of local runners that run on after their dver process was killed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from dver.core.errors import StageError
from dver.core.platform import filelock
from dver.core.platform.processes import process_space

_MOST_BYTES: Final = 256
_PAUSE: Final = 0.02


def sign_job(lock_fd: int, group: int) -> None:
    """Write the process group of a job into its lock file. Errors, such as a full disk, are ignored."""
    with suppress(OSError):
        os.ftruncate(lock_fd, 0)
        os.pwrite(lock_fd, f"{group} {process_space()}".encode(), 0)


def kill_leftover_jobs(lock_dir: Path, *, patience: float = 10.0) -> None:
    """Kill the jobs that a killed process left running, and wait for their end.

    The caller makes sure that no living process runs jobs with locks in `lock_dir`. Raises StageError if one goes on
    for `patience` seconds.
    """
    with suppress(FileNotFoundError):
        for path in sorted(lock_dir.iterdir()):
            _kill(path, patience)


def _kill(path: Path, patience: float) -> None:
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + patience
        while not filelock.try_lock(fd):
            group, _, space = os.pread(fd, _MOST_BYTES, 0).decode("ascii", "replace").partition(" ")
            # While the lock is held, processes of the job live, so no other group has its number.
            if group.isdecimal() and int(group) > 1 and space == process_space():
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(int(group), signal.SIGKILL)
            if time.monotonic() >= deadline:
                raise StageError(
                    "a stage of a killed dver process still runs",
                    why=f"its processes hold the lock {os.fspath(path)!r}",
                    fix=f"find them: fuser -v {path}; end them, then run the same command again",
                )
            time.sleep(_PAUSE)
    finally:
        os.close(fd)
