"""Edits of the text of a YAML file: replaces parts of it, and leaves every other byte as it is."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from dver.core.errors import PipelineError
from dver.pipelines.definition.yaml_text import YamlEntry, YamlText, YamlValue, flow
from dver.pipelines.definition.yaml_tree import parse_yaml

_DOCUMENT_END: Final = re.compile(r"\.\.\.(\s|$)")
_TRAILING_COMMA: Final = re.compile(r"(?:\s|(?<=\s)#[^\r\n]*(?=[\r\n]))*,")


class TextEdit(NamedTuple):
    """Replaces the characters from `start` to `end`."""

    start: int
    end: int
    new: str


def changed_bytes(content: bytes, text: str, edits: Iterable[TextEdit]) -> bytes:
    """`text`, which is `content` without its byte order mark, after `edits`. Raises UnicodeEncodeError."""
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.new + text[edit.end :]
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    return mark + text.encode()


def apply_edits(content: bytes, file: YamlText, edits: Sequence[TextEdit], expected: Any) -> bytes:
    """The file after `edits`. Raises PipelineError unless its value is then `expected`."""
    try:
        changed = changed_bytes(content, file.text, edits)
        found = parse_yaml(changed, file.name).plain()
    except (PipelineError, UnicodeEncodeError) as error:
        raise by_hand(file.name, f"the result could not be read: {error}") from None
    if found != expected:
        raise by_hand(file.name, "the edit would change other parts of the file")
    return changed


def by_hand(name: str, why: str) -> PipelineError:
    """The error for a file that cannot be edited."""
    return PipelineError(f"{name} cannot be changed safely", why=why, fix="edit it by hand")


def insertion_in_flow(file: YamlText, mapping: YamlValue, new: Mapping[str, Any]) -> TextEdit:
    """Adds an entry to a mapping in braces, after the last one."""
    return insertion_of_text(file, mapping, flow(new)[1:-1])


def insertion_of_text(file: YamlText, collection: YamlValue, text: str) -> TextEdit:
    """Adds `text` to a mapping in braces or a list in brackets, after the last element."""
    if not collection.children:
        return TextEdit(collection.end - 1, collection.end - 1, text)
    at = collection.children[-1].end
    comma = _TRAILING_COMMA.match(file.text, at, collection.end - 1)
    if comma:
        return TextEdit(comma.end(), comma.end(), f" {text},")
    return TextEdit(at, at, f", {text}")


def removal_in_flow(collection: YamlValue, child: YamlEntry | YamlValue) -> TextEdit:
    """Removes an element of a mapping in braces or a list in brackets, with its comma."""
    children = collection.children
    at = children.index(child)
    if at + 1 < len(children):
        return TextEdit(child.start, children[at + 1].start, "")
    return TextEdit(children[at - 1].end if at > 0 else child.start, child.end, "")


def removal_of_lines(file: YamlText, first: int, last: int) -> TextEdit:
    """Removes lines, and one of two empty lines around them."""
    blank = [not line.strip() for line in file.lines]
    if first > 0 and blank[first - 1] and blank[min(last + 1, len(blank) - 1)]:
        first -= 1
    return TextEdit(file.starts[first], file.starts[last + 1], "")


def insertion_after(file: YamlText, line: int, new: Iterable[str], indent: int = 0) -> TextEdit:
    """Inserts lines after `line`; -1 for the beginning."""
    at, eol = file.starts[line + 1], file.line_ending
    begin = "" if line < 0 or file.ending(line) else eol
    return TextEdit(at, at, begin + "".join((" " * indent + one if one else "") + eol for one in new))


def end_of_document(file: YamlText, last: int) -> int:
    """The last line of the document, comments included; `last` is the last line of its values."""
    for line in range(last + 1, len(file.lines)):
        if _DOCUMENT_END.match(file.lines[line]):
            return line - 1
    return max(last, file.last_line(len(file.text.rstrip())) if file.text.strip() else -1)


def after_comments(file: YamlText, end: int, indent: int) -> int:
    """The line that ends at `end`, or the last of the comments after it that are indented by at least `indent`."""
    last = file.last_line(end)
    for number in range(last + 1, len(file.lines)):
        line = file.lines[number]
        text = line.lstrip()
        if text and not (text.startswith("#") and len(line) - len(text) >= indent):
            break
        last = number if text else last
    return last


def lines_of(file: YamlText, entry: YamlEntry) -> tuple[int, int]:
    """The first and the last line of an entry in block style."""
    first = file.line(entry.key.start)
    if file.text[file.starts[first] : entry.key.start].strip():
        raise by_hand(file.name, f"line {first + 1} contains something else")
    return first, file.last_line(entry.end)
