"""Values of parameters and metrics as text of documents."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from dver.pipelines.definition.param_files import ABSENT, is_number
from dver.reports.blocks.model import Code, Inline, Toned

_PRECISION: Final = 5


def value_inline(value: Any) -> Inline:
    """A value in a table."""
    if value is ABSENT:
        return ("-",)
    if is_number(value):
        return (number_text(value),)
    return (Code(value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)),)


def number_text(value: int | float, *, signed: bool = False) -> str:
    """A number with five significant digits."""
    sign = "+" if signed and value > 0 else ""
    text = f"{value:.{_PRECISION}g}" if isinstance(value, float) else f"{value:d}"
    return sign + text


def difference_text(difference: float | None) -> str:
    """A difference with its sign and an arrow; empty if there is none."""
    if not difference or difference != difference:
        return ""
    return f"{number_text(difference, signed=True)} {'↑' if difference > 0 else '↓'}"


def listed_codes(names: Iterable[str]) -> Inline:
    """Names or values, separated by commas."""
    found: list[str | Code | Toned] = []
    for name in names:
        found += [", ", Code(name)] if found else [Code(name)]
    return tuple(found)
