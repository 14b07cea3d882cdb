"""Tables of values as aligned columns, Markdown and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from dver.cli.context import Context
from dver.cli.render import terminal
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
    return json.dumps(plain(value), ensure_ascii=not str(value).isprintable())


def plain(value: Any) -> Any:
    """A value for JSON, which has no NaN and no infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def print_table(
    ctx: Context, header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()
) -> None:
    """Print printable text in columns. On a narrow terminal, the first column becomes a heading of its rows."""
    table = [[ctx.style.bold(name) for name in header], *rows]
    if not terminal.is_terminal(sys.stdout) or _fits(table):
        ctx.table(table, right=right)
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
    return not terminal.is_terminal(sys.stdout) or _fits([header, *rows])


def _fits(table: Sequence[Sequence[str]]) -> bool:
    return all(terminal.display_width(line) <= terminal.width() for line in terminal.columns(table))


def _field(value: Any) -> str:
    if value is ABSENT or isinstance(value, str):
        return "" if value is ABSENT else value
    return repr(value) if isinstance(value, float) else json.dumps(plain(value))


def keyed(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The keys of all rows, each once, in order of appearance."""
    return iter(dict.fromkeys(key for row in rows for key in row))
