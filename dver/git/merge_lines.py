"""Git's own merge of text, line by line."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

_CONFLICTS_MAX: Final = 127
"""Above it, the exit code of `git merge-file` tells of an error: a file that is no text."""
_WIDE: Final = 100
"""Characters of a marker that is to be found again in the midst of text."""


class Hunk(NamedTuple):
    """A piece of three texts. Where the merge of it is plain, all three are the same, the merged text."""

    base: bytes
    ours: bytes
    theirs: bytes


def merge_lines(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """The three texts merged by `git merge-file`; None with conflicts, or where Git cannot do it."""
    code, merged = _merge_file(base, ours, theirs)
    return merged if code == 0 else None


def merge_in_markers(base: bytes, ours: bytes, theirs: bytes, *, marker_size: int) -> bytes | None:
    """The three texts merged as Git would, conflicts between markers; None if they are no text."""
    code, merged = _merge_file(base, ours, theirs, f"--marker-size={marker_size}")
    return merged if code <= _CONFLICTS_MAX else None


def hunks(base: bytes, ours: bytes, theirs: bytes) -> list[Hunk] | None:
    """The three texts in pieces, those in conflict and those that are not; None if they cannot be told apart."""
    if any(sign * _WIDE in text for sign in (b"<", b">", b"=", b"|") for text in (base, ours, theirs)):
        return None
    code, merged = _merge_file(base, ours, theirs, "--diff3", f"--marker-size={_WIDE}")
    return list(_split(merged)) if code <= _CONFLICTS_MAX else None


def _split(merged: bytes) -> Iterator[Hunk]:
    parts = re.split(b"^[<|=>]{%d}[^\n]*\n" % _WIDE, merged, flags=re.MULTILINE)
    for plain, ours, base, theirs in zip(parts[0::4], parts[1::4], parts[2::4], parts[3::4], strict=False):
        yield Hunk(plain, plain, plain)
        yield Hunk(base, ours, theirs)
    yield Hunk(parts[-1], parts[-1], parts[-1])


def _merge_file(base: bytes, ours: bytes, theirs: bytes, *options: str) -> tuple[int, bytes]:
    """The number of conflicts, and the text; more than `_CONFLICTS_MAX` is an error."""
    with TemporaryDirectory(prefix="dver-merge-") as folder:
        paths = []
        for name, content in (("ours", ours), ("base", base), ("theirs", theirs)):
            paths.append(os.path.join(folder, name))
            with open(paths[-1], "wb") as file:
                file.write(content)
        labels = [part for name in ("ours", "base", "theirs") for part in ("-L", name)]
        done = subprocess.run(
            ["git", "merge-file", "-p", "-q", *options, *labels, *paths],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    return done.returncode & 0xFF, done.stdout
