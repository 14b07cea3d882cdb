"""Profiles as tables and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final

from dver.cli.context import Context
from dver.cli.render import terminal
from dver.core.phrasing import human_size
from dver.formats.profile import ColumnType, Value
from dver.ops.quality.profile import CollectionFigures, ColumnFigures, ProfiledData
from dver.reports.quality.figures import ROW_NOUNS, share_text, value_text

_HEADER: Final = ("column", "type", "nulls", "distinct", "min", "median", "mean", "max")
_MEAN: Final = "mean"
_TOP: Final = "most frequent"
_BEFORE_VALUES: Final = 4
_RIGHT: Final = (2, 3, 4, 5, 6, 7)
_WIDE: Final = ((30, 19), (20, 12), (14, 10))
"""The most characters of a name and of a value: the first pair with which the table fits the terminal."""
_NARROW: Final = ((20, 12), (14, 10), (10, 8), (9, 7))
"""The same without the mean, since the median says more."""
_NARROWEST: Final = ((20, 0), (14, 0), (9, 0))
"""The same without any values."""
_DATE: Final = 10
"""The characters of a date, without the time of day."""
_TOP_LEAST: Final = 20
"""The least width of the column with frequent values."""
_RARE: Final = 0.05
"""The share below which frequent numbers and times are not shown."""


def print_profile(ctx: Context, found: ProfiledData) -> None:
    """Print the collections of a profile, each as a table."""
    for number, one in enumerate(found.collections):
        if number:
            ctx.say("")
        _print_collection(ctx, found, one)
    if not found.collections:
        ctx.say(f"{terminal.printable(found.path)}: no tables, images, recordings or texts")
    if found.profile.ignored:
        ctx.note(f"{terminal.count(found.profile.ignored, 'other file')} not profiled")
    if found.files > 1 or not found.scanned_files:
        ctx.note(f"read {found.scanned_files:,} of {terminal.count(found.files, 'file')}")


def profile_json(found: ProfiledData) -> dict[str, Any]:
    """The figures of a profile, without its sketches."""
    said = {one.name: getattr(found, one.name) for one in fields(found) if one.name != "profile"}
    return {**said, "ignored": found.profile.ignored, "profiler": found.profile.profiler}


def _print_collection(ctx: Context, found: ProfiledData, one: CollectionFigures) -> None:
    name = "/".join(part for part in (found.path, one.name) if part)
    at = f" at {terminal.printable(found.rev)}" if found.rev else ""
    files = f" in {terminal.count(one.files, 'file')}" if found.files > 1 else ""
    amount = f"{terminal.count(one.rows, ROW_NOUNS[one.kind])}{files}, {human_size(one.size)}"
    ctx.say(f"{ctx.style.bold(terminal.printable(name))}{at}: {amount}")
    if one.columns:
        header, rows = _table(one.columns)
        right = [at for at in _RIGHT if at < len(header) and header[at] != _TOP]
        ctx.table([[ctx.style.dim(cell) for cell in header], *rows], right=right)
    for file in one.unreadable:
        ctx.warn(f"unreadable: {terminal.printable(file.path)}: {terminal.one_line(file.why)}")
    more = one.unreadable_count - len(one.unreadable)
    if more > 0:
        ctx.warn(f"{terminal.count(more, 'more unreadable file')}")


def _table(columns: Sequence[ColumnFigures]) -> tuple[list[str], list[list[str]]]:
    """The header and the rows, with as many columns as fit the terminal."""
    limit = terminal.width() if terminal.is_terminal(sys.stdout) else None
    full = list(_HEADER)
    short = [name for name in full if name != _MEAN]
    forms = [(full, _WIDE), (short, _NARROW), (full[:_BEFORE_VALUES], _NARROWEST)]
    header, rows = short, [[""] * len(short)]
    for header, caps in [(header, caps) for header, all_caps in forms for caps in all_caps]:
        rows = [_cells(one, *caps, mean=_MEAN in header)[: len(header)] for one in columns]
        if limit is None or _width(header, rows) <= limit:
            break
    left = None if limit is None else limit - _width(header, rows) - 2
    if left is None or left >= _TOP_LEAST:
        header.append(_TOP)
        rows = _joined(rows, [_top(one, left) for one in columns])
    return header, rows


def _cells(one: ColumnFigures, name_cap: int, value_cap: int, *, mean: bool) -> list[str]:
    average = str(one.mean)[:_DATE] if one.type is ColumnType.TIME and one.mean is not None else one.mean
    found = (one.minimum, one.median, *((average,) if mean else ()), one.maximum)
    values = [_value_cell(one, value, value_cap) for value in found]
    distinct = "-" if one.distinct is None else f"{'' if one.distinct_is_exact else '~'}{one.distinct:,}"
    nulls = share_text(one.nulls / one.count) if one.nulls else "-"
    return [terminal.shorten(terminal.printable(one.name), name_cap), one.type.value, nulls, distinct, *values]


def _value_cell(one: ColumnFigures, value: Value | None, cap: int) -> str:
    text = _text(value)
    if one.type is ColumnType.TIME and _DATE <= cap < len(text):
        return text[:_DATE]
    return terminal.shorten(text, cap)


def _text(value: Value | None) -> str:
    return "-" if value is None else value_text(value)


def _top(one: ColumnFigures, width: int | None) -> str:
    """The most frequent values with their shares, as far as they fit; nothing for numbers that are all rare."""
    if one.private:
        return "(private)"
    known = one.count - one.nulls
    if one.type is not ColumnType.TEXT and one.top and one.top[0][1] < _RARE * known:
        return ""
    found = ""
    for value, times in one.top:
        text = terminal.shorten(value_text(value), 24).removesuffix("T00:00:00")
        more = f"{', ' if found else ''}{text} ({share_text(times / known)})"
        if width is not None and terminal.display_width(found + more) > width:
            break
        found += more
    return found


def _joined(rows: Sequence[Sequence[str]], cells: Sequence[str]) -> list[list[str]]:
    return [[*row, cell] for row, cell in zip(rows, cells, strict=True)]


def _width(header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    return max(map(terminal.display_width, terminal.columns([header, *rows])))
