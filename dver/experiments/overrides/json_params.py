"""Changes in the text of JSON files of parameters: layout and order stay."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any, Final

from dver.experiments.overrides.changes import ChangeKind, ParamChange
from dver.pipelines.definition.yaml_edits import TextEdit, by_hand, changed_bytes, removal_in_flow
from dver.pipelines.definition.yaml_text import YamlEntry, YamlValue

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_ATOM: Final = re.compile(r"[-+.\w]+")


def edit_json(content: bytes, name: str, change: ParamChange, after: Any) -> bytes:
    """The JSON file `name` with one change. The result is still to be verified.

    Raises PipelineError for a file that is not UTF-8.
    """
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError:
        raise by_hand(name, "it is not UTF-8") from None
    collection, _ = _value(text, 0)
    *above, last = change.path
    for part in above:
        collection = _value_of(_child(collection, part))
    if change.kind is ChangeKind.INSERT:
        edit = _insertion(text, collection, last, change.value)
    elif change.kind is ChangeKind.REMOVE:
        edit = removal_in_flow(collection, _child(collection, last))
    else:
        old = _value_of(_child(collection, last))
        edit = TextEdit(old.start, old.end, _rendered(change.value))
    return changed_bytes(content, text, [edit])


def _rendered(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _value_of(child: YamlEntry | YamlValue) -> YamlValue:
    return child.value if isinstance(child, YamlEntry) else child


def _child(collection: YamlValue, part: str | int) -> YamlEntry | YamlValue:
    """An entry of an object, of duplicates the last one, which counts; or an element of an array."""
    if isinstance(part, int):
        return collection.items[part]
    return next(one for one in reversed(collection.entries) if one.key.scalar == part)


def _insertion(text: str, collection: YamlValue, part: str | int, value: Any) -> TextEdit:
    """Adds an entry or element after the last one, in a line of its own if that has one."""
    new = _rendered(value) if isinstance(part, int) else f"{_rendered(part)}: {_rendered(value)}"
    if not collection.children:
        return TextEdit(collection.start + 1, collection.end - 1, new)
    last = collection.children[-1]
    indent = re.search(r"(?:\r?\n)[ \t]*$", text[: last.start])
    return TextEdit(last.end, last.end, f",{indent[0] if indent else ' '}{new}")


def _value(text: str, at: int) -> tuple[YamlValue, int]:
    """The value at `at` in valid JSON with its position, and the offset of what follows it."""
    at = _skip(text, at)
    if text[at] == "{":
        return _object(text, at)
    if text[at] == "[":
        return _array(text, at)
    if text[at] == '"':
        match = _STRING.match(text, at)
        assert match is not None, "the file was parsed before"
        return YamlValue(at, match.end(), json.loads(match[0])), match.end()
    match = _ATOM.match(text, at)
    assert match is not None, "the file was parsed before"
    return YamlValue(at, match.end(), match[0]), match.end()


def _object(text: str, start: int) -> tuple[YamlValue, int]:
    entries: list[YamlEntry] = []
    at = _skip(text, start + 1)
    while text[at] != "}":
        key, at = _value(text, at)
        value, at = _value(text, _skip(text, at) + 1)
        entries.append(YamlEntry(key, value))
        at = _after_comma(text, at)
    return YamlValue(start, at + 1, is_mapping=True, is_flow=True, entries=tuple(entries)), at + 1


def _array(text: str, start: int) -> tuple[YamlValue, int]:
    items: list[YamlValue] = []
    at = _skip(text, start + 1)
    while text[at] != "]":
        value, at = _value(text, at)
        items.append(value)
        at = _after_comma(text, at)
    return YamlValue(start, at + 1, is_flow=True, items=tuple(items)), at + 1


def _after_comma(text: str, at: int) -> int:
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at


def _skip(text: str, at: int) -> int:
    """The offset after white space."""
    match = _SPACE.match(text, at)
    return match.end() if match else at
