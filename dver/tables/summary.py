"""What a table holds: its rows, and the types and extremes of its columns."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dver.tables.difference import ColumnSummary, TableSummary
from dver.tables.engine import open_engine, quoted_name

COLUMNS_MAX: Final = 100
"""The most columns that are summarized."""


def summarize_table(path: Path, name: str, scratch: Path) -> TableSummary:
    """The summary of the table in the file `path`, whose format the suffix of `name` decides about.

    `scratch` is an empty directory. Raises UsageError for another file, CorruptError for one that cannot be read.
    """
    with open_engine([(path, name)], scratch) as (engine, (source,)):
        columns = list(engine.columns(source).items())[:COLUMNS_MAX]
        parts = ["count(*)"]
        for column, kind in columns:
            sql = quoted_name(column)
            parts += [f"count_if({sql} IS NULL)", *(_extreme(end, sql, kind) for end in ("min", "max"))]
        ((rows, *values),) = engine.rows(f"SELECT {', '.join(parts)} FROM {source}")
        return TableSummary(
            rows,
            tuple(
                ColumnSummary(column, kind, values[3 * at], values[3 * at + 1], values[3 * at + 2])
                for at, (column, kind) in enumerate(columns)
            ),
        )


def _extreme(end: str, column: str, kind: str) -> str:
    """The least or greatest value of a column as text. Text is compared as numbers if all of it is."""
    if kind != "VARCHAR":
        return f"CAST({end}({column}) AS VARCHAR)"
    number = f"TRY_CAST({column} AS DOUBLE)"
    return f"CASE WHEN count({number}) = count({column}) THEN {end}_by({column}, {number}) ELSE {end}({column}) END"
