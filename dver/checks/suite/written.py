"""What all rules have in common in YAML: `VALUE`, or `{value: VALUE, severity: warning}`."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final, NamedTuple

from dver.checks.result import Severity
from dver.formats.profile import ColumnType
from dver.pipelines.definition.yaml_fields import scalar_text
from dver.pipelines.definition.yaml_tree import Node, error_at

TYPES: Final = tuple(one.value for one in ColumnType if one is not ColumnType.EMPTY)


class Written(NamedTuple):
    """The value of a rule, and its severity."""

    node: Node
    severity: Severity


def written(node: Node, severity: Severity) -> Written:
    """The value at `node`, and its own severity or the default one."""
    if not isinstance(node.value, Mapping) or not {"severity", "value"} & set(node.value):
        return Written(node, severity)
    rest = {key: one for key, one in node.value.items() if key != "severity"}
    severity = severity_of(node.value.get("severity"), severity)
    if "value" not in rest:
        return Written(Node(rest, node.mark, node.keys), severity)
    if len(rest) > 1:
        other = next(key for key in rest if key != "value")
        raise error_at(node.keys[other], f"unknown key {other!r} beside `value`", fix="known keys: value, severity")
    return Written(rest["value"], severity)


def severity_of(node: Node | None, default: Severity) -> Severity:
    """The severity at `node`."""
    if node is None:
        return default
    known = [one.value for one in Severity]
    if node.value not in known:
        raise error_at(
            node.mark, f"`severity`: expected {' or '.join(known)}, not {node.value!r}", fix=_near(node, known)
        )
    return Severity(node.value)


def types(node: Node) -> tuple[str, ...]:
    """A type of columns, or several."""
    found = names(node, "`type`")
    for at, one in enumerate(found):
        if one not in TYPES:
            where = node.value[at] if isinstance(node.value, tuple) else node
            raise error_at(where.mark, f"`type`: unknown type {one!r}", fix=_near(where, TYPES))
    return found


def names(node: Node, what: str) -> tuple[str, ...]:
    """A name, or a list of different names."""
    items = node.value if isinstance(node.value, tuple) else (node,)
    found = tuple(scalar_text(one, what) for one in items)
    if not found:
        raise error_at(node.mark, f"{what}: expected at least one name")
    for at, one in enumerate(found):
        if one in found[:at]:
            raise error_at(items[at].mark, f"{what}: duplicate {one!r}")
    return found


def _near(node: Node, known: tuple[str, ...] | list[str]) -> str:
    near = get_close_matches(str(node.value), known, 1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
