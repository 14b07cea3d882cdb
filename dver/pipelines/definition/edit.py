"""Edits of a `dver.yaml` that leave every other byte as it is: comments, order, quoting, indentation, line endings.

Each edit replaces a part of the text. The result is parsed, and must mean what the file meant before, with the
requested change and no other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dver.core.errors import PipelineError
from dver.pipelines.definition.yaml_edits import (
    TextEdit,
    after_comments,
    apply_edits,
    by_hand,
    end_of_document,
    insertion_after,
    insertion_in_flow,
    lines_of,
    removal_in_flow,
    removal_of_lines,
)
from dver.pipelines.definition.yaml_text import YamlEntry, YamlText, YamlValue, block, flow, read_yaml_text

Definition = Mapping[str, Any]
"""A stage as `dver.yaml` has it: text, numbers, booleans, None, lists and dictionaries."""

_STEP = 2


def add_stage(content: bytes, stage: str, definition: Definition, *, name: str, replace: bool = False) -> bytes:
    """The file `name` with a new last stage; or, with `replace`, with a new definition of an existing stage.

    Raises PipelineError if the stage exists already, and for a file that cannot be changed safely.
    """
    file = read_yaml_text(content, name)
    before = file.plain or {}
    if not isinstance(before, dict) or not isinstance(before.get("stages") or {}, dict):
        raise PipelineError(f"{name}: expected a mapping with a mapping `stages`")
    stages = before.get("stages") or {}
    if stage in stages and not replace:
        raise PipelineError(f"stage {stage!r} already exists in {name}", fix="choose another name, or use --force")
    new = {stage: definition}
    edits = _replacement_edits(file, stage, new) if stage in stages else _addition_edits(file, new)
    return apply_edits(content, file, edits, {**before, "stages": {**stages, **new}})


def set_frozen(content: bytes, stage: str, frozen: bool, *, name: str) -> bytes:
    """The file `name` with `stage` (or the foreach or matrix of that name) frozen, or no longer frozen."""
    file = read_yaml_text(content, name)
    stages = file.plain["stages"]
    whole = stages[stage]
    nested = "do" in whole
    definition = whole["do"] if nested else whole
    if bool(definition.get("frozen", False)) is frozen:
        return content
    entry = _entry(file, stage)
    inner = entry.value.entry("do") if nested else entry
    if inner is None or not inner.value.is_mapping:
        raise _not_written_in_place(file, stage)
    edit, key = _freeze_edit(file, inner.value, frozen)
    changed = {**{key: one for key, one in definition.items() if key != "frozen"}, **key}
    after = {**whole, "do": changed} if nested else changed
    return apply_edits(content, file, [edit], {**file.plain, "stages": {**stages, stage: after}})


def remove_stage(content: bytes, stage: str, *, name: str) -> bytes:
    """The file `name` without `stage`, or the foreach or matrix of that name. Comments above it stay."""
    file = read_yaml_text(content, name)
    entry = _entry(file, stage)
    whole = _stages(file).value
    edits = [removal_in_flow(whole, entry)] if whole.is_flow else _removal_of_lines(file, entry)
    stages = {key: one for key, one in file.plain["stages"].items() if key != stage}
    return apply_edits(content, file, edits, {**file.plain, "stages": stages})


def _not_written_in_place(file: YamlText, stage: str) -> PipelineError:
    return by_hand(file.name, f"stage {stage!r} comes from an alias or a merge key")


def _stages(file: YamlText) -> YamlEntry:
    entry = file.root.entry("stages") if file.root is not None else None
    if entry is None:
        raise PipelineError(f"{file.name} has no stages")
    return entry


def _entry(file: YamlText, stage: str) -> YamlEntry:
    entry = _stages(file).value.entry(stage)
    if entry is None:
        raise _not_written_in_place(file, stage)
    return entry


def _addition_edits(file: YamlText, new: Mapping[str, Definition]) -> list[TextEdit]:
    root = file.root
    if root is None or not (root.entries or root.is_flow):
        return [insertion_after(file, end_of_document(file, -1), block({"stages": new}, _STEP))]
    entry = root.entry("stages")
    if entry is None and root.is_flow:
        return [insertion_in_flow(file, root, {"stages": new})]
    column = file.column(root)
    if entry is None:
        line = end_of_document(file, file.last_line(root.end))
        return [insertion_after(file, line, [*_gap(file, root), *block({"stages": new}, _STEP)], column)]
    if entry.value.is_alias:
        raise by_hand(file.name, "`stages` is an alias")
    is_empty = re.fullmatch(r"\{ *\}", file.text[entry.value.start : entry.value.end])
    if entry.value.is_flow and (root.is_flow or not is_empty):
        return [insertion_in_flow(file, entry.value, new)]
    return _addition_of_lines(file, entry.value, column, new)


def _addition_of_lines(file: YamlText, stages: YamlValue, column: int, new: Mapping[str, Definition]) -> list[TextEdit]:
    """Adds a stage in block style; the key `stages` is in `column`."""
    start, end = stages.start, stages.end
    if stages.entries and not stages.is_flow:
        indent = file.column(stages.entries[0].key)
        lines = [*_gap(file, stages), *block(new, _step_of(file, stages, indent - column))]
        return [insertion_after(file, after_comments(file, end, indent), lines, indent)]
    # An empty mapping: `stages:`, `stages: {}` or `stages: null`.
    edits = [TextEdit(len(file.text[:start].rstrip(" ")), end, "")] if end > start else []
    line = after_comments(file, end, column + 1)
    return [*edits, insertion_after(file, line, block(new, _STEP), column + _STEP)]


def _replacement_edits(file: YamlText, stage: str, new: Mapping[str, Definition]) -> list[TextEdit]:
    stages, entry = _stages(file).value, _entry(file, stage)
    if stages.is_flow:
        return [TextEdit(entry.key.start, entry.end, flow(new)[1:-1])]
    first, last = lines_of(file, entry)
    indent = file.column(entry.key)
    assert file.root is not None
    lines = block(new, _step_of(file, stages, indent - file.column(file.root)))
    text = file.line_ending.join(" " * indent + line for line in lines)
    return [TextEdit(file.starts[first], file.starts[last + 1], text + file.ending(last))]


def _removal_of_lines(file: YamlText, entry: YamlEntry) -> list[TextEdit]:
    """Removes the lines of an entry."""
    edits = [removal_of_lines(file, *lines_of(file, entry))]
    stages = _stages(file)
    if len(stages.value.entries) == 1:
        at = file.text.index(":", stages.key.end) + 1
        edits.append(TextEdit(at, at, " {}"))
    return edits


def _freeze_edit(file: YamlText, stage: YamlValue, frozen: bool) -> tuple[TextEdit, dict[str, bool]]:
    """The edit that freezes a stage or not, and the key `frozen` afterwards, if there is one."""
    key = {"frozen": frozen}
    entry = stage.entry("frozen")
    if entry is None and stage.is_flow:
        return insertion_in_flow(file, stage, key), key
    if entry is None:
        return insertion_after(
            file, file.last_line(stage.end), block(key, _STEP), file.column(stage.entries[0].key)
        ), key
    line = file.line(entry.key.start)
    alone = not stage.is_flow and file.lines[line].strip() == file.text[entry.key.start : entry.end]
    if alone and not frozen and len(stage.entries) > 1:
        return TextEdit(file.starts[line], file.starts[line + 1], ""), {}
    return TextEdit(entry.value.start, entry.value.end, "true" if frozen else "false"), key


def _gap(file: YamlText, mapping: YamlValue) -> list[str]:
    """An empty line, if there is one before the last entry."""
    if len(mapping.entries) < 2:
        return []
    above = file.line(mapping.entries[-1].key.start) - 1
    while above > 0 and file.lines[above].lstrip().startswith("#"):
        above -= 1
    return [] if file.lines[above].strip() else [""]


def _step_of(file: YamlText, stages: YamlValue, default: int) -> int:
    """The indentation of the keys of a stage, relative to its name."""
    for entry in stages.entries:
        if entry.value.entries and not entry.value.is_flow:
            return max(1, file.column(entry.value.entries[0].key) - file.column(entry.key))
    return max(1, default)
