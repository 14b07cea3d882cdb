"""The resources of a machine: what jobs have acquired of them, and which GPUs each job gets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dver.pipelines.definition.stage import Resources

DEVICES: Final = "CUDA_VISIBLE_DEVICES"
"""The environment variable that names the GPUs a process may use."""

_TOLERANCE: Final = 1e-9
"""The rounding error of sums of fractions."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many stages may run at once, and the resources of the machine; None for an unknown amount."""

    jobs: int = 1
    cpus: float | None = None
    gpus: float | None = None
    memory: int | None = None
    """Bytes."""
    devices: tuple[str, ...] = ()
    """The GPUs, as `CUDA_VISIBLE_DEVICES` names them; empty if stages are not assigned any."""

    def shortage(self, wanted: Resources) -> str | None:
        """Describe the resource that the machine has too little of for `wanted`; None if it has enough."""
        if self.cpus is not None and wanted.cpus > self.cpus:
            return f"{wanted.cpus:g} CPUs, and this machine has {self.cpus:g}"
        if self.gpus is not None and wanted.gpus > self.gpus:
            return f"{wanted.gpus:g} GPUs, and this machine has {self.gpus:g}"
        if self.memory is not None and wanted.memory > self.memory:
            return f"{wanted.memory / 1e9:,.1f} GB of memory, and this machine has {self.memory / 1e9:,.1f} GB"
        return None


class ResourcePool:
    """The resources of a machine that running jobs have acquired."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._acquired: dict[str, Resources] = {}
        self._shares: dict[str, Mapping[str, float]] = {}
        """The share of each GPU that each job has."""

    def fits(self, wanted: Resources) -> bool:
        """Return whether a job may start now. A job that wants more than the machine has runs alone."""
        if not self._acquired:
            return True
        if len(self._acquired) >= self._capacity.jobs:
            return False
        used, has = self._acquired.values(), self._capacity
        return (
            _suffices(has.cpus, wanted.cpus, sum(one.cpus for one in used))
            and _suffices(has.gpus, wanted.gpus, sum(one.gpus for one in used))
            and _suffices(has.memory, wanted.memory, sum(one.memory for one in used))
            and (not has.devices or not wanted.gpus or bool(self._free(wanted.gpus)))
        )

    def acquire(self, job: str, wanted: Resources) -> tuple[str, ...]:
        """Acquire resources for a job. Returns the GPUs that it gets, if any are known."""
        self._acquired[job] = wanted
        chosen = self._free(wanted.gpus) if wanted.gpus else ()
        self._shares[job] = dict.fromkeys(chosen, wanted.gpus / len(chosen)) if chosen else {}
        return chosen

    def release(self, job: str) -> None:
        """Release the resources of a job."""
        self._acquired.pop(job, None)
        self._shares.pop(job, None)

    def _free(self, gpus: float) -> tuple[str, ...]:
        """The GPUs for a job: as few as possible, shared ones first; empty if there are not enough."""
        wanted = math.ceil(gpus)
        load = {one: sum(share.get(one, 0.0) for share in self._shares.values()) for one in self._capacity.devices}
        free = [one for one in load if load[one] + gpus / wanted <= 1 + _TOLERANCE]
        chosen = sorted(free, key=lambda one: -load[one])[:wanted]
        return tuple(one for one in load if one in chosen) if len(chosen) == wanted else ()


def _suffices(has: float | None, wanted: float, used: float) -> bool:
    return has is None or not wanted or used + wanted <= has + _TOLERANCE
