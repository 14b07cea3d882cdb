"""Entries of the register of clones in a shared store (docs/format/store.md): canonical JSON of one line.

A regular expression reads it, since nothing in it is nested or repeated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from dver.core.errors import CorruptError, NewerVersionError

VERSION: Final = 1
SIZE_MAX: Final = 64 << 10
"""The largest size of an entry in bytes."""
SEEN_MAX: Final = 253_402_300_799
"""The last second of the year 9999."""
MARK: Final = re.compile(r"[0-9a-f]{32}")

_TEXT: Final = rb'("(?:[^"\\]|\\.)*")'
_SHAPE: Final = re.compile(
    rb'\{"version":([1-9][0-9]{0,8}),(?:"git_dir":'
    + _TEXT
    + rb',"host":'
    + _TEXT
    + rb',"user":'
    + _TEXT
    + rb',"mark":"([0-9a-f]{32})","seen":(0|[1-9][0-9]{0,11})\}\n)?'
)


@dataclass(frozen=True, slots=True)
class CloneEntry:
    """The use of a store by one user of one clone. `seen` is in Unix seconds, up to a day early."""

    git_dir: str
    """The absolute path of the common Git directory of the clone, decoded by `os.fsdecode`."""
    host: str
    user: str
    mark: str
    """The mark in the directory of the clone, which identifies it from other machines."""
    seen: int


def encode(entry: CloneEntry) -> bytes:
    """The bytes of an entry. Raises ValueError for an invalid one."""
    if not MARK.fullmatch(entry.mark) or not 0 <= entry.seen <= SEEN_MAX or not _is_path(entry.git_dir):
        raise ValueError(f"no entry of a clone can be {entry}")
    import json  # seldom needed, and every command comes by here

    git_dir, host, user = map(json.dumps, (entry.git_dir, entry.host, entry.user))
    head = f'{{"version":{VERSION},"git_dir":{git_dir},"host":{host},"user":{user}'
    content = f'{head},"mark":"{entry.mark}","seen":{entry.seen}}}\n'.encode("ascii")
    if len(content) > SIZE_MAX:
        raise ValueError(f"no entry of a clone can have {len(content):,} bytes")
    return content


def _is_path(text: str) -> bool:
    try:
        return text.startswith("/") and b"\0" not in text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False


def decode(content: bytes) -> CloneEntry:
    """The entry that `content` encodes. Raises CorruptError for anything that `encode` would not have written."""
    match = _SHAPE.match(content) if len(content) <= SIZE_MAX else None
    if match is not None and int(match[1]) > VERSION:
        raise NewerVersionError.of_format("the entry of a clone", int(match[1]), VERSION)
    if match is not None and match[6] is not None:
        import json

        try:
            git_dir, host, user = (json.loads(match[number]) for number in (2, 3, 4))
            entry = CloneEntry(git_dir, host, user, match[5].decode("ascii"), int(match[6]))
            if encode(entry) == content:
                return entry
        except ValueError:
            pass
    raise CorruptError("a damaged entry of a clone")
