"""The text of a YAML file: the positions of its values, and new values written as YAML."""

from __future__ import annotations

import codecs
import json
import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, Final

from dver.core.errors import PipelineError
from dver.pipelines.definition.yaml_tree import parse_yaml, resolves_to_text

_PLAIN: Final = re.compile(r"(?:\d+[A-Za-z]|[A-Za-z_./$])[\w./$%+=@^(){}\[\]<>|;,!?*&~-]*(?: [^\s#:'\"`]\S*)*")
_YAML_1_1_BOOLS: Final = frozenset(("y", "n", "yes", "no", "on", "off"))
_FLOW_MARKS: Final = frozenset(",[]{}?")
_PRINTABLE: Final = re.compile("[\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*")
_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class YamlValue:
    """A value in the text: the offset of its first character, and the offset after its last one."""

    start: int
    end: int
    scalar: str = ""
    is_mapping: bool = False
    is_alias: bool = False
    is_flow: bool = False
    entries: tuple[YamlEntry, ...] = ()
    """The keys and values of a mapping."""
    items: tuple[YamlValue, ...] = ()
    """The elements of a list."""

    @property
    def children(self) -> tuple[YamlEntry, ...] | tuple[YamlValue, ...]:
        """The entries of a mapping, or the elements of a list."""
        return self.entries if self.is_mapping else self.items

    def entry(self, key: str) -> YamlEntry | None:
        """The entry of a mapping with this key."""
        return next((one for one in self.entries if one.key.scalar == key), None)


@dataclass(frozen=True, slots=True)
class YamlEntry:
    """A key of a mapping with its value."""

    key: YamlValue
    value: YamlValue

    @property
    def start(self) -> int:
        """The offset of the first character of the key."""
        return self.key.start

    @property
    def end(self) -> int:
        """The offset after the last character of the entry."""
        return max(self.key.end, self.value.end)


@dataclass(frozen=True)
class YamlText:
    """A YAML file: its text, the positions of its values, and the values themselves. Lines count from 0."""

    name: str
    text: str
    root: YamlValue | None
    """None for an empty file."""
    plain: Any

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines, each with its line ending."""
        return tuple(self.text.splitlines(keepends=True))

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The offset of each line, and the length of the text."""
        return tuple(accumulate(map(len, self.lines), initial=0))

    def ending(self, line: int) -> str:
        """The line ending of a line; empty at the end of a file that does not end with one."""
        text = self.lines[line]
        return text[len(text.splitlines()[0]) :]

    @property
    def line_ending(self) -> str:
        """The line ending for new lines: that of the first line."""
        return (self.lines and self.ending(0)) or "\n"

    def line(self, offset: int) -> int:
        """The line that has the character at `offset`."""
        return bisect_right(self.starts, offset) - 1

    def last_line(self, end: int) -> int:
        """The line of the last character before the offset `end`."""
        return self.line(max(end - 1, 0))

    def column(self, value: YamlValue) -> int:
        """The number of characters before `value` in its line."""
        return value.start - self.starts[self.line(value.start)]


def read_yaml_text(content: bytes, name: str) -> YamlText:
    """Read the file `name`. Raises PipelineError for a file that is not YAML or not UTF-8."""
    import yaml

    plain = parse_yaml(content, name).plain()
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError:
        fix = "save it as UTF-8, or edit it by hand"
        raise PipelineError(f"{name} cannot be changed", why="it is not UTF-8", fix=fix) from None
    events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    first = next((event for event in events if isinstance(event, yaml.NodeEvent)), None)
    return YamlText(name, text, None if first is None else _value(text, first, events), plain)


def _value(text: str, event: Any, events: Iterator[Any]) -> YamlValue:
    """The value that begins with `event`. `parse_yaml` has limited the depth of nesting."""
    import yaml

    start, end = _offsets(event)
    if isinstance(event, yaml.AliasEvent):
        return YamlValue(start, end, is_alias=True)
    if isinstance(event, yaml.ScalarEvent):
        if event.style in ("|", ">") and "+" not in text[start : start + 3]:
            end = start + len(text[start:end].rstrip())  # empty lines at the end are not part of the value
        return YamlValue(start, end, event.value)
    children: list[YamlValue] = []
    while not isinstance(inner := next(events), yaml.CollectionEndEvent):
        children.append(_value(text, inner, events))
    is_mapping = isinstance(event, yaml.MappingStartEvent)
    entries = tuple(map(YamlEntry, children[::2], children[1::2])) if is_mapping else ()
    # The parser notices the end of a block at the next token; the block ends with its last value.
    end = _offsets(inner)[1] if event.flow_style else max((one.end for one in children), default=end)
    items = () if is_mapping else tuple(children)
    return YamlValue(start, end, is_mapping=is_mapping, is_flow=event.flow_style, entries=entries, items=items)


def _offsets(event: Any) -> tuple[int, int]:
    return event.start_mark.index, event.end_mark.index


def block(value: Any, step: int) -> Iterator[str]:
    """`value` in block style, as lines. `step` is the indentation of a mapping in a mapping."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            inner = block(one, step)
            if isinstance(one, (Mapping, list)):
                pad = " " * step if isinstance(one, Mapping) else ""
                yield f"{scalar(key)}:"
                yield from (pad + line for line in inner)
            else:
                yield f"{scalar(key)}: {next(inner)}".rstrip()
    elif isinstance(value, list):
        for one in value:
            first, *rest = block(one, step)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield "" if value is None else _single(value)


def flow(value: Any) -> str:
    """`value` in flow style, in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key, flow=True)}: {flow(one)}" for key, one in value.items()) + "}"
    return "[" + ", ".join(map(flow, value)) + "]" if isinstance(value, list) else _single(value, flow=True)


def _single(value: str | float | None, *, flow: bool = False) -> str:
    if isinstance(value, float):
        return _number(value)
    return scalar(value, flow=flow) if isinstance(value, str) else json.dumps(value)


def _number(value: float) -> str:
    """A float, which readers of YAML 1.1 take for a float, too: with a dot."""
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    text = repr(value)
    return text if "." in text else text.replace("e", ".0e")


def scalar(text: str, *, flow: bool = False) -> str:
    """`text` as a YAML scalar in one line, which every reader of YAML takes for this very text."""
    plain = _PLAIN.fullmatch(text) and resolves_to_text(text) and text.lower() not in _YAML_1_1_BOOLS
    if plain and ": " not in text and not text.endswith(":") and not (flow and _FLOW_MARKS & set(text)):
        return text
    if _PRINTABLE.fullmatch(text):
        return "'" + text.replace("'", "''") + "'" if '"' in text or "\\" in text else f'"{text}"'
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))
