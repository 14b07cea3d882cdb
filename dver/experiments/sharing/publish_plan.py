"""Which records a push publishes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from dver.formats.experiment import Experiment


@dataclass(frozen=True, slots=True)
class PublishPlan:
    """The records to publish, and the experiments that are left out."""

    records: tuple[Experiment, ...]
    unfinished: tuple[Experiment, ...] = ()
    """Queued and running experiments: only finished ones are published."""
    other: tuple[Experiment, ...] = ()
    """Unpublished experiments that were not selected."""


def plan_publish(
    local: Iterable[Experiment], published: Mapping[str, int], is_selected: Callable[[Experiment], bool]
) -> PublishPlan:
    """The plan for the records `local`, where `published` has the time of the last published record by id.

    Changes of published experiments, such as their removal, are always published. Removed experiments that were never
    published are not.
    """
    records, unfinished, other = [], [], []
    for one in local:
        if one.updated <= published.get(one.id, -1):
            continue
        if one.id in published and (one.removed or one.status.is_final):
            records.append(one)
        elif one.removed:
            continue
        elif not is_selected(one):
            other.append(one)
        elif one.status.is_final:
            records.append(one)
        else:
            unfinished.append(one)
    return PublishPlan(tuple(records), tuple(unfinished), tuple(other))
