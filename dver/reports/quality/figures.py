"""Numbers, shares, times and values as short text."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

from dver.formats.profile import CollectionKind, ColumnType, Value
from dver.reports.blocks.model import one_printable_line

ROW_NOUNS: Final = {
    CollectionKind.TABLE: "row",
    CollectionKind.IMAGES: "image",
    CollectionKind.AUDIO: "recording",
    CollectionKind.TEXT: "text",
}
"""What a row of a collection is."""
_VALUE_MAX: Final = 60
_WHOLE: Final = 1e15
"""Doubles below it hold integers exactly."""


def figure_text(number: float) -> str:
    """A number with four significant digits, integers in full: `1,234,567`, `0.1235`."""
    if not math.isfinite(number):
        return str(number)
    if abs(number) < _WHOLE and float(number).is_integer():
        return f"{int(number):,}"
    return f"{number:,.0f}" if 999.95 <= abs(number) < _WHOLE else f"{number:.4g}"


def share_text(share: float) -> str:
    """A share of 0 to 1 in percent. Only nothing is `0 %`, and only all is `100 %`."""
    percent = 100 * share
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.3g} %" if percent < 10 else f"{percent:.4g} %" if percent > 99 else f"{percent:.1f} %"


def number_of(type_: ColumnType, number: float) -> str:
    """A number of a column: a time as text."""
    return _time(number) if type_ is ColumnType.TIME else figure_text(number)


def value_text(value: Value) -> str:
    """A value in one short line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return figure_text(value)
    line = one_printable_line(value[: 2 * _VALUE_MAX])
    return line if len(line) <= _VALUE_MAX else line[: _VALUE_MAX - 1] + "…"


def _time(seconds: float) -> str:
    try:
        found = datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError, OSError):  # years that Python's times do not have
        return f"{figure_text(seconds)} s"
    text = found.replace(tzinfo=None).isoformat(" ", "seconds")
    return text.removesuffix(" 00:00:00")
