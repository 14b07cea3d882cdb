"""Stopping the workers of the queue."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.core.display import Displayed
from dver.experiments.queue.processes import KILL, STOP, QueueProcess, living_processes

_PAUSE: Final = 0.05


@dataclass(frozen=True, slots=True, repr=False)
class StoppedWorkers(Displayed):
    """The workers that were asked to end."""

    asked: tuple[QueueProcess, ...]
    unreachable: tuple[QueueProcess, ...]
    """Workers of another machine or container, which get no signals from here."""
    remaining: tuple[QueueProcess, ...] = ()
    """Workers that still run their task."""


def stop_workers(directory: Path, *, kill: bool, patience: float) -> StoppedWorkers:
    """Ask all workers to end after their tasks; with `kill`, to stop them. `directory` is `Journal.directory`.

    Waits for their end for up to `patience` seconds.
    """
    found = living_processes(directory)
    workers = [one for one in found if one.supervisor is not None]
    supervisors = {one.pid for one in found if one.supervisor is None}
    # A supervisor passes the signal on, and starts no further workers.
    asked = [one for one in found if one.supervisor not in supervisors]
    reached = {one.pid for one in asked if one.signal(KILL if kill else STOP)}
    deadline = time.monotonic() + patience
    while living_processes(directory) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    left = {one.pid for one in living_processes(directory)}
    is_reached = [one.pid in reached or one.supervisor in reached for one in workers]
    return StoppedWorkers(
        tuple(one for one, is_ours in zip(workers, is_reached, strict=True) if is_ours),
        tuple(one for one, is_ours in zip(workers, is_reached, strict=True) if not is_ours and one.pid in left),
        tuple(one for one in workers if one.pid in left),
    )
