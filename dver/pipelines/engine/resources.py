"""Room for stages: what a machine has, what of it is taken, and which graphics cards a stage gets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dver.pipelines.definition.stage import Resources

DEVICES: Final = "CUDA_VISIBLE_DEVICES"
"""The environment variable that names the graphics cards a process may see."""

_CROWDED: Final = 1e-9
"""What sums of fractions may be off by."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much may run at once: `jobs` stages, and of the others what the machine has; None where that is not known."""

    jobs: int = 1
    cpus: float | None = None
    gpus: float | None = None
    memory: int | None = None
    """Bytes."""
    devices: tuple[str, ...] = ()
    """The graphics cards, as `CUDA_VISIBLE_DEVICES` calls them; nothing if they are not to be given to stages."""

    def lacking(self, wanted: Resources) -> str | None:
        """What there is too little of for a stage that wants so much, even if it has the machine for itself."""
        if self.cpus is not None and wanted.cpus > self.cpus:
            return f"{wanted.cpus:g} CPUs, and this machine has {self.cpus:g}"
        if self.gpus is not None and wanted.gpus > self.gpus:
            return f"{wanted.gpus:g} GPUs, and this machine has {self.gpus:g}"
        if self.memory is not None and wanted.memory > self.memory:
            return f"{wanted.memory / 1e9:,.1f} GB of memory, and this machine has {self.memory / 1e9:,.1f} GB"
        return None


class Room:
    """What of a machine is taken by the jobs that run."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._taken: dict[str, Resources] = {}
        self._shares: dict[str, Mapping[str, float]] = {}
        """How much of which graphics cards each job has."""

    def fits(self, wanted: Resources) -> bool:
        """May a job that wants so much begin now? One that wants more than there is runs alone."""
        if not self._taken:
            return True
        if len(self._taken) >= self._capacity.jobs:
            return False
        used, has = self._taken.values(), self._capacity
        return (
            _leaves(has.cpus, wanted.cpus, sum(one.cpus for one in used))
            and _leaves(has.gpus, wanted.gpus, sum(one.gpus for one in used))
            and _leaves(has.memory, wanted.memory, sum(one.memory for one in used))
            and (not has.devices or not wanted.gpus or bool(self._free(wanted.gpus)))
        )

    def take(self, job: str, wanted: Resources) -> tuple[str, ...]:
        """A job begins: the graphics cards that it gets, if any are known."""
        self._taken[job] = wanted
        chosen = self._free(wanted.gpus) if wanted.gpus else ()
        self._shares[job] = dict.fromkeys(chosen, wanted.gpus / len(chosen)) if chosen else {}
        return chosen

    def leave(self, job: str) -> None:
        """A job is over."""
        self._taken.pop(job, None)
        self._shares.pop(job, None)

    def _free(self, gpus: float) -> tuple[str, ...]:
        """Cards for a job: as few as can be, first those that are shared already; none if there are not enough."""
        wanted = math.ceil(gpus)
        load = {one: sum(share.get(one, 0.0) for share in self._shares.values()) for one in self._capacity.devices}
        free = [one for one in load if load[one] + gpus / wanted <= 1 + _CROWDED]
        chosen = sorted(free, key=lambda one: -load[one])[:wanted]
        return tuple(one for one in load if one in chosen) if len(chosen) == wanted else ()


def _leaves(has: float | None, wanted: float, used: float) -> bool:
    return has is None or not wanted or used + wanted <= has + _CROWDED
