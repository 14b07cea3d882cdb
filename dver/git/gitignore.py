"""Lines of `.gitignore`: patterns for exactly one name, and adding and removing such lines.

Names and lines are bytes, because names need not be text. All other bytes of the file stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from dver.core.errors import ConflictError
from dver.core.files import read_regular, write_atomic
from dver.git.merge_lines import hunks, merge_lines

FILE: Final = b".gitignore"

_SPECIAL: Final = re.compile(rb"([\\*?\[])")
_TRAILING_SPACES: Final = re.compile(rb" +\Z")
_LINE_FEED: Final = b"[\t-\v]"
"""A range of characters that matches a line feed, which a line cannot contain, and little else."""
_PATTERN: Final = re.compile(rb"/(?:[^\\*?\[/]|\\[\\*?\[ ]|\[[\r]\]|\[\t-\v\])+")
"""A line that `pattern` may have written."""


def escape(name: bytes) -> bytes:
    """`name` in a form that matches only itself (for a line feed, also a tab or vertical tab in its place)."""
    escaped = _SPECIAL.sub(rb"\\\1", name)
    escaped = _TRAILING_SPACES.sub(lambda spaces: rb"\ " * len(spaces[0]), escaped)
    if escaped.endswith(b"\r"):
        # Git takes a final carriage return for half of a line ending, with a backslash before it too.
        escaped = escaped[:-1] + b"[\r]"
    return escaped.replace(b"\n", _LINE_FEED)


def pattern(name: bytes) -> bytes:
    """The line that ignores `name`, a file or directory beside the `.gitignore`."""
    # After the slash neither `!` nor `#` means anything.
    return b"/" + escape(name)


def add_lines(content: bytes, added: Iterable[bytes]) -> bytes:
    """`content` with the missing lines of `added` at its end, in the line endings of the file."""
    present = lines(content)
    new = [line for line in dict.fromkeys(added) if line not in present]
    if not new:
        return content
    ending = b"\r\n" if b"\r\n" in content and content.count(b"\n") == content.count(b"\r\n") else b"\n"
    if content and not content.endswith(b"\n"):
        content += ending
    return content + b"".join(line + ending for line in new)


def remove_lines(content: bytes, removed: Iterable[bytes]) -> bytes:
    """`content` without the lines `removed`."""
    gone = set(removed)
    return b"".join(raw for raw in _split(content) if _bare(raw) not in gone) if gone else content


def edit(path: Path, *, add: Iterable[bytes] = (), remove: Iterable[bytes] = ()) -> bool:
    """Remove lines from and add lines to the file `path`. Returns whether it changed.

    An empty result deletes the file. Raises ConflictError for a symbolic link, which Git would not read.
    """
    if path.is_symlink():
        raise ConflictError(
            f"{path} is a symbolic link", why="Git does not read such an ignore file", fix="make it a regular file"
        )
    before = None
    with suppress(FileNotFoundError):
        before = read_regular(path)
    return _replace(path, before, add_lines(remove_lines(before or b"", remove), add))


def _replace(path: Path, before: bytes | None, after: bytes) -> bool:
    if after == (before or b""):
        return False
    if after:
        write_atomic(path, after)
    else:
        path.unlink()
    return True


def merge_sets(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """A three-way merge of lines as sets: removals and additions of both sides, ours first.

    None unless `pattern` writes each of the lines: the order of other lines may matter.
    """
    old, mine, other = ({_bare(raw): raw for raw in _split(text)} for text in (base, ours, theirs))
    if not all(_PATTERN.fullmatch(line) for line in (*old, *mine, *other)):
        return None
    kept = [raw for line, raw in mine.items() if line in other or line not in old]
    added = [raw for line, raw in other.items() if line not in mine and line not in old]
    return b"".join(kept + added)


def _split(content: bytes) -> list[bytes]:
    """The lines with their endings. Only a line feed ends a line; `bytes.splitlines` would break at a lone CR."""
    return re.findall(rb"[^\n]*\n|[^\n]+\Z", content)


def _bare(raw: bytes) -> bytes:
    return raw.removesuffix(b"\n").removesuffix(b"\r")


def lines(content: bytes) -> set[bytes]:
    """The lines without their endings."""
    return {_bare(raw) for raw in _split(content)}


def merge_ignore_files(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """Three files merged line by line, and as sets where only dver's lines are in conflict; otherwise None."""
    merged = merge_lines(base, ours, theirs)
    if merged is not None:
        return merged
    # Without a line feed at its end, a last line would differ from the same line with another after it.
    pieces = hunks(*(text if not text or text.endswith(b"\n") else text + b"\n" for text in (base, ours, theirs)))
    if pieces is None:
        return None
    merged_pieces = [one.ours if one.ours == one.theirs else merge_sets(*one) for one in pieces]
    done = [one for one in merged_pieces if one is not None]
    return b"".join(done) if len(done) == len(merged_pieces) else None
