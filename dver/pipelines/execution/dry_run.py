"""What a run would do: looked ahead, as if what earlier runs made were in place already."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from dver.formats.lock import LockedItem
from dver.pipelines.definition.stage import Stage
from dver.pipelines.engine.graph import Address, Graph, Producers, place_of
from dver.pipelines.engine.reasons import DependencyChanged, Inputs, Reason, staleness
from dver.pipelines.execution.cached_runs import Hit, Known, find_hit, find_recorded
from dver.pipelines.workspace.current import in_detail, inputs_of, out_places, outs_of
from dver.pipelines.workspace.locks import Locks
from dver.pipelines.workspace.observer import Observer
from dver.repo import Repository


@dataclass(frozen=True, slots=True)
class Forecast:
    """Why stages are stale, and which of them can be put back from earlier runs."""

    stale: Mapping[Address, tuple[Reason, ...]]
    """The reasons of each by itself, as if all that can be put back were in place."""
    hits: Mapping[Address, Hit]
    """What earlier runs made, of those that need not be run."""


def foresee(
    repo: Repository,
    graph: Graph,
    stages: Sequence[Address],
    observer: Observer,
    locks: Locks,
    known: Known | None,
    *,
    forced: Collection[Address] = (),
    coming: Mapping[str, LockedItem] | None = None,
) -> Forecast:
    """Look at `stages`, which are in order. Where `known` is None, nothing can be put back; `coming` is what is going
    to be at places where nothing is. Raises PipelineError."""
    stale: dict[Address, tuple[Reason, ...]] = {}
    hits: dict[Address, Hit] = {}
    soon = dict(coming or {})
    """What is going to be there, by its place."""
    for address in stages:
        stage = graph.stages[address]
        now, outs = inputs_of(observer, address, stage), outs_of(observer, address, stage)
        inputs = _soon(now, address, stage, soon)
        reasons = staleness(stage, locks.of(address), inputs, outs)
        stale[address] = tuple(
            one if _is_ahead(one, now, inputs) else in_detail(observer, address, stage, one) for one in reasons
        )
        if not stale[address] or address in forced:
            continue
        if stage.frozen:
            hit = find_recorded(repo, stage, locks.of(address), outs, known.elsewhere if known else None)
        elif known is None or None in inputs.deps.values() or _is_between(graph, address, hits, soon):
            continue
        else:
            hit = find_hit(repo, known, address, stage, inputs, outs)
        if hit is not None:
            hits[address] = hit
            places = out_places(address, stage.outs)
            soon.update((place, hit.outs[out.path]) for place, out in zip(places, stage.outs, strict=True))
    return Forecast(stale, hits)


def _soon(inputs: Inputs, address: Address, stage: Stage, soon: Mapping[str, LockedItem]) -> Inputs:
    """`inputs`, with what is going to be there."""
    deps = dict(inputs.deps)
    for dep in stage.deps:
        place = place_of(address.folder, dep.path, dep.mark)
        if place in soon:
            deps[dep.path] = replace(soon[place], path=dep.path)
    return replace(inputs, deps=deps)


def _is_ahead(reason: Reason, now: Inputs, soon: Inputs) -> bool:
    """Is it about what is not there yet?"""
    return isinstance(reason, DependencyChanged) and now.deps.get(reason.path) != soon.deps.get(reason.path)


def _is_between(graph: Graph, address: Address, hits: Collection[Address], soon: Mapping[str, LockedItem]) -> bool:
    """Does the stage read something in, or around, what is going to be put back? Then nobody knows what it reads."""
    if not any(one in hits for one in graph.upstream[address]):
        return False
    stage = graph.stages[address]
    producers = Producers(dict.fromkeys(soon, address))
    places = [place_of(address.folder, dep.path, dep.mark) for dep in stage.deps]
    return any(place not in soon and producers.of(place) for place in places)
