"""YAML as a tree with the position of each value, for error messages.

Plain scalars follow YAML 1.2 (`no` is text, `1e-3` a number). Merge keys (`<<`) and aliases work. Limits protect
against hostile files: an alias counts as its expansion.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from dver.core.errors import PipelineError
from dver.formats.conflict_markers import versions

if TYPE_CHECKING:
    import yaml

MAX_SIZE: Final = 16 << 20
"""The maximum size of a YAML file in bytes."""
MAX_NODES: Final = 1_000_000
"""The maximum number of values in a file with all aliases expanded."""
MAX_DEPTH: Final = 100

_CORE: Final = "tag:yaml.org,2002:"
_NULLS: Final = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT: Final = re.compile(r"[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL: Final = re.compile(r"([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
MAX_DIGITS: Final = 400
"""The maximum number of digits of an integer. Python refuses 4,300, and is slow long before."""
_TYPE_NAMES: Final[Mapping[type, str]] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    type(None): "nothing",
}

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A position in a file, counted from one."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its position: a scalar, a list or a mapping."""

    value: Scalar | tuple[Node, ...] | Mapping[str, Node]
    mark: Mark
    keys: Mapping[str, Mark] = field(default_factory=dict)
    """The positions of the keys of a mapping."""

    @property
    def kind(self) -> str:
        """The type of the value, for messages."""
        return type_name(self.value)

    def plain(self) -> Any:
        """The value as Python lists and dictionaries."""
        if isinstance(self.value, Mapping):
            return {key: one.plain() for key, one in self.value.items()}
        if isinstance(self.value, tuple):
            return [one.plain() for one in self.value]
        return self.value


def type_name(value: object) -> str:
    """The type of a value, for messages."""
    return _TYPE_NAMES.get(type(value)) or ("a mapping" if isinstance(value, Mapping) else "a list")


def error_at(mark: Mark, why: str, *, fix: str | None = None) -> PipelineError:
    """An error with a position."""
    return PipelineError(f"{mark}: {why}", fix=fix)


def check_depth(value: object, name: str) -> None:
    """Raise PipelineError if lists and mappings of the file `name` are nested deeper than MAX_DEPTH. Callers may then
    recurse."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise PipelineError(f"{name} is nested too deeply", why=f"at most {MAX_DEPTH} levels are read")


def parse_yaml(content: bytes, name: str) -> Node:
    """The value in the YAML file `name`; an empty file is an empty mapping. Raises PipelineError."""
    import yaml

    if len(content) > MAX_SIZE:
        why = f"{len(content):,} bytes; at most {MAX_SIZE:,} are read"
        raise PipelineError(f"{name} is too large", why=why)
    try:
        # Events, not nodes: the library builds nodes by recursion, which a file of brackets would bring to its end.
        events = yaml.parse(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return _Reader(name, events).document()
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(name, at.line + 1, at.column + 1) if at else Mark(name, 1, 1)
        raise _syntax_error(content, error, mark) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PipelineError(f"{name} is not YAML", why=str(error).replace("\n", " ")) from None


def _syntax_error(content: bytes, error: yaml.MarkedYAMLError, mark: Mark) -> PipelineError:
    """The error at `mark`, with its most likely cause."""
    line = b"".join(content.split(b"\n")[mark.line - 1 : mark.line])
    if "cannot start any token" in str(error.problem) and line.lstrip(b" ").startswith(b"\t"):
        return error_at(mark, "YAML is indented with spaces, not with tabs", fix="replace the tab")
    if versions(content):
        fix = "keep the lines of one side, then `git add` the file"
        return error_at(mark, "the file has merge conflict markers", fix=fix)
    if "flow" in str(error.context) and b"${" in line:
        return error_at(mark, _problem_text(error), fix="within […] and {…}, put text with ${…} in quotes")
    return error_at(mark, _problem_text(error))


def _problem_text(error: yaml.MarkedYAMLError) -> str:
    return " ".join(part for part in (error.context, error.problem) if part)


@dataclass(slots=True)
class _Reader:
    """Builds the tree from the events of a YAML parser."""

    name: str
    events: Iterator[Any]
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    """The node of each anchor, and the number of values in it."""
    size: int = 0
    """The number of values so far."""

    def document(self) -> Node:
        import yaml

        root: Node | None = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                raise error_at(self.mark(event), "expected one YAML document per file")
            if isinstance(event, yaml.NodeEvent):
                root = self.node(event, 0)
        empty = root is None or (root.value is None and root.mark == Mark(self.name, 1, 1))
        return Node({}, Mark(self.name, 1, 1)) if root is None or empty else root

    def node(self, event: Any, depth: int) -> Node:
        import yaml

        mark = self.mark(event)
        if isinstance(event, yaml.AliasEvent):
            return self.alias(str(event.anchor), mark)
        if depth > MAX_DEPTH:
            raise error_at(mark, f"nested too deeply: at most {MAX_DEPTH} levels are read")
        before = self.size
        self.count(1, mark)
        if isinstance(event, yaml.ScalarEvent):
            found = Node(_scalar(event, mark), mark)
        elif event.tag not in (None, "!", f"{_CORE}seq", f"{_CORE}map"):
            raise error_at(mark, f"tag {event.tag!r} is not supported")
        elif isinstance(event, yaml.SequenceStartEvent):
            found = Node(tuple(self.node(one, depth + 1) for one in self.until(yaml.SequenceEndEvent)), mark)
        else:
            found = self.mapping(mark, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = found, self.size - before
        return found

    def until(self, end: type[yaml.Event]) -> Iterator[Any]:
        """The events before the end of a collection."""
        while not isinstance(event := next(self.events), end):
            yield event

    def alias(self, anchor: str, mark: Mark) -> Node:
        if anchor not in self.anchors:
            raise error_at(mark, f"undefined alias `*{anchor}`")
        found, size = self.anchors[anchor]
        self.count(size, mark)
        return found

    def count(self, more: int, mark: Mark) -> None:
        self.size += more
        if self.size > MAX_NODES:
            raise error_at(mark, f"too many values: at most {MAX_NODES:,}, counting what aliases expand to")

    def mapping(self, mark: Mark, depth: int) -> Node:
        import yaml

        values: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        merged: list[Node] = []
        for event in self.until(yaml.MappingEndEvent):
            key, plain = self.key(event)
            value = self.node(next(self.events), depth + 1)
            if key == "<<" and plain:
                merged += self.merged(value)
                continue
            if key in values:
                raise error_at(self.mark(event), f"duplicate key {key!r} (first in line {keys[key].line})")
            values[key], keys[key] = value, self.mark(event)
        for one in merged:
            assert isinstance(one.value, Mapping)
            self.count(len(one.value), mark)
            values.update({key: value for key, value in one.value.items() if key not in values})
            keys.update({key: at for key, at in one.keys.items() if key not in keys})
        return Node(values, mark, keys)

    def merged(self, value: Node) -> list[Node]:
        found = list(value.value) if isinstance(value.value, tuple) else [value]
        if not all(isinstance(one.value, Mapping) for one in found):
            raise error_at(value.mark, "`<<` needs a mapping, or a list of mappings")
        return found

    def key(self, event: Any) -> tuple[str, bool]:
        """A key, and whether it is a plain scalar."""
        import yaml

        if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None:
            raise error_at(self.mark(event), "expected text as a key")
        value = _scalar(event, self.mark(event))
        return value if isinstance(value, str) else str(event.value), _is_plain(event)

    def mark(self, event: Any) -> Mark:
        return Mark(self.name, event.start_mark.line + 1, event.start_mark.column + 1)


def _is_plain(event: yaml.ScalarEvent) -> bool:
    """True for a scalar without quotes and tag."""
    return event.tag is None and not event.style


def _scalar(event: yaml.ScalarEvent, mark: Mark) -> Scalar:
    text: str = event.value
    if event.tag in (None, "!", f"{_CORE}str"):
        return _resolved(text, mark) if _is_plain(event) else text
    value = _resolved(text, mark)
    tags = {int: "int", float: "float", bool: "bool", type(None): "null"}
    if event.tag != _CORE + tags.get(type(value), "str"):
        raise error_at(mark, f"tag {event.tag!r} is not supported")
    return value


def _resolved(text: str, mark: Mark) -> Scalar:
    """The value of a plain scalar: https://yaml.org/spec/1.2.2/#103-core-schema, with `_` between digits and `0b`."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _INT.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise error_at(mark, f"numbers can have at most {MAX_DIGITS} digits")
        digits = text.lstrip("-+").replace("_", "")
        base = {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2], 10)
        number = int(digits[2:] if base != 10 else digits, base) if digits[2:] or base == 10 else 0
        return -number if text.startswith("-") else number
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    special = _SPECIAL.fullmatch(text)
    if special:
        return math.nan if special[1] is None else -math.inf if special[1] == "-" else math.inf
    return text


def plain_scalar(text: str, name: str) -> Scalar:
    """The value of `text` as a plain scalar (without quotes). Raises PipelineError for a number of too many digits."""
    return _resolved(text, Mark(name, 1, 1))


def resolves_to_text(text: str) -> bool:
    """True if a plain scalar is `text`, and not a number, a boolean or null. Does not check the characters."""
    return text not in ("<<", "=") and isinstance(
        _resolved(text, Mark("", 1, 1)) if len(text) <= MAX_DIGITS else text, str
    )
