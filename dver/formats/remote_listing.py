"""The listing: the files in `indexes/` of a remote, for web servers that cannot list (docs/format/listing.md).

One line of text for each file. Any other form is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from dver.core.errors import CorruptError, NewerVersionError

VERSION: Final = 1
SIZE_MAX: Final = 64 << 20
"""The largest size of a listing in bytes: about 800,000 names."""

_HEAD: Final = re.compile(rb"dver listing ([1-9][0-9]{0,8})\n")
_LINE: Final = re.compile(rb"(0|[1-9][0-9]{0,17}) ([0-9A-Za-z_-][0-9A-Za-z._-]{0,199})\n")


def listable(name: str) -> bool:
    """Can a listing have `name`? It can have all names that dver writes in `indexes/`."""
    return _LINE.fullmatch(f"0 {name}\n".encode("ascii", "replace")) is not None


def encode(sizes: Mapping[str, int]) -> bytes:
    """The bytes of a listing of names with sizes in bytes. Raises ValueError for an invalid name."""
    names = sorted(sizes)
    if strange := [name for name in names if not listable(name)]:
        raise ValueError(f"not a name for a listing: {strange[0]!r}")
    lines = [f"{sizes[name]} {name}\n" for name in names]
    return f"dver listing {VERSION}\n{''.join(lines)}".encode("ascii")


def decode(content: bytes) -> dict[str, int]:
    """The names and sizes in `content`. Raises CorruptError for anything that `encode` would not have written."""
    if len(content) > SIZE_MAX:
        raise CorruptError(f"a listing of {len(content):,} bytes", why=f"none is larger than {SIZE_MAX:,}")
    head = _HEAD.match(content)
    if head is None:
        raise CorruptError("not a listing", why="it does not begin with its version")
    if int(head[1]) > VERSION:
        raise NewerVersionError.of_format("a listing", int(head[1]), VERSION)
    found: dict[str, int] = {}
    at = head.end()
    while at < len(content):
        line = _LINE.match(content, at)
        if line is None:
            raise CorruptError("a damaged listing", why=f"invalid line at byte {at}")
        found[line[2].decode("ascii")] = int(line[1])
        at = line.end()
    if content.count(b"\n") != len(found) + 1 or any(a >= b for a, b in pairwise(found)):
        raise CorruptError("a damaged listing", why="its names are not sorted and unique")
    return found
