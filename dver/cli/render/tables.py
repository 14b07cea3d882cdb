"""Tables of values as aligned columns, Markdown and CSV."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.json_output import simplified
from dver.pipelines.definition.param_files import ABSENT

PRECISION: Final = 5
"""Significant digits of a number by default."""

_MARKED: Final = re.compile(r"([\\|<>`*_])")


def cell_text(value: Any, precision: int | None = PRECISION, *, signed: bool = False) -> str:
    """A value in a table; `-` if it is absent. Without `precision`, numbers have all digits."""
    if value is ABSENT:
        return "-"
    if isinstance(value, str):
        return value if value and value.isprintable() else json.dumps(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        sign = "+" if signed and value > 0 else ""
        return sign + (f"{value:.{precision}g}" if precision and isinstance(value, float) else repr(value))
    return json.dumps(simplified(value), ensure_ascii=not str(value).isprintable())


def print_table(
    ctx: Context, header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()
) -> None:
    """Print printable text in columns. On a narrow terminal, the first column becomes a heading of its rows."""
    if fits(header, rows):
        ctx.table([[ctx.style.bold(name) for name in header], *rows], right=right)
        return
    for first, group in groupby(rows, key=lambda row: row[0]):
        ctx.say(first)
        ctx.table([row[1:] for row in group], right=[one - 1 for one in right if one], indent=2)


def print_markdown(ctx: Context, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table in GitHub's Markdown."""
    for row in (header, ["---"] * len(header), *rows):
        ctx.say("| " + " | ".join(one if one == "---" else _MARKED.sub(r"\\\1", one) for one in row) + " |")


def print_csv(ctx: Context, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print comma-separated values with all digits; absent values are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_field(one) for one in row] for row in rows)
    ctx.write_bytes(text.getvalue().encode("utf-8", "backslashreplace"))


def fits(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the table fits the terminal."""
    lines = terminal.columns([header, *rows])
    return not terminal.is_terminal(sys.stdout) or all(terminal.display_width(one) <= terminal.width() for one in lines)


def _field(value: Any) -> str:
    if value is ABSENT or isinstance(value, str):
        return "" if value is ABSENT else value
    return repr(value) if isinstance(value, float) else json.dumps(simplified(value))
