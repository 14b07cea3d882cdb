"""Goals of metrics in `dver.yaml`: the keys of a metrics file to maximize and to minimize."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from dver.pipelines.definition.yaml_fields import list_items, scalar_text
from dver.pipelines.definition.yaml_tree import Node, error_at


class Direction(Enum):
    """Whether higher or lower values of a metric are better, in the words of sweeps."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


@dataclass(frozen=True, slots=True)
class MetricGoal:
    """The direction of the keys that match a pattern, such as `accuracy` or `*.loss`."""

    pattern: str
    direction: Direction


GOAL_KEYS: Final = tuple(one.value for one in Direction)


def read_goals(found: Mapping[str, Node]) -> tuple[MetricGoal, ...]:
    """The goals under `maximize` and `minimize`: a key or a list of keys each. Raises PipelineError."""
    goals: dict[str, MetricGoal] = {}
    for direction in Direction:
        for node in _keys(found.get(direction.value), direction):
            pattern = scalar_text(node, f"`{direction.value}`")
            if goals.setdefault(pattern, MetricGoal(pattern, direction)).direction is not direction:
                raise error_at(node.mark, f"`maximize` and `minimize` exclude each other for {pattern!r}")
    return tuple(goals.values())


def _keys(node: Node | None, direction: Direction) -> Iterator[Node]:
    if node is None or node.value is None or isinstance(node.value, tuple):
        yield from list_items(node, f"`{direction.value}`")
    else:
        yield node
