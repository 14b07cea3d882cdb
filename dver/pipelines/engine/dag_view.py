"""What a drawing of a graph shows: stages or their outputs, those of a foreach or matrix as one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dver.pipelines.engine.graph import Address, Graph, worktree_path

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Diagram:
    """Nodes by their labels, each after those that it depends on, and the pairs of them that are linked."""

    labels: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    """From what comes before to what comes after, as positions in `labels`."""

    def below(self) -> list[list[int]]:
        """What each node leads to."""
        found: list[list[int]] = [[] for _ in self.labels]
        for start, end in self.edges:
            found[start].append(end)
        return found

    def above(self) -> list[list[int]]:
        """What leads to each node."""
        found: list[list[int]] = [[] for _ in self.labels]
        for start, end in self.edges:
            found[end].append(start)
        return found


def stage_diagram(graph: Graph, stages: Sequence[Address], *, collapsed: bool = True) -> Diagram:
    """`stages`, which are in order. With `collapsed`, those that a foreach or matrix makes are one node, unless this
    would make a circle."""
    wanted = set(stages)
    links = {one: [other for other in graph.upstream[one] if other in wanted] for one in stages}
    if collapsed:
        groups = {one: _group(graph, one) for one in stages}
        found = _merged(links, groups)
        if found is not None:
            return found
    plain = _merged(links, {one: str(one) for one in stages})
    assert plain is not None
    return plain


def output_diagram(graph: Graph, stages: Sequence[Address]) -> Diagram:
    """What `stages`, which are in order, make, and which of it is made of which."""
    wanted = set(stages)
    places = {one: [worktree_path(one.folder, out.path, out.mark) for out in graph.stages[one].outs] for one in stages}
    links = {
        place: [made for other in graph.upstream[one] if other in wanted for made in _read(graph, one, places[other])]
        for one in stages
        for place in places[one]
    }
    found = _merged(links, {place: place for place in links})
    assert found is not None
    return found


def _read(graph: Graph, reader: Address, made: Iterable[str]) -> list[str]:
    """Those of the outputs that are named, or that lie in or around what is named; all if only patterns are."""
    stage = graph.stages[reader]
    named = [worktree_path(reader.folder, one.path, one.mark) for one in stage.deps]
    named += [worktree_path(reader.folder, one.file, one.mark) for one in stage.params]
    places = list(made)
    return [one for one in places if any(_meet(one, other) for other in named)] or places


def _meet(one: str, other: str) -> bool:
    return one == other or other == "." or one.startswith(other + "/") or other.startswith(one + "/")


def _group(graph: Graph, address: Address) -> str:
    group = graph.stages[address].group
    return str(address) if group is None else f"{Address(address.folder, group, address.here)}@…"


def _merged(links: Mapping[Key, Collection[Key]], names: Mapping[Key, str]) -> Diagram | None:
    """The diagram in which what has one name is one node; None if there is a circle in it."""
    members: dict[str, int] = {}
    above: dict[str, dict[str, None]] = {}
    for one, others in links.items():
        name = names[one]
        members[name] = members.get(name, 0) + 1
        above.setdefault(name, {}).update((names[other], None) for other in others if names[other] != name)
    order = _sorted(above)
    if order is None:
        return None
    position = {name: number for number, name in enumerate(order)}
    labels = tuple(f"{name} ({members[name]})" if name.endswith("@…") else name for name in order)
    edges = [(position[before], position[name]) for name in order for before in above[name]]
    return Diagram(labels, tuple(edges))


def _sorted(above: Mapping[str, Collection[str]]) -> list[str] | None:
    """The names, each after those above it; None if that cannot be."""
    left = {name: len(others) for name, others in above.items()}
    below: dict[str, list[str]] = {name: [] for name in above}
    for name, others in above.items():
        for other in others:
            below[other].append(name)
    found = [name for name, count in left.items() if count == 0]
    for name in found:
        for other in below[name]:
            left[other] -= 1
            if left[other] == 0:
                found.append(other)
    return found if len(found) == len(above) else None
