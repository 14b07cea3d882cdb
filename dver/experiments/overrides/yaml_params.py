"""Changes in the text of YAML files of parameters: comments, order, quoting and line endings stay."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from dver.experiments.overrides.changes import ChangeKind, ParamChange, value_at
from dver.pipelines.definition.yaml_edits import (
    TextEdit,
    by_hand,
    changed_bytes,
    end_of_document,
    insertion_after,
    insertion_in_flow,
    insertion_of_text,
    lines_of,
    removal_in_flow,
    removal_of_lines,
)
from dver.pipelines.definition.yaml_text import YamlEntry, YamlText, YamlValue, flow, read_yaml_text, scalar

_DATE: Final = re.compile(r"\d{4}-\d\d?-\d\d?(?:(?:[Tt]|[ \t]+)[\d:.]+(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)?")
"""What readers of YAML 1.1 take for a date; for dver it is text."""
_ANCHOR: Final = re.compile(r"&[^\s,\[\]{}]+\s*")


def edit_yaml(content: bytes, name: str, change: ParamChange, after: Any) -> bytes:
    """The YAML file `name` with one change; `after` are all its values afterwards. The result is still to be verified.

    Raises PipelineError for a file that cannot be edited.
    """
    file = read_yaml_text(content, name)
    return changed_bytes(content, file.text, _edits(file, change, after))


def _edits(file: YamlText, change: ParamChange, after: Any) -> list[TextEdit]:
    root = file.root
    if root is None or not (root.is_mapping or root.is_alias):
        if root is not None and root.end > root.start:
            return [TextEdit(root.start, root.end, flow(after))]
        return [insertion_after(file, end_of_document(file, -1), _lines(after))]
    parent: YamlEntry | YamlValue = root
    for depth, part in enumerate(change.path):
        value = _value_of(parent)
        if value.is_alias:
            return _replacement(file, parent, value_at(after, change.path[:depth]))
        child = _child(value, part)
        if child is None and change.kind is ChangeKind.REMOVE:
            raise by_hand(file.name, f"{part!r} comes from a merge key")
        if child is None:
            return [_addition(file, value, part, value_at(after, change.path[: depth + 1]))]
        if depth == len(change.path) - 1:
            if change.kind is ChangeKind.REMOVE:
                return _removal(file, parent, child)
            return _replacement(file, child, change.value, in_flow=value.is_flow)
        parent = child
    raise AssertionError("a change has a path")


def _value_of(child: YamlEntry | YamlValue) -> YamlValue:
    return child.value if isinstance(child, YamlEntry) else child


def _child(value: YamlValue, part: str | int) -> YamlEntry | YamlValue | None:
    """The entry or element of `value` that is written in place; None for one that does not exist or is merged."""
    if isinstance(part, str):
        return value.entry(part)
    return value.items[part] if part < len(value.items) else None


def _lines(values: Any) -> list[str]:
    return [f"{scalar(key)}: {flow_value(value)}" for key, value in values.items()]


def flow_value(value: Any) -> str:
    """A value in one line, for a block mapping or list."""
    return flow(value) if isinstance(value, (dict, list)) else flow([value])[1:-1]


def _addition(file: YamlText, collection: YamlValue, part: str | int, value: Any) -> TextEdit:
    """Adds an entry to a mapping, or an element to a list."""
    if collection.is_flow:
        if isinstance(part, int):
            return insertion_of_text(file, collection, flow_value(value))
        return insertion_in_flow(file, collection, {part: value})
    first, last = collection.children[0], collection.children[-1]
    line = file.last_line(_end(file, last))
    if isinstance(part, int):
        return insertion_after(file, line, [f"- {flow_value(value)}"], _column(file, _dash(file, _value_of(first))))
    return insertion_after(file, line, _lines({part: value}), file.column(collection.entries[0].key))


def _dash(file: YamlText, item: YamlValue) -> int:
    """The offset of the dash before an element of a list, in the line of the element."""
    line = file.line(item.start)
    match = re.search(r"-[ \t]*$", file.text[file.starts[line] : item.start])
    if match is None:
        raise by_hand(file.name, f"the list in line {line + 1} has an unusual layout")
    return file.starts[line] + match.start()


def _end(file: YamlText, child: YamlEntry | YamlValue) -> int:
    """The offset after the last character of an entry or element that is not white space."""
    return child.start + len(file.text[child.start : child.end].rstrip())


def _replacement(file: YamlText, child: YamlEntry | YamlValue, value: Any, *, in_flow: bool = False) -> list[TextEdit]:
    """Writes `value` in place of the value of an entry or element."""
    old = _value_of(child)
    start, end = old.start, old.start + len(file.text[old.start : old.end].rstrip())
    new = _rendered(file.text[start:end], value)
    if end == start:  # an empty value, which is null
        has_colon = isinstance(child, YamlValue) or ":" in file.text[child.key.end : start]
        return [TextEdit(start, end, f" {new}" if has_colon else f": {new}")]
    if isinstance(child, YamlEntry) and not in_flow and file.line(start) > file.line(child.key.end):
        colon = file.text.find(":", child.key.end, start)
        first, last = file.line(start), file.last_line(end)
        if colon < 0 or file.text[child.key.end : colon].strip() or file.text[file.starts[first] : start].strip(" -"):
            raise by_hand(file.name, f"line {file.line(child.key.start) + 1} has an unusual layout")
        return [
            TextEdit(colon + 1, colon + 1, f" {new}"),
            TextEdit(file.starts[first], file.starts[last + 1], ""),
        ]
    return [TextEdit(start, end, new)]


def _rendered(old: str, value: Any) -> str:
    """`value` as YAML, with the anchor and in the quotes of the old value. A date without quotes stays one."""
    anchor = _ANCHOR.match(old)
    if anchor is not None:
        return anchor[0].rstrip() + " " + _rendered(old[anchor.end() :], value)
    if isinstance(value, str) and value.isprintable():
        if _DATE.fullmatch(old) and _DATE.fullmatch(value):
            return value
        if old.startswith("'"):
            return "'" + value.replace("'", "''") + "'"
        if old.startswith('"'):
            return json.dumps(value, ensure_ascii=False)
    return flow_value(value)


def _removal(file: YamlText, parent: YamlEntry | YamlValue, child: YamlEntry | YamlValue) -> list[TextEdit]:
    """Removes an entry or an element."""
    collection = _value_of(parent)
    children: tuple[YamlEntry | YamlValue, ...] = collection.children
    at = children.index(child)
    if collection.is_flow:
        return [removal_in_flow(collection, child)]
    if len(children) == 1 and parent is not file.root:
        return _replacement(file, parent, {} if collection.is_mapping else [])
    starts = [_dash(file, one) if isinstance(one, YamlValue) else one.start for one in children]
    if file.text[: starts[at]].rpartition("\n")[2].strip() and at + 1 < len(children):
        return [TextEdit(starts[at], starts[at + 1], "")]  # the first one, behind a dash
    if isinstance(child, YamlEntry):
        lines_of(file, child)
    return [removal_of_lines(file, file.line(starts[at]), file.last_line(_end(file, child)))]


def _column(file: YamlText, offset: int) -> int:
    return offset - file.starts[file.line(offset)]
