"""Formats names, sizes, numbers, colours and columns for a terminal."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import Final, TextIO

from dver.core.phrasing import count as count
from dver.core.phrasing import one_line as one_line
from dver.core.phrasing import printable as printable

_COLORS: Final = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}
_ESCAPE_SEQUENCE: Final = r"\x1b\[[0-9;]*m"


def duration(seconds: float) -> str:
    """A time span: `0.4 s`, `12 s`, `1:05`, `2:00:00`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, hours = whole // 60, whole // 3600
    return f"{minutes}:{whole % 60:02}" if not hours else f"{hours}:{minutes % 60:02}:{whole % 60:02}"


def is_terminal(stream: TextIO | None) -> bool:
    """Whether `stream` is a terminal."""
    return stream is not None and stream.isatty()


def wants_color(stream: TextIO | None) -> bool:
    """Whether to print colours: on terminals, unless NO_COLOR (https://no-color.org) or TERM=dumb is set."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def width() -> int:
    """The terminal's width in columns, or 80 if it is unknown. COLUMNS overrides it."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    for descriptor in (1, 2):  # stdout may be a pipe while bars are drawn on stderr
        with suppress(OSError):
            if found := os.get_terminal_size(descriptor).columns:  # 0 if the terminal does not know its size
                return found
    return 80


class Style:
    """Adds colours to text, or returns it unchanged if they are disabled."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled

    def _wrap(self, name: str, text: str) -> str:
        return f"\x1b[{_COLORS[name]}m{text}\x1b[0m" if self._enabled else text

    def bold(self, text: str) -> str:
        """Headings."""
        return self._wrap("bold", text)

    def dim(self, text: str) -> str:
        """Less important text."""
        return self._wrap("dim", text)

    def red(self, text: str) -> str:
        """Errors and removals."""
        return self._wrap("red", text)

    def green(self, text: str) -> str:
        """Additions and success."""
        return self._wrap("green", text)

    def yellow(self, text: str) -> str:
        """Warnings and changes."""
        return self._wrap("yellow", text)

    def cyan(self, text: str) -> str:
        """Names: remotes, revisions."""
        return self._wrap("cyan", text)


def display_width(text: str) -> int:
    """The columns that `text` takes on a terminal: two for wide East Asian characters, none for colours and accents."""
    if "\x1b" in text:
        text = re.sub(_ESCAPE_SEQUENCE, "", text)
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def columns(
    rows: Iterable[Sequence[str]], *, right: frozenset[int] = frozenset(), indent: int = 0, width: int | None = None
) -> Iterator[str]:
    """Lines with `rows` in aligned columns, two spaces apart. Columns in `right` are aligned on the right.

    With a `width`, longer lines are cut at the end.
    """
    table = [list(row) for row in rows]
    sizes = [list(map(display_width, row)) for row in table]
    widths = list(map(max, zip_longest(*sizes, fillvalue=0)))
    for row, taken in zip(table, sizes, strict=True):
        cells = [_pad(cell, widths[i] - taken[i], right=i in right) for i, cell in enumerate(row)]
        line = (" " * indent + "  ".join(cells)).rstrip()
        yield line if width is None else shorten(line, width)


def shorten(line: str, width: int) -> str:
    """`line`, cut to `width` columns and ending with `…` if it is longer."""
    if display_width(line) <= width:
        return line
    kept, used = "", 0
    for part in re.findall(f"{_ESCAPE_SEQUENCE}|.", line, re.DOTALL):
        used += display_width(part)
        if used < width or part.startswith("\x1b"):  # keep colour codes, so that the last one resets the colour
            kept += part
    return kept + "…"


def _pad(cell: str, missing: int, *, right: bool) -> str:
    blank = " " * missing
    return blank + cell if right else cell + blank
