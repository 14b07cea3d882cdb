"""Draws the graph of stages: boxes in layers from top to bottom, or an indented tree.

Boxes: each node is one layer below the lowest node that it depends on. An edge that spans several layers has a place in
each. The order and the positions within a layer follow those of the neighbours. Between two layers, each node has at
most one horizontal line, from which all its edges go down. Where lines cross without touching, the vertical one is
drawn through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from dver.pipelines.engine.dag_view import Diagram

Measure = Callable[[str], int]
"""Returns the columns that a text takes."""

_SWEEPS: Final = 4
_APART: Final = 2
"""Columns between two boxes."""
_MOST_PASSING: Final = 2000
"""Give up if more edges span layers: the drawing would be unreadable."""
_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_LINES: Final = " │││─┘┐┤─└┌├─┴┬┼"
_ASCII: Final = str.maketrans("│─┘┐┤└┌├┴┬┼→…", "|-+++++++++>~")


def ascii_only(line: str) -> str:
    """A line of a drawing in ASCII."""
    return line.translate(_ASCII)


def tree(diagram: Diagram, width: int, measure: Measure = len) -> Iterator[str]:
    """The graph as a tree: downstream nodes are indented below each node, and a repeated node is named without its
    subtree. A chain shares a line as far as it fits."""
    below, above = diagram.below(), diagram.above()
    shown: set[int] = set()
    roots = [node for node in range(len(diagram.labels)) if not above[node]]
    waiting = [(node, "", "", "") for node in reversed(roots)]
    while waiting:
        node, indent, joint, deeper = waiting.pop()
        head, text, again = indent + joint, diagram.labels[node], node in shown
        shown.add(node)
        while not again and len(below[node]) == 1 and len(above[below[node][0]]) == 1:
            (node,) = below[node]
            shown.add(node)
            longer = f"{text} → {diagram.labels[node]}"
            if len(head) + measure(longer) > width:
                yield head + text
                head, longer = indent + deeper, f"→ {diagram.labels[node]}"
            text = longer
        yield head + text + (" (see above)" if again and below[node] else "")
        if not again:
            inner = indent + deeper
            *most, last = [*below[node]] or [-1]
            waiting += [(last, inner, "└─ ", "   ")] if last >= 0 else []
            waiting += [(child, inner, "├─ ", "│  ") for child in reversed(most)]


def boxes(diagram: Diagram, width: int, measure: Measure = len) -> list[str] | None:
    """The graph as boxes in lines of at most `width` columns; None if it does not fit."""
    layout = _layers(diagram, measure)
    if layout is None or not _arrange(layout, width):
        return None
    rows: list[str] = []
    for number, layer in enumerate(layout.layers):
        rows += _boxes_of(layout, layer)
        if number + 1 < len(layout.layers):
            between = _lines_between(layout, layer)
            if between is None:
                return None
            rows += between
    return [row.rstrip() for row in rows]


@dataclass(slots=True)
class _Layout:
    """Nodes in layers. A node without a label is an edge that spans its layer."""

    labels: list[str]
    widths: list[int]
    """Odd numbers, so that each node has a middle."""
    layers: list[list[int]] = field(default_factory=list)
    below: list[list[int]] = field(default_factory=list)
    above: list[list[int]] = field(default_factory=list)
    middle: list[int] = field(default_factory=list)
    """The column of the middle of each node."""
    measure: Measure = len


def _layers(diagram: Diagram, measure: Measure) -> _Layout | None:
    level = _levels(diagram)
    labels = list(diagram.labels)
    found = _Layout(labels, [(measure(label) + 4) | 1 for label in labels], measure=measure)
    found.layers = [[] for _ in range(max(level, default=-1) + 1)]
    for node, depth in enumerate(level):
        found.layers[depth].append(node)
    found.below, found.above = [[] for _ in labels], [[] for _ in labels]
    passing = 0
    for start, end in diagram.edges:
        before = start
        for depth in range(level[start] + 1, level[end]):
            passing += 1
            if passing > _MOST_PASSING:
                return None
            labels.append("")
            found.widths.append(1)
            found.below.append([])
            found.above.append([])
            found.layers[depth].append(len(labels) - 1)
            _link(found, before, len(labels) - 1)
            before = len(labels) - 1
        _link(found, before, end)
    return found


def _link(layout: _Layout, start: int, end: int) -> None:
    layout.below[start].append(end)
    layout.above[end].append(start)


def _levels(diagram: Diagram) -> list[int]:
    """The layer of each node. A node without upstream nodes is right above its first downstream node."""
    above, below = diagram.above(), diagram.below()
    level = [0] * len(diagram.labels)
    for node in range(len(level)):
        level[node] = max((level[one] + 1 for one in above[node]), default=0)
    for node in range(len(level)):
        if not above[node] and below[node]:
            level[node] = min(level[one] for one in below[node]) - 1
    return level


def _arrange(layout: _Layout, width: int) -> bool:
    """Order the layers and place their nodes. Returns False if a layer is too wide."""
    layers = layout.layers
    downwards = [(layer, before, layout.above) for before, layer in pairwise(layers)]
    upwards = [(layer, after, layout.below) for layer, after in reversed([*pairwise(layers)])]
    for _ in range(_SWEEPS):
        for layer, beside, neighbours in (*downwards, *upwards):
            _reorder(layer, beside, neighbours)
    layout.middle = [0] * len(layout.labels)
    for layer in layers:
        if not _settle(layout, layer, [0.0] * len(layer), width):
            return False
    for sweep in (*downwards, *upwards, *downwards, *upwards, *downwards):
        layer, _, neighbours = sweep
        _settle(layout, layer, [_mean(layout.middle, neighbours[node], layout.middle[node]) for node in layer], width)
    left = min((layout.middle[node] - layout.widths[node] // 2 for node in range(len(layout.middle))), default=0)
    layout.middle = [one - left for one in layout.middle]
    return True


def _reorder(layer: list[int], beside: Sequence[int], neighbours: Sequence[Sequence[int]]) -> None:
    """Order a layer by the positions of its neighbours in the layer `beside` it."""
    position = {node: at for at, node in enumerate(beside)}
    key = {node: sum(position[one] for one in neighbours[node]) / (len(neighbours[node]) or 1) for node in layer}
    key.update({node: at for at, node in enumerate(layer) if not neighbours[node]})
    layer.sort(key=key.__getitem__)


def _mean(middle: Sequence[int], nodes: Sequence[int], otherwise: int) -> float:
    return sum(middle[one] for one in nodes) / len(nodes) if nodes else otherwise


def _settle(layout: _Layout, layer: Sequence[int], wanted: Sequence[float], width: int) -> bool:
    """Place the nodes of a layer as near as possible to the `wanted` columns, in order and apart, within `width`.

    After subtracting the distances, the positions must not decrease. The nearest such sequence replaces each decreasing
    stretch by its mean.
    """
    offsets = [0]
    for one, other in pairwise(layer):
        offsets.append(offsets[-1] + layout.widths[one] // 2 + layout.widths[other] // 2 + 1 + _APART)
    lowest = layout.widths[layer[0]] // 2
    highest = width - 1 - layout.widths[layer[-1]] // 2 - offsets[-1]
    if highest < lowest:
        return False
    stretches: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        total, count = want - offset, 1
        while stretches and stretches[-1][0] / stretches[-1][1] > total / count:
            more, several = stretches.pop()
            total, count = total + more, count + several
        stretches.append((total, count))
    at = 0
    for total, count in stretches:
        for _ in range(count):
            layout.middle[layer[at]] = min(max(round(total / count), lowest), highest) + offsets[at]
            at += 1
    return True


def _boxes_of(layout: _Layout, layer: Sequence[int]) -> list[str]:
    """The three lines of a layer."""
    rows = ["", "", ""]
    at = 0
    for node in layer:
        half = layout.widths[node] // 2
        gap = " " * (layout.middle[node] - half - at)
        at = layout.middle[node] + half + 1
        if not layout.labels[node]:
            parts = ("│", "│", "│")
        else:
            label = layout.labels[node]
            room = layout.widths[node] - 4 - layout.measure(label)
            above = "┴" if layout.above[node] else "─"
            below = "┬" if layout.below[node] else "─"
            side = "─" * (half - 1)
            parts = (f"┌{side}{above}{side}┐", f"│ {label}{' ' * room} │", f"└{side}{below}{side}┘")
        rows = [row + gap + part for row, part in zip(rows, parts, strict=True)]
    return rows


def _lines_between(layout: _Layout, layer: Sequence[int]) -> list[str] | None:
    """The lines between a layer and the next one; None if they would overlap."""
    row_of = _rows(layout, layer)
    if row_of is None:
        return None
    height = max(row_of.values(), default=0) + 1
    cells: dict[tuple[int, int], dict[int, int]] = {}

    def draw(row: int, column: int, net: int, directions: int) -> None:
        there = cells.setdefault((row, column), {})
        there[net] = there.get(net, 0) | directions

    for net in layer:
        columns = [layout.middle[one] for one in layout.below[net]]
        start, turn = layout.middle[net], row_of.get(net, 0)
        for row in range(height if columns else 0):
            if row <= turn:
                draw(row, start, net, _UP if row == turn else _UP | _DOWN)
            for column in columns if row >= turn else ():
                draw(row, column, net, _DOWN if row == turn else _UP | _DOWN)
        left, right = min([start, *columns]), max([start, *columns])
        for column in range(left, right + 1) if columns else ():
            draw(turn, column, net, (_LEFT if column > left else 0) | (_RIGHT if column < right else 0))
    return ["".join(_char(cells.get((row, at))) for at in range(1 + _widest(cells, row))) for row in range(height)]


def _widest(cells: dict[tuple[int, int], dict[int, int]], row: int) -> int:
    return max((column for at, column in cells if at == row), default=-1)


def _char(nets: dict[int, int] | None) -> str:
    together = 0
    for directions in nets.values() if nets else ():
        together |= directions
    if nets and together == _UP | _DOWN | _LEFT | _RIGHT:
        flat = [one for one in nets.values() if not one & (_UP | _DOWN)]
        upright = [one for one in nets.values() if not one & (_LEFT | _RIGHT)]
        if len(flat) + len(upright) == len(nets):
            return "│"
    return _LINES[together]


def _rows(layout: _Layout, layer: Sequence[int]) -> dict[int, int] | None:
    """The row of the horizontal line of each node; nodes whose edges go straight down have none.

    A line that starts where another one ends must turn above it. Returns None if these constraints form a cycle.
    """
    start_at = {layout.middle[node]: node for node in layer if layout.below[node]}
    later: dict[int, set[int]] = {node: set() for node in layer}
    for node in layer:
        for target in layout.below[node]:
            other = start_at.get(layout.middle[target])
            if other is not None and other != node and not _is_straight(layout, other):
                later[other].add(node)
    found: dict[int, int] = {}
    taken: list[list[_Span]] = []
    waiting = [node for node in layer if layout.below[node] and not _is_straight(layout, node)]
    while waiting:
        free = [node for node in waiting if not any(node in later[other] for other in waiting if other != node)]
        if not free:
            return None
        for node in free:
            lowest = max((found[other] + 1 for other in found if node in later[other]), default=0)
            found[node] = _first_free(taken, lowest, _span(layout, node))
        waiting = [node for node in waiting if node not in found]
    return found


def _is_straight(layout: _Layout, node: int) -> bool:
    return all(layout.middle[one] == layout.middle[node] for one in layout.below[node])


class _Span(NamedTuple):
    """The columns of a horizontal line, and those where edges go down."""

    left: int
    right: int
    ends: frozenset[int]

    def can_share(self, other: _Span) -> bool:
        """Whether both fit into one row: with a gap between them, or meeting above a common downstream node."""
        if self.right + 1 < other.left or other.right + 1 < self.left:
            return True
        meeting = self.right if self.right == other.left else self.left if self.left == other.right else None
        return meeting in self.ends and meeting in other.ends


def _span(layout: _Layout, node: int) -> _Span:
    ends = frozenset(layout.middle[one] for one in layout.below[node])
    return _Span(min(layout.middle[node], *ends), max(layout.middle[node], *ends), ends)


def _first_free(taken: list[list[_Span]], row: int, span: _Span) -> int:
    while row < len(taken) and not all(span.can_share(one) for one in taken[row]):
        row += 1
    while row >= len(taken):
        taken.append([])
    taken[row].append(span)
    return row
