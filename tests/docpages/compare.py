"""Does a command print what a page shows? Sizes, hashes, times and long fractions may differ; `…` is anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_MASKS: Final = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"\b[\d.,]+ ?(?:B|kB|MB|GB|bytes)(?![\w])"), "SIZE"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?"), "TIME"),
    (re.compile(r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d\b"), "TIME"),
    (re.compile(r"\b(?:[\d.]+ (?:ms|s|min)|\d+:\d\d(?::\d\d)?)(?! ?\w)"), "TIME"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b"), "HASH"),
    (re.compile(r"[+-]?\b\d+\.\d{3,}\b"), "NUMBER"),
    (re.compile(r"\s+"), " "),
)


def _masked(line: str) -> str:
    for pattern, text in _MASKS:
        line = pattern.sub(text, line)
    return line.strip()


def is_shown(printed: str, expected: Sequence[str]) -> bool:
    """Is `expected` what was printed? A line `…` stands for any lines, `…` within one for any text."""
    rows = [_masked(line) for line in printed.splitlines()]
    return _matches([row for row in rows if row], [row for row in map(_masked, expected) if row])


def _matches(rows: Sequence[str], expected: Sequence[str]) -> bool:
    if not expected:
        return not rows
    first, *rest = expected
    if first == "…":
        return any(_matches(rows[at:], rest) for at in range(len(rows) + 1))
    pattern = ".*".join(re.escape(part) for part in first.split("…"))
    return bool(rows) and re.fullmatch(pattern, rows[0]) is not None and _matches(rows[1:], rest)
