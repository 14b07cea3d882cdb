"""Diagrams of the stage graph: stages, or outputs, with foreach and matrix collapsed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

from dver.core.display import Displayed
from dver.pipelines.engine.graph import Address, Graph, worktree_path

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, repr=False)
class Diagram(Displayed):
    """Labelled nodes in topological order, and the edges between them."""

    labels: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    """Pairs of positions in `labels`: upstream, downstream."""

    def mermaid(self) -> str:
        """The graph in Mermaid: https://mermaid.js.org/syntax/flowchart.html."""
        labels = (label.replace("&", "&amp;").replace('"', "&quot;") for label in self.labels)
        nodes = (f'\tnode{number}["{label}"]' for number, label in enumerate(labels, 1))
        edges = (f"\tnode{start + 1}-->node{end + 1}" for start, end in self.edges)
        return "\n".join(["flowchart TD", *nodes, *edges])

    def dot(self) -> str:
        """The graph in the language of Graphviz."""
        import json

        names = [json.dumps(label, ensure_ascii=False) for label in self.labels]
        edges = (f"{names[start]} -> {names[end]};" for start, end in self.edges)
        return "\n".join(["strict digraph {", *(f"{name};" for name in names), *edges, "}"])

    def _repr_mimebundle_(self, **_: object) -> Mapping[str, str]:
        """The graph, for notebooks that draw Mermaid."""
        return {"text/vnd.mermaid": self.mermaid(), "text/plain": repr(self)}

    def below(self) -> list[list[int]]:
        """The successors of each node."""
        found: list[list[int]] = [[] for _ in self.labels]
        for start, end in self.edges:
            found[start].append(end)
        return found

    def above(self) -> list[list[int]]:
        """The predecessors of each node."""
        found: list[list[int]] = [[] for _ in self.labels]
        for start, end in self.edges:
            found[end].append(start)
        return found


def stage_diagram(graph: Graph, stages: Sequence[Address], *, collapsed: bool = True) -> Diagram:
    """A diagram of `stages`, which are in order. With `collapsed`, a foreach or matrix is one node, unless that causes
    a cycle."""
    wanted = set(stages)
    links = {one: [other for other in graph.upstream[one] if other in wanted] for one in stages}
    if collapsed:
        with suppress(CycleError):
            return _merge_nodes(links, {one: _group(graph, one) for one in stages})
    return _merge_nodes(links, {one: str(one) for one in stages})


def output_diagram(graph: Graph, stages: Sequence[Address]) -> Diagram:
    """A diagram of the outputs of `stages`, which are in order."""
    wanted = set(stages)
    paths = {one: [worktree_path(one.folder, out.path, out.mark) for out in graph.stages[one].outs] for one in stages}
    links = {
        path: [
            made
            for other in graph.upstream[one]
            if other in wanted
            for made in _outputs_read_by(graph, one, paths[other])
        ]
        for one in stages
        for path in paths[one]
    }
    return _merge_nodes(links, {path: path for path in links})


def _outputs_read_by(graph: Graph, reader: Address, made: Iterable[str]) -> list[str]:
    """The outputs in `made` that the reader depends on; all of them if it depends only on patterns."""
    stage = graph.stages[reader]
    named = [worktree_path(reader.folder, one.path, one.mark) for one in stage.deps]
    named += [worktree_path(reader.folder, one.file, one.mark) for one in stage.params]
    paths = list(made)
    return [one for one in paths if any(_overlap(one, other) for other in named)] or paths


def _overlap(one: str, other: str) -> bool:
    return one == other or other == "." or one.startswith(other + "/") or other.startswith(one + "/")


def _group(graph: Graph, address: Address) -> str:
    group = graph.stages[address].group
    return str(address) if group is None else f"{Address(address.folder, group, address.cwd)}@…"


def _merge_nodes(links: Mapping[Key, Collection[Key]], names: Mapping[Key, str]) -> Diagram:
    """The diagram with one node per name. Raises CycleError."""
    members: dict[str, int] = {}
    above: dict[str, dict[str, None]] = {}
    for one, before in links.items():
        name = names[one]
        members[name] = members.get(name, 0) + 1
        above.setdefault(name, {}).update((names[other], None) for other in before if names[other] != name)
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(above, ()))  # keeps the order of `above`
    for name, others in above.items():
        sorter.add(name, *others)
    order = list(sorter.static_order())
    position = {name: number for number, name in enumerate(order)}
    labels = tuple(f"{name} ({members[name]})" if name.endswith("@…") else name for name in order)
    edges = [(position[before], position[name]) for name in order for before in above[name]]
    return Diagram(labels, tuple(edges))
