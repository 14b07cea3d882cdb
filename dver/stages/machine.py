"""What this machine has for stages: processors, memory and graphics cards that a process of ours may use."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from dver.pipeline.room import DEVICES, Capacity
from dver.pipeline.stage import Resources
from dver.stages.surroundings import answer_of

_ASK_GPUS: Final = ("nvidia-smi", "--query-gpu=index", "--format=csv,noheader")
_LIMITS: Final = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory"))
"""Where containers are told how much memory they may have."""


def capacity(jobs: int, wanted: Iterable[Resources]) -> Capacity:
    """Room for so many `jobs` at once, and what this machine has of that which any stage wants; of the rest nothing is
    looked up."""
    asked = list(wanted)
    devices = _devices() if any(one.gpus for one in asked) else None
    return Capacity(
        jobs,
        cpus=_cpus() if any(one.cpus for one in asked) else None,
        gpus=len(devices) if devices is not None else None,
        memory=_memory() if any(one.memory for one in asked) else None,
        devices=devices or (),
    )


def _cpus() -> int | None:
    """Those that this process may run on, which may be less than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _memory() -> int | None:
    """Bytes of the machine, or that its container may have."""
    found: list[int] = []
    with suppress(OSError, ValueError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for folder in _LIMITS:
        for name in ("memory.max", "memory.limit_in_bytes"):
            with suppress(OSError, ValueError):  # no container, or one without a limit, which is called `max`
                found.append(int((folder / name).read_text()))
    return min(found, default=None)


def _devices() -> tuple[str, ...]:
    """The graphics cards that this process may see: those that the user names, or the driver."""
    named = os.environ.get(DEVICES)
    lines = answer_of(_ASK_GPUS).splitlines() if named is None else named.split(",")
    return tuple(one.strip() for one in lines if one.strip() not in ("", "-1", "NoDevFiles"))
