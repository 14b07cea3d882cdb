"""Phrases for messages: counts, sizes, lists of names, quoted arguments, printable names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

NAMED: Final = 3
"""The number of names that a message lists."""
_ESCAPES: Final = {
    "\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v", '"': r"\"", "\\": r"\\",
}  # fmt: skip


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 file`, `2,000 files`. `plural` is for nouns whose plural is not formed with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def human_size(size: int) -> str:
    """`size` in bytes, in decimal units: `999 B`, `1.5 MB`, `12 GB`."""
    if size < 1000:
        return f"{size} B"
    amount, units = size / 1000, iter(("MB", "GB", "TB", "PB"))
    unit = "kB"
    while amount >= 999.5 and unit != "PB":
        amount, unit = amount / 1000, next(units)
    # 9.95 and above would round to 10.0, which is written 10.
    return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:.0f} {unit}"


def join_limited(names: Sequence[str], limit: int = NAMED) -> str:
    """`a, b, c and 7 more`: the first few of `names`."""
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest:,} more" if rest > 0 else "")


def quoted(path: str) -> str:
    """`path` as an argument of a command line, quoted for a shell."""
    import shlex  # only errors that name a command need it

    return shlex.quote(f"./{path}" if path.startswith("-") else path)


def printable(path: bytes | str | os.PathLike[str]) -> str:
    """`path` as one line of printable text.

    Quotes names with control characters, quotes, undecodable bytes, invisible characters, or spaces at either end as
    Git does: `"a\\nb"`, `"caf\\351"`. Other names stay unchanged.
    """
    text = os.fsdecode(path)
    if text.isprintable() and '"' not in text and "\\" not in text and text == text.strip() and text:
        return text
    return '"' + "".join(map(_escape, text)) + '"'


def one_line(text: str) -> str:
    """A message as one line of printable text. Messages quote file names; their own quotes stay unchanged."""
    return text if text.isprintable() else printable(text)


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    raw = char.encode("utf-8", "surrogatepass") if not 0xDC80 <= ord(char) <= 0xDCFF else os.fsencode(char)
    return "".join(f"\\{byte:03o}" for byte in raw)
