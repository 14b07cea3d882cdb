"""The plan of a run: which stages run, are restored or stay, and why. Pure: the reasons are given."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from dver.core.display import Displayed
from dver.pipelines.engine.graph import Address, Graph, closure
from dver.pipelines.engine.reasons import Always, Forced, Reason, Upstream


class Intent(Enum):
    """The planned action for a stage."""

    RUN = "run"
    RESTORE = "restore"
    """Its outputs can be restored from a cached run."""
    NOTHING = "up to date"
    FROZEN = "frozen"
    """It is out of date, but frozen."""


@dataclass(frozen=True, slots=True, repr=False)
class StagePlan(Displayed):
    """The action for one stage, and why it is out of date; an up-to-date stage has no reasons."""

    address: Address
    intent: Intent
    reasons: tuple[Reason, ...] = ()

    @property
    def is_frozen(self) -> bool:
        """Whether the stage is out of date but frozen."""
        return self.intent is Intent.FROZEN


def stages_in_scope(
    graph: Graph, targets: Sequence[Address], *, single: bool = False, downstream: bool = False
) -> tuple[Address, ...]:
    """The stages that a run of `targets` covers, in order: the targets and all stages upstream, except those that only
    a frozen stage needs. With `single` only the targets, with `downstream` the targets and all stages downstream."""
    links: Mapping[Address, Sequence[Address]] = graph.downstream() if downstream else prerequisites(graph)
    wanted = set(targets) if single else closure(targets, links)
    return tuple(one for one in graph.order if one in wanted)


def prerequisites(graph: Graph) -> Mapping[Address, tuple[Address, ...]]:
    """The stages that must be up to date before each stage; a frozen stage has none."""
    stages = graph.stages
    return {one: () if stages[one].frozen else before for one, before in graph.upstream.items()}


def plan_stages(
    graph: Graph,
    stages: Sequence[Address],
    stale: Mapping[Address, tuple[Reason, ...]],
    *,
    forced: Collection[Address] = (),
    restorable: Collection[Address] = (),
) -> tuple[StagePlan, ...]:
    """Plan `stages`, which are in order.

    `stale` has the reasons of each stage by itself, as if all `restorable` stages were restored. A stage downstream of
    one that runs gets the reason `Upstream`.
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
        steps.append(StagePlan(address, intent, reasons))
    return tuple(steps)


def _intent(reasons: tuple[Reason, ...], *, frozen: bool, restorable: bool) -> Intent:
    if not reasons:
        return Intent.NOTHING
    if frozen:
        return Intent.RESTORE if restorable else Intent.FROZEN
    fresh = any(isinstance(one, (Always, Forced)) for one in reasons)
    return Intent.RESTORE if restorable and not fresh else Intent.RUN
