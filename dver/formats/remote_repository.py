"""Repository entries: which Git repositories use a remote (docs/format/repository.md).

Canonical JSON of one line, read by a regular expression. Its name on the remote is the BLAKE3 of its bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from dver.core.errors import CorruptError, NewerVersionError

VERSION: Final = 1
SIZE_MAX: Final = 64 << 10
"""The largest size of an entry in bytes."""
ROOTS_MAX: Final = 100
"""The most root commits in an entry."""

_ID: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_TEXT: Final = rb'("(?:[^"\\]|\\.)*")'
_SHAPE: Final = re.compile(
    rb'\{"version":([1-9][0-9]{0,8}),(?:"name":' + _TEXT + rb',"url":' + _TEXT + rb',"roots":\[([0-9a-f",]*)\]\}\n)?'
)


@dataclass(frozen=True, slots=True)
class RepositoryEntry:
    """A Git repository that pushes to the remote."""

    name: str
    """Its name in messages."""
    url: str = ""
    """The address its commits are pushed to, without credentials; empty if that is local or unknown."""
    roots: tuple[str, ...] = ()
    """The ids of its commits without parents, sorted; empty if they are unknown."""


def encode(entry: RepositoryEntry) -> bytes:
    """The bytes of an entry. Raises ValueError for an invalid one."""
    roots = entry.roots
    if not all(map(_ID.fullmatch, roots)) or list(roots) != sorted(set(roots)) or len(roots) > ROOTS_MAX:
        raise ValueError(f"no entry of a repository can be {entry}")
    import json  # seldom needed, and every transfer comes by here

    name, url = json.dumps(entry.name), json.dumps(entry.url)
    listed = ",".join([f'"{root}"' for root in roots])
    content = f'{{"version":{VERSION},"name":{name},"url":{url},"roots":[{listed}]}}\n'.encode("ascii")
    if len(content) > SIZE_MAX:
        raise ValueError(f"no entry of a repository can have {len(content):,} bytes")
    return content


def decode(content: bytes) -> RepositoryEntry:
    """The entry that `content` encodes. Raises CorruptError for anything that `encode` would not have written."""
    match = _SHAPE.match(content) if len(content) <= SIZE_MAX else None
    if match is not None and int(match[1]) > VERSION:
        raise NewerVersionError.of_format("the entry of a repository", int(match[1]), VERSION)
    if match is not None and match[2] is not None:
        import json

        try:
            roots = tuple(part.strip('"') for part in match[4].decode("ascii").split(",") if part)
            entry = RepositoryEntry(json.loads(match[2]), json.loads(match[3]), roots)
            if encode(entry) == content:
                return entry
        except ValueError:
            pass
    raise CorruptError("a damaged entry of a repository")
