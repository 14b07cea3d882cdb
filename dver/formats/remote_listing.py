"""The listing: what a remote has below `indexes/`, for web servers that cannot list (docs/format/listing.md).

A line of text a file, so that a person can read it. It is parsed by its one shape: what is not written so is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from dver.core.errors import CorruptError, NewerVersionError

VERSION: Final = 1
SIZE_MAX: Final = 64 << 20
"""Bytes of the largest listing that is believed: some 800,000 names."""

_HEAD: Final = re.compile(rb"dver listing ([1-9][0-9]{0,8})\n")
_LINE: Final = re.compile(rb"(0|[1-9][0-9]{0,17}) ([0-9A-Za-z_-][0-9A-Za-z._-]{0,199})\n")


def listable(name: str) -> bool:
    """Can a listing hold `name`? All that dver writes below `indexes/` can."""
    return _LINE.fullmatch(f"0 {name}\n".encode("ascii", "replace")) is not None


def encode(sizes: Mapping[str, int]) -> bytes:
    """The bytes of a listing of these names, each with the size of its file in bytes. ValueError for a strange one."""
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
            raise CorruptError("a damaged listing", why=f"nothing can be made of it from byte {at} on")
        found[line[2].decode("ascii")] = int(line[1])
        at = line.end()
    if content.count(b"\n") != len(found) + 1 or any(a >= b for a, b in pairwise(found)):
        raise CorruptError("a damaged listing", why="its names are not sorted, or one comes twice")
    return found
