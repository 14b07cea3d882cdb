"""One change of a parameter: `[FILE:]KEY=VALUE`, and its forms that add and delete keys."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NamedTuple

from dver.core.errors import UsageError
from dver.pipelines.definition.param_files import ABSENT
from dver.pipelines.definition.stage import PARAMS_FILE
from dver.pipelines.definition.yaml_text import flow

QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
"""A part of a key, or a file, in quotes as in JSON."""
FUNCTION: Final = re.compile(r"(choice|range)\((.*)\)", re.DOTALL)
"""A function that stands for several values."""

_PART: Final = re.compile(rf'({QUOTED}|[^".]*)(\.|$)', re.DOTALL)
_PLAIN_FILE: Final = re.compile(r'[^":=+~\s](?:[^":=]*[^":=\s])?')


class OverrideAction(Enum):
    """What an override does to its key. The values are the signs before the key."""

    SET = ""
    """Replaces the value of a key that exists."""
    ADD = "+"
    """Adds a key that does not exist."""
    PUT = "++"
    """Replaces the value of a key, or adds it."""
    DELETE = "~"


class KeyPart(NamedTuple):
    """A part of a dotted key. Parts that are not quoted can be joined: `a.b` is also the key `a.b`."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Override:
    """A change of one key in a file of parameters."""

    file: str
    """Relative to the directory of the project."""
    key: str
    """Dotted. Parts with dots can be in quotes: `"a.b".c`. Numbers are indexes in lists."""
    value: Any = ABSENT
    """A JSON value. ABSENT for the deletion of a key whatever its value is."""
    action: OverrideAction = OverrideAction.SET

    @property
    def text(self) -> str:
        """`FILE:KEY=VALUE`, which `parse_overrides` turns into this override again."""
        file = self.file if _PLAIN_FILE.fullmatch(self.file) else json.dumps(self.file, ensure_ascii=False)
        return f"{file}:{self._rest}"

    @property
    def short_text(self) -> str:
        """As `text`, without the file if it is the default."""
        return self._rest if self.file == PARAMS_FILE else self.text

    @property
    def _rest(self) -> str:
        end = "" if self.value is ABSENT else f"={value_text(self.value)}"
        return f"{self.action.value}{self.key}{end}"


def split_key(key: str) -> tuple[KeyPart, ...]:
    """The parts of a dotted key. Raises UsageError for quotes that do not close."""
    parts, at = [], 0
    while at <= len(key):
        match = _PART.match(key, at)
        if match is None:
            fix = f"put the whole part in quotes: '{json.dumps(key)}'"
            raise UsageError(f"invalid key {key}", why="a quote is inside of a part, or does not close", fix=fix)
        quoted = match[1].startswith('"')
        parts.append(KeyPart(json.loads(match[1], strict=False) if quoted else match[1], quoted))
        if not match[2]:
            break
        at = match.end()
    return tuple(parts)


def value_text(value: Any) -> str:
    """A JSON value as YAML in one line, as overrides have it."""
    text = flow(value) if isinstance(value, (Mapping, list)) else flow([value])[1:-1]
    if isinstance(value, str) and (FUNCTION.fullmatch(text) or text != text.strip()):
        return json.dumps(value, ensure_ascii=False)
    return text


def checked_file(file: str) -> str:
    """The normalized path of a file of parameters. Raises UsageError if it is not in the project."""
    found = posixpath.normpath(file)
    parts = found.split("/")
    if not file or posixpath.isabs(file) or "\0" in file or parts[0] in ("..", "."):
        raise UsageError(
            f"{file!r} is not a file of the project", fix="use a path relative to the directory of dver.yaml"
        )
    if {".git", ".dver"} & set(parts):
        raise UsageError(f"{file!r} is not a file of parameters", why="it belongs to Git or dver")
    return found
