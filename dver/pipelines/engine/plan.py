"""What a run would do, stage by stage, and why. Pure: it is told what is stale, and finds out what follows from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from dver.pipelines.engine.graph import Address, Graph, closure
from dver.pipelines.engine.reasons import Always, Forced, Reason, Upstream


class Intent(Enum):
    """What is to be done about a stage."""

    RUN = "run"
    RESTORE = "restore"
    """Its outputs can be put back from an earlier run of the same work."""
    NOTHING = "up to date"
    FROZEN = "frozen"
    """It is stale, but not to be run."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stage. `reasons` say why it is stale; there are none where nothing is to be done."""

    address: Address
    intent: Intent
    reasons: tuple[Reason, ...] = ()

    @property
    def is_frozen(self) -> bool:
        """Is it left as it is, stale or not?"""
        return self.intent is Intent.FROZEN


def scope(
    graph: Graph, targets: Sequence[Address], *, single: bool = False, downstream: bool = False
) -> tuple[Address, ...]:
    """The stages that a run for `targets` looks at, in order: all that they depend on, too, but not what is only needed
    for a frozen one; with `single` only they themselves, with `downstream` they and what depends on them."""
    links: Mapping[Address, Sequence[Address]] = graph.downstream() if downstream else needed_before(graph)
    wanted = set(targets) if single else closure(targets, links)
    return tuple(one for one in graph.order if one in wanted)


def needed_before(graph: Graph) -> Mapping[Address, tuple[Address, ...]]:
    """The stages that have to be up to date before each: none before a frozen one, which is left as it is."""
    stages = graph.stages
    return {one: () if stages[one].frozen else before for one, before in graph.upstream.items()}


def plan(
    graph: Graph,
    stages: Sequence[Address],
    stale: Mapping[Address, tuple[Reason, ...]],
    *,
    forced: Collection[Address] = (),
    restorable: Collection[Address] = (),
) -> tuple[Step, ...]:
    """What is to be done for `stages`, which are in order.

    `stale` are the reasons of each by itself, as if those that are `restorable` had been restored; whatever reads from
    a stage that is run may have to be run, too.
    """
    running: set[Address] = set()
    steps = []
    for address in stages:
        before = tuple(one for one in graph.upstream[address] if one in running)
        reasons = (*((Forced(),) if address in forced else ()), *stale.get(address, ()))
        if before:
            reasons = (*reasons, Upstream(before))
        frozen = graph.stages[address].frozen
        intent = _intent(reasons, frozen=frozen, restorable=address in restorable and (frozen or not before))
        if intent is Intent.RUN:
            running.add(address)
        steps.append(Step(address, intent, reasons))
    return tuple(steps)


def _intent(reasons: tuple[Reason, ...], *, frozen: bool, restorable: bool) -> Intent:
    if not reasons:
        return Intent.NOTHING
    if frozen:
        return Intent.RESTORE if restorable else Intent.FROZEN
    fresh = any(isinstance(one, (Always, Forced)) for one in reasons)
    return Intent.RESTORE if restorable and not fresh else Intent.RUN
