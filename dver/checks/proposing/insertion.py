"""Adds rules to the text of a `dver.checks.yaml`. What is there already stays as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dver.checks.proposing.proposal import yaml_text
from dver.checks.suite.parse import parse_suite
from dver.core.errors import ConflictError, PipelineError
from dver.pipelines.definition.yaml_tree import Node, parse_yaml

_HEADER: Final = "# Rules for data; `dver check data` checks them.\nchecks:\n"


def add_rules(content: bytes, pattern: str, lines: Sequence[str], name: str) -> bytes:
    """`content` with the rules `lines` for `pattern`. Raises ConflictError if it has rules for it already."""
    if not content.strip():
        return (_HEADER + _entry(pattern, lines, 2)).encode()
    before = parse_suite(content, name)
    if any(one.pattern == pattern for one in before):
        raise ConflictError(
            f"{name} already has rules for {pattern!r}",
            why="dver does not overwrite rules",
            fix="remove them first, or print the proposal with `--dry-run`",
        )
    text = content.decode()
    root = parse_yaml(content, name)
    at, indent = _place(root, text, name)
    rows = text.split("\n")
    head, tail = "\n".join(rows[:at]).rstrip("\n") + "\n", "\n".join(rows[at:])
    changed = (head + _entry(pattern, lines, indent) + tail).encode()
    _check_kept(root, parse_yaml(changed, name), name)
    return changed


def _entry(pattern: str, lines: Sequence[str], indent: int) -> str:
    outer = " " * indent
    return "".join((f"{outer}{yaml_text(pattern)}:\n", *(f"{outer}  {line}\n" for line in lines)))


def _place(root: Node, text: str, name: str) -> tuple[int, int]:
    """The line before which the entry goes, counted from 0, and its indentation."""
    assert isinstance(root.value, Mapping)
    checks = root.value["checks"]
    if not checks.keys or any(mark.line == root.keys["checks"].line for mark in checks.keys.values()):
        raise ConflictError(f"`checks` in {name} is in one line", fix="write each path in a line of its own")
    start = root.keys["checks"].line
    later = [mark.line for mark in root.keys.values() if mark.line > start]
    indent = min(mark.column for mark in checks.keys.values()) - 1
    return (min(later) - 1 if later else len(text.split("\n"))), indent


def _check_kept(before: Node, after: Node, name: str) -> None:
    """Raise PipelineError if the edit changed other rules."""
    old, new = _plain(before), _plain(after)
    if any(new["checks"].get(key) != value for key, value in old["checks"].items()):
        raise PipelineError(f"{name} cannot be edited", why="its form is unusual", fix="add the rules by hand")


def _plain(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = node.plain()
    return found
