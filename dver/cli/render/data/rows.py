"""Differences of rows as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.data.changes import path_text
from dver.core.phrasing import count
from dver.ops.inspect.diff_rows import RowsOfTable
from dver.repo import Repository
from dver.tables.difference import ColumnDifference, KeyProblems, RowDifference, TableDifference

_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}
_NULL: Final = "null"
_CELL: Final = 60
"""Characters of a value that are shown."""


def print_rows(ctx: Context, repo: Repository, table: RowsOfTable) -> None:
    """Print the difference of one table, or why there is none."""
    path = path_text(repo, table.path)
    if table.error is not None:
        ctx.warn(f"{path}: {table.error.what}" + (f" ({table.error.fix})" if table.error.fix else ""))
    elif table.difference is None:
        ctx.say(f"{path}: same content")
    else:
        ctx.say(f"{ctx.style.bold(path)}: {row_counts_text(table.difference)}")
        for line in difference_lines(table.difference, ctx.style):
            ctx.say(f"  {line}")


def row_counts_text(found: TableDifference) -> str:
    """The numbers of rows."""
    numbers = ((found.added, "added"), (found.removed, "removed"), (found.changed, "changed"))
    changed = [f"{number:,} {word}" for number, word in numbers if number]
    return ", ".join([*changed, f"{found.unchanged:,} unchanged"]) + " rows"


def difference_lines(found: TableDifference, style: terminal.Style) -> Iterator[str]:
    """Columns, keys that are no keys, changed cells, and samples."""
    yield from map(_column_line, found.columns)
    for side, problems in (("before", found.old_keys), ("after", found.new_keys)):
        yield from _key_lines(side, problems)
    if found.changed_cells:
        cells = ", ".join(f"{terminal.printable(name)} {number:,}" for name, number in found.changed_cells.items())
        yield f"changed cells: {cells}"
    for row in found.samples:
        paint = {"+": style.green, "-": style.red}.get(_SIGNS[row.status], style.yellow)
        yield f"{paint(_SIGNS[row.status])} {_row_text(found.key, row)}"


def _column_line(column: ColumnDifference) -> str:
    name = terminal.printable(column.name)
    if column.old_type is None:
        return f"column {name} added ({column.new_type})"
    if column.new_type is None:
        return f"column {name} removed ({column.old_type})"
    return f"column {name}: {column.old_type} -> {column.new_type}, compared as text"


def _key_lines(side: str, problems: KeyProblems) -> Iterator[str]:
    if problems.null_rows:
        yield f"{side}: {count(problems.null_rows, 'row')} with null in the key, compared as whole rows"
    if problems.duplicate_rows:
        yield f"{side}: {count(problems.duplicate_rows, 'row')} with a duplicate key, compared as whole rows"


def _row_text(key: tuple[str, ...], row: RowDifference) -> str:
    values = [_value_text(one) for one in row.key]
    named = [f"{terminal.printable(name)}={value}" for name, value in zip(key, values, strict=False)] or values
    cells = [
        f"{terminal.printable(cell.column)}: {_value_text(cell.old)} -> {_value_text(cell.new)}" for cell in row.cells
    ]
    return ", ".join(named) + ("  " + ", ".join(cells) if cells else "")


def _value_text(value: str | None) -> str:
    if value is None:
        return _NULL
    text = terminal.printable(value) if value != _NULL else f'"{_NULL}"'
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"
