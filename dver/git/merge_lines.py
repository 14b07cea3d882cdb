"""Git's own three-way merge of text, line by line."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

_CONFLICTS_MAX: Final = 127
"""The largest count of conflicts; a higher exit code of `git merge-file` is an error, for example of binary files."""
_WIDE: Final = 100
"""Characters of a conflict marker that is unlikely to occur in text."""


class Hunk(NamedTuple):
    """A piece of three texts. Without a conflict, all three are the merged text."""

    base: bytes
    ours: bytes
    theirs: bytes


def merge_lines(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """The texts merged by `git merge-file`; None with conflicts or an error."""
    code, merged = _merge_file(base, ours, theirs)
    return merged if code == 0 else None


def merge_in_markers(base: bytes, ours: bytes, theirs: bytes, *, marker_size: int) -> bytes | None:
    """The texts merged by Git, with conflicts between markers; None for binary files."""
    code, merged = _merge_file(base, ours, theirs, f"--marker-size={marker_size}")
    return merged if code <= _CONFLICTS_MAX else None


def hunks(base: bytes, ours: bytes, theirs: bytes) -> list[Hunk] | None:
    """The texts in pieces with and without conflicts; None if they cannot be separated."""
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
    """The number of conflicts and the text; a number over `_CONFLICTS_MAX` is an error."""
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
