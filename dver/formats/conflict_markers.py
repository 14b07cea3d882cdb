"""Reading text with the conflict markers of a merge."""

from __future__ import annotations

import re
from typing import Final

_MARKER: Final = re.compile(rb"([<|=>])\1{6,}( .*)?\r?\n?", re.DOTALL)
_NEXT: Final = {b"": b"<", b"<": b"|=", b"|": b"=", b"=": b">"}


def versions(content: bytes) -> tuple[bytes, bytes] | None:
    """Both versions of `content`, a text with conflict markers. None without markers, or with nested ones."""
    ours, theirs, state, found = [], [], b"", False
    for line in content.splitlines(keepends=True):
        match = _MARKER.fullmatch(line)
        if match:
            if match[1] not in _NEXT[state]:
                return None
            state, found = match[1] if match[1] != b">" else b"", True
            continue
        if state in (b"", b"<"):
            ours.append(line)
        if state in (b"", b"="):
            theirs.append(line)
    return (b"".join(ours), b"".join(theirs)) if found and not state else None
