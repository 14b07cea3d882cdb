"""What this machine has for stages: processors, memory and graphics cards that a process of ours may use."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from dver.core.platform.machine import available_cpus, available_memory
from dver.pipelines.definition.stage import Resources
from dver.pipelines.engine.resources import DEVICES, Capacity
from dver.pipelines.execution.run_environment import command_output

_ASK_GPUS: Final = ("nvidia-smi", "--query-gpu=index", "--format=csv,noheader")


def machine_capacity(jobs: int, wanted: Iterable[Resources]) -> Capacity:
    """The capacity for `jobs` and for the resources that any stage wants; others are not looked up."""
    asked = list(wanted)
    devices = visible_devices() if any(one.gpus for one in asked) else None
    return Capacity(
        jobs,
        cpus=available_cpus() if any(one.cpus for one in asked) else None,
        gpus=len(devices) if devices is not None else None,
        memory=available_memory() if any(one.memory for one in asked) else None,
        devices=devices or (),
    )


def visible_devices() -> tuple[str, ...]:
    """The graphics cards that this process may see: those that the user names, or the driver."""
    named = os.environ.get(DEVICES)
    lines = command_output(_ASK_GPUS).splitlines() if named is None else named.split(",")
    return tuple(one.strip() for one in lines if one.strip() not in ("", "-1", "NoDevFiles"))
