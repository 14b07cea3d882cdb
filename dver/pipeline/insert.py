"""Changes of a `dver.yaml` that leave every other byte of it as it is: comments, order, quoting, indentation, endings.

Text is put in or taken out; nothing is written anew. What comes out is read again, and has to say what was there
before, with the change and nothing else.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dver.core.errors import PipelineError
from dver.pipeline.yamltext import Entry, Piece, Place, Text, read_text, scalar
from dver.pipeline.yamltree import Mark, parse, wrong

Definition = Mapping[str, Any]
"""What `dver.yaml` says of a stage: text, numbers, true and false, None, lists and mappings."""

_STEP = 2


def add_stage(content: bytes, stage: str, definition: Definition, *, name: str, replace: bool = False) -> bytes:
    """The file `name` with one more stage, the last one; or, with `replace`, in the place of the one of that name.

    Raises PipelineError if there is one already, and for a file in which there is no safe place for it.
    """
    text = read_text(content, name)
    before = parse(content, name).plain() or {}
    if not isinstance(before, dict) or not isinstance(before.get("stages") or {}, dict):
        raise PipelineError(f"{name}: expected a mapping, in which `stages` is another one")
    there = before.get("stages") or {}
    if stage in there and not replace:
        raise PipelineError(f"there is a stage {stage!r} already in {name}", fix="give another name, or --force")
    edits = _replacing(text, name, stage, definition) if stage in there else _adding(text, name, stage, definition)
    expected = {**before, "stages": {**there, stage: _plain(definition)}}
    return _checked(content, text, edits, expected, name)


def set_frozen(content: bytes, stage: str, frozen: bool, *, name: str) -> bytes:
    """The file `name` with `stage` (or the foreach or matrix of that name) frozen, or not frozen any more."""
    text = read_text(content, name)
    before = parse(content, name).plain()
    said = before["stages"][stage]
    inner = "do" in said
    definition = said["do"] if inner else said
    if bool(definition.get("frozen", False)) is frozen:
        return content
    piece = _stages(text, name).value.entry(stage)
    piece = piece.value.entry("do") if piece is not None and inner else piece
    if piece is None or not piece.value.is_mapping:
        raise _by_hand(name, f"stage {stage!r} is taken from elsewhere in the file")
    changed = {key: value for key, value in definition.items() if key != "frozen"}
    edits, says = _freezing(text, piece.value, frozen)
    if says is not None:
        changed["frozen"] = says
    after = {**said, "do": changed} if inner else changed
    expected = {**before, "stages": {**before["stages"], stage: after}}
    return _checked(content, text, edits, expected, name)


def remove_stage(content: bytes, stage: str, *, name: str) -> bytes:
    """The file `name` without `stage`, or the foreach or matrix of that name. Comments above it stay."""
    text = read_text(content, name)
    before = parse(content, name).plain()
    stages = _stages(text, name)
    entry = stages.value.entry(stage)
    if entry is None:
        raise _by_hand(name, f"stage {stage!r} is taken from elsewhere in the file")
    expected = {**before, "stages": {key: one for key, one in before["stages"].items() if key != stage}}
    is_flow = stages.value.is_flow
    edits = _out_of_flow(text, stages.value, entry) if is_flow else _without_lines(text, name, stages, entry)
    return _checked(content, text, edits, expected, name)


class Edit(NamedTuple):
    """Characters from `start` to `end`, and what takes their place."""

    start: int
    end: int
    new: str


def _checked(content: bytes, text: Text, edits: Sequence[Edit], expected: Any, name: str) -> bytes:
    whole = text.whole
    for edit in sorted(edits, reverse=True):
        whole = whole[: edit.start] + edit.new + whole[edit.end :]
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    try:
        changed = mark + whole.encode()
        found = parse(changed, name).plain()
    except (PipelineError, UnicodeEncodeError) as error:
        raise _by_hand(name, f"the result could not be read: {error}") from None
    if found != expected:
        raise _by_hand(name, "something else would change its meaning, too")
    return changed


def _by_hand(name: str, why: str) -> PipelineError:
    return PipelineError(f"{name} cannot be changed safely", why=why, fix="edit it by hand")


def _stages(text: Text, name: str) -> Entry:
    found = text.root.entry("stages") if text.root is not None else None
    if found is None:
        raise PipelineError(f"{name} has no stages")
    return found


def _adding(text: Text, name: str, stage: str, definition: Definition) -> list[Edit]:
    root = text.root
    if root is None or not root.entries:
        if root is not None and root.is_flow:
            return [_into_flow(text, root, "stages", {stage: definition})]
        return [_lines_after(text, _end_of_document(text, None), _block({"stages": {stage: definition}}, 0, _STEP))]
    if not root.is_mapping:
        raise wrong(Mark(name, root.start.line + 1, root.start.column + 1), "expected a mapping")
    stages = root.entry("stages")
    if root.is_flow:
        return [_into_flow(text, root if stages is None else stages.value, *_nested(stages, stage, definition))]
    column = root.start.column
    if stages is None:
        block = _block({"stages": {stage: definition}}, column, _STEP)
        return [_lines_after(text, _end_of_document(text, root), [*_gap(text, root), *block])]
    return _into_stages(text, name, stages, column, stage, definition)


def _nested(stages: Entry | None, stage: str, definition: Definition) -> tuple[str, Definition]:
    return ("stages", {stage: definition}) if stages is None else (stage, definition)


def _into_stages(text: Text, name: str, stages: Entry, column: int, stage: str, definition: Definition) -> list[Edit]:
    value = stages.value
    if value.is_alias:
        raise _by_hand(name, "`stages` is an alias")
    if value.is_mapping and not value.is_flow:
        indent = value.entries[0].key.start.column
        line = _after_comments(text, text.last_line(value.end), indent)
        block = _block({stage: definition}, indent, _step_of(value, indent - column))
        return [_lines_after(text, line, [*_gap(text, value), *block])]
    start, end = text.offset(value.start), text.offset(value.end)
    said = text.whole[start:end]
    if value.is_mapping and not re.fullmatch(r"\{ *\}", said):
        return [_into_flow(text, value, stage, definition)]
    # Nothing is there yet, said in one way or another: `stages:`, `stages: {}`, `stages: null`.
    while end > start and text.whole[start - 1] == " ":
        start -= 1
    line = _after_comments(text, text.last_line(value.end), column + 1)
    edits = [Edit(start, end, "")] if said else []
    return [*edits, _lines_after(text, line, _block({stage: definition}, column + _STEP, _STEP))]


def _replacing(text: Text, name: str, stage: str, definition: Definition) -> list[Edit]:
    stages = _stages(text, name)
    entry = stages.value.entry(stage)
    if entry is None:
        raise _by_hand(name, f"stage {stage!r} is taken from elsewhere in the file")
    if stages.value.is_flow:
        new = _flow({stage: definition})[1:-1]
        return [Edit(text.offset(entry.key.start), text.offset(entry.end), new)]
    indent = entry.key.start.column
    last = text.last_line(entry.end)
    assert text.root is not None
    block = _block({stage: definition}, indent, _step_of(stages.value, indent - text.root.start.column))
    return [_lines_instead(text, name, entry.key.start, last, block)]


def _out_of_flow(text: Text, piece: Piece, entry: Entry) -> list[Edit]:
    """Without one of the entries of a mapping in braces, and the comma that goes with it."""
    at = piece.entries.index(entry)
    start, end = text.offset(entry.key.start), text.offset(entry.end)
    if at + 1 < len(piece.entries):
        end = text.offset(piece.entries[at + 1].key.start)
    elif at > 0:
        start = text.offset(piece.entries[at - 1].end)
    return [Edit(start, end, "")]


def _without_lines(text: Text, name: str, stages: Entry, entry: Entry) -> list[Edit]:
    """Without the lines of one of the entries of a mapping in lines, and the empty line that parts it from others."""
    first, last = entry.key.start.line, text.last_line(entry.end)
    if text.bare(first)[: entry.key.start.column].strip():
        raise _by_hand(name, f"there is something else in line {first + 1}")
    if first > 0 and not text.bare(first - 1).strip() and not text.bare(min(last + 1, len(text.lines) - 1)).strip():
        first -= 1
    edits = [Edit(text.starts[first], text.starts[last] + len(text.lines[last]), "")]
    if len(stages.value.entries) == 1:
        at = text.whole.index(":", text.offset(stages.key.end)) + 1
        edits.append(Edit(at, at, " {}"))
    return edits


def _freezing(text: Text, stage: Piece, frozen: bool) -> tuple[list[Edit], bool | None]:
    """How a stage is frozen or not, and what it says afterwards; None for nothing."""
    said = stage.entry("frozen")
    if said is not None:
        start, end = text.offset(said.value.start), text.offset(said.value.end)
        line = said.key.start.line
        alone = not stage.is_flow and text.bare(line).strip() == text.whole[text.offset(said.key.start) : end]
        if alone and not frozen and len(stage.entries) > 1 and text.last_line(said.end) == line:
            return [Edit(text.starts[line], text.starts[line] + len(text.lines[line]), "")], None
        return [Edit(start, end, "true" if frozen else "false")], frozen
    if stage.is_flow:
        return [_into_flow(text, stage, "frozen", frozen)], frozen
    indent = stage.entries[0].key.start.column
    return [_lines_after(text, text.last_line(stage.end), _block({"frozen": frozen}, indent, _STEP))], frozen


def _into_flow(text: Text, piece: Piece, key: str, value: Any) -> Edit:
    """One more entry of a mapping in braces, behind the last one."""
    new = _flow({key: value})[1:-1]
    if not piece.entries:
        at = text.offset(piece.end) - 1
        return Edit(at, at, new)
    at = text.offset(max(one.end for one in piece.entries))
    comma = re.match(r"(?:\s|(?<=\s)#[^\r\n]*(?=[\r\n]))*,", text.whole[at : text.offset(piece.end) - 1])
    if comma:
        return Edit(at + comma.end(), at + comma.end(), f" {new},")
    return Edit(at, at, f", {new}")


def _lines_after(text: Text, line: int, block: Sequence[str]) -> Edit:
    """`block` after a line; -1 for the beginning."""
    at = text.starts[line] + len(text.lines[line]) if line >= 0 else 0
    unended = line >= 0 and text.bare(line) == text.lines[line]
    return Edit(at, at, (text.eol if unended else "") + "".join(one + text.eol for one in block))


def _lines_instead(text: Text, name: str, first: Place, last: int, block: Sequence[str]) -> Edit:
    if text.bare(first.line)[: first.column].strip():
        raise _by_hand(name, f"there is something else in line {first.line + 1}")
    ending = text.lines[last][len(text.bare(last)) :]
    end = text.starts[last] + len(text.lines[last])
    return Edit(text.starts[first.line], end, text.eol.join(block) + ending)


def _end_of_document(text: Text, root: Piece | None) -> int:
    """The last line before the end of the document, comments included."""
    first = text.last_line(root.end) if root is not None and root.entries else -1
    for line in range(first + 1, len(text.lines)):
        if re.match(r"\.\.\.(\s|$)", text.lines[line]):
            return line - 1
    last = len(text.lines) - 1
    while last > first and not text.lines[last].strip():
        last -= 1
    return last


def _after_comments(text: Text, line: int, indent: int) -> int:
    """`line`, or the last of the comments after it that are indented at least so far."""
    last = line
    for number in range(line + 1, len(text.lines)):
        bare = text.bare(number)
        if bare.strip() and not (bare.lstrip().startswith("#") and len(bare) - len(bare.lstrip()) >= indent):
            break
        last = number if bare.strip() else last
    return last


def _gap(text: Text, piece: Piece) -> list[str]:
    """An empty line, if there is one before the last of the entries."""
    if len(piece.entries) < 2:
        return []
    above = piece.entries[-1].key.start.line - 1
    while above > 0 and text.bare(above).lstrip().startswith("#"):
        above -= 1
    return [] if text.bare(above).strip() else [""]


def _step_of(stages: Piece, default: int) -> int:
    """By how much what is in a stage is indented."""
    for entry in stages.entries:
        if entry.value.is_mapping and not entry.value.is_flow and entry.value.entries:
            return max(1, entry.value.entries[0].key.start.column - entry.key.start.column)
    return max(1, default)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _block(value: Mapping[str, Any], indent: int, step: int) -> list[str]:
    """A mapping as lines."""
    pad = " " * indent
    lines = []
    for key, one in value.items():
        head = f"{pad}{scalar(key)}:"
        if isinstance(one, Mapping):
            lines += [head, *_block(one, indent + step, step)]
        elif isinstance(one, (list, tuple)):
            lines += [head, *(line for item in one for line in _item(item, indent, step))]
        else:
            lines.append(head if one is None else f"{head} {_single(one, flow=False)}")
    return lines


def _item(value: Any, indent: int, step: int) -> list[str]:
    pad = " " * indent
    if not isinstance(value, Mapping):
        return [f"{pad}- {_single(value, flow=False)}"]
    first, *rest = _block(value, indent + 2, step)
    return [f"{pad}- {first[indent + 2 :]}", *rest]


def _flow(value: Any) -> str:
    """A value in braces and brackets, in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key, flow=True)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return "null" if value is None else _single(value, flow=True)


def _single(value: str | bool | int | float, *, flow: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return scalar(value, flow=flow) if isinstance(value, str) else repr(value)
