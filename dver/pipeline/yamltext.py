"""Where things stand in the text of a YAML file, so that text can be put in and taken out without touching the rest."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from dver.core.errors import PipelineError
from dver.pipeline.yamltree import parse, resolves_to_text

# As YAML 1.1 has them, which is what the parser counts.
_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_PLAIN: Final = re.compile(r"(?:\d+[A-Za-z]|[A-Za-z_./$])[\w./$%+=@^(){}\[\]<>|;,!?*&~-]*(?: [^\s#:'\"`]\S*)*")
_ELSEWHERE: Final = frozenset(("y", "n", "yes", "no", "on", "off"))
"""True and false for those who read YAML 1.1."""
_FLOW_MARKS: Final = frozenset(",[]{}")
_PRINTABLE: Final = re.compile("[\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*")


class Place(NamedTuple):
    """A line and a column, both counted from 0; a column counts characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A value in the text: from its first character to behind its last one."""

    start: Place
    end: Place
    is_mapping: bool = False
    is_alias: bool = False
    is_flow: bool = False
    entries: tuple[Entry, ...] = ()
    """The keys and values of a mapping."""

    def entry(self, key: str) -> Entry | None:
        """The entry called `key`, if there is one."""
        return next((one for one in self.entries if one.name == key), None)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value."""

    name: str
    key: Piece
    value: Piece

    @property
    def end(self) -> Place:
        """Behind the last character of the entry."""
        return max(self.key.end, self.value.end)


@dataclass(frozen=True, slots=True)
class Text:
    """A YAML file as lines, each with its ending, and the value that they are."""

    lines: tuple[str, ...]
    root: Piece | None
    """None if nothing is said."""
    eol: str
    """How a new line ends."""
    starts: tuple[int, ...] = field(repr=False)

    @property
    def whole(self) -> str:
        """All of it."""
        return "".join(self.lines)

    def offset(self, place: Place) -> int:
        """Where `place` is among the characters."""
        return self.starts[place.line] + place.column if place.line < len(self.starts) else len(self.whole)

    def bare(self, line: int) -> str:
        """A line without its ending."""
        return _BREAK.sub("", self.lines[line])

    def last_line(self, piece: Place) -> int:
        """The last line that has something of what ends at `piece`."""
        return max(0, piece.line - 1 if piece.column == 0 else piece.line)


def read_text(content: bytes, name: str) -> Text:
    """Take apart the file `name`. Raises PipelineError for what is no YAML, or not UTF-8."""
    import yaml

    parse(content, name)
    try:
        whole = content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError:
        fix = "save it as UTF-8, or edit it by hand"
        raise PipelineError(f"{name} cannot be changed", why="it is not in UTF-8", fix=fix) from None
    lines = tuple(_lines(whole))
    events = yaml.parse(whole, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    root = _Locator(events, lines).document()
    eol = next((match[0] for line in lines if (match := _BREAK.search(line))), "\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    return Text(lines, root, eol, tuple(starts[:-1]))


def scalar(value: str, *, flow: bool = False) -> str:
    """`value` as a YAML scalar that is read as that very text, in one line."""
    plain = _PLAIN.fullmatch(value) is not None and resolves_to_text(value) and value.lower() not in _ELSEWHERE
    if (
        plain
        and ": " not in value
        and not value.endswith(":")
        and not (flow and (_FLOW_MARKS & set(value) or "?" in value))
    ):
        return value
    if _PRINTABLE.fullmatch(value) and "\t" not in value:
        return "'" + value.replace("'", "''") + "'" if '"' in value or "\\" in value else f'"{value}"'
    return re.sub(
        "[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]",
        lambda match: f"\\u{ord(match[0]):04x}",
        json.dumps(value, ensure_ascii=False),
    )


def _lines(whole: str) -> Iterator[str]:
    start = 0
    for match in _BREAK.finditer(whole):
        yield whole[start : match.end()]
        start = match.end()
    if start < len(whole):
        yield whole[start:]


@dataclass(slots=True)
class _Locator:
    """Finds the places of values from the events of a parser; `parse` has seen that they are not nested too deeply."""

    events: Iterator[Any]
    lines: tuple[str, ...]

    def document(self) -> Piece | None:
        import yaml

        for event in self.events:
            if isinstance(event, yaml.NodeEvent):
                return self.piece(event)
        return None

    def piece(self, event: Any) -> Piece:
        import yaml

        start, end = _place(event.start_mark), _place(event.end_mark)
        if isinstance(event, yaml.ScalarEvent):
            return Piece(start, self.end_of_block(event, end) if event.style in ("|", ">") else end)
        if isinstance(event, yaml.AliasEvent):
            return Piece(start, end, is_alias=True)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        entries, last = self.mapping(end) if is_mapping else ((), self.sequence(end))
        if event.flow_style:
            return Piece(start, last, is_mapping=is_mapping, is_flow=True, entries=entries)
        # Where a block ends, the parser has read on to what follows; its last value ends where it does itself.
        inner = max((one.end for one in entries), default=start) if is_mapping else last
        return Piece(start, inner, is_mapping=is_mapping, entries=entries)

    def mapping(self, end: Place) -> tuple[tuple[Entry, ...], Place]:
        import yaml

        found: list[Entry] = []
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                return tuple(found), _place(event.end_mark)
            key = self.piece(event)
            found.append(Entry(str(getattr(event, "value", "")), key, self.piece(next(self.events))))
        return tuple(found), end

    def sequence(self, end: Place) -> Place:
        """Where a list ends: that of a flow behind its bracket, that of a block behind its last value."""
        import yaml

        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                closing = _place(event.end_mark)
                return closing if closing > _place(event.start_mark) else end
            end = max(end, self.piece(event).end)
        return end

    def end_of_block(self, event: Any, end: Place) -> Place:
        """The end of a text written with `|` or `>`: without the empty lines after it, unless they are part of it."""
        header = self.lines[event.start_mark.line][event.start_mark.column :][:3]
        line = end.line if end.column == 0 else end.line + 1
        while "+" not in header and line - 1 > event.start_mark.line and not self.lines[line - 1].strip():
            line -= 1
        return Place(line, 0)


def _place(mark: Any) -> Place:
    return Place(mark.line, mark.column)
