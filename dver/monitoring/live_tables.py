"""Tables of live data, and their division into windows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dver.core.errors import UsageError
from dver.core.oid import Oid
from dver.core.phrasing import join_limited
from dver.monitoring.column_names import unknown_column
from dver.monitoring.scored_rows import TableFile
from dver.monitoring.table_columns import ROW, WINDOW, NamedTable, named_table
from dver.monitoring.window_rule import WindowRule, time_sql
from dver.tables.engine import open_engine
from dver.tables.suffixes import DELIMITERS, is_table_file, table_suffixes

if TYPE_CHECKING:
    from pyarrow import Array, RecordBatch

WINDOWS_MAX: Final = 1000
_BATCH: Final = 50_000


@dataclass(frozen=True, slots=True)
class TablePart:
    """The rows of a window in a file of their own. The file is there until the next part is asked for."""

    number: int
    file: TableFile
    rows: int
    first_row: str
    """A hash of its first row."""


def tables_at(path: Path, shown: str) -> tuple[TableFile, ...]:
    """The table at `path`, or those in the directory `path`, in the order of their names. Empty without a table."""
    if not path.is_dir():
        return (TableFile(path, shown),) if is_table_file(path.name) else ()
    found = []
    for folder, directories, files in os.walk(path):
        directories.sort()
        found += [Path(folder, name) for name in sorted(files) if is_table_file(name)]
    return tuple(TableFile(one, os.path.join(shown, one.relative_to(path))) for one in found)


def split_tables(
    tables: Sequence[TableFile], rule: WindowRule, time: str | None, scratch: Path
) -> Iterator[int | TablePart]:
    """The number of rows without a time; then the windows of `tables`, in their order.

    The rows pass through DuckDB, which spills, into one file at a time. `scratch` is an empty directory. Raises
    UsageError for an unknown column, and for too many windows.
    """
    (scratch / "engine").mkdir()
    files = [(one.path, one.name) for one in tables]
    with open_engine(files, scratch / "engine", ordered=True, arrow=True) as (engine, sources):
        live = named_table(engine, sources, files)
        column = None if time is None else _time_column(live, time, tables)
        engine.run(
            f'CREATE TEMP VIEW live AS SELECT *, {rule.sql(column)} AS "{WINDOW}" FROM '
            f'(SELECT *, row_number() OVER () - 1 AS "{ROW}" FROM {live.sql})'
        )
        counts = dict(engine.rows(f'SELECT "{WINDOW}", count(*) FROM live GROUP BY 1'))
        undated = int(counts.pop(None, 0))
        _check_counts(counts, time, tables)
        suffix = ".csv" if any(map(_is_text, tables)) else ".parquet"
        batches = engine.batches(
            f'SELECT {_values(live, column, tables)}, "{WINDOW}" FROM live WHERE "{WINDOW}" IS NOT NULL '
            f'ORDER BY "{WINDOW}", "{ROW}"',
            _BATCH,
        )
        yield undated
        for number, file, first in _written(batches, live.names, scratch, suffix):
            yield TablePart(number, file, int(counts[number]), first)


def _is_text(table: TableFile) -> bool:
    """Has the format no types? Then parts are written as text, too, so that types are inferred as in the reference."""
    return table_suffixes(table.name)[0] in DELIMITERS


def _values(live: NamedTable, time: str | None, tables: Sequence[TableFile]) -> str:
    """SQL for the columns of a part. Beside a table of text, the values of all others are text."""
    columns = [f"c{at}" for at in range(len(live.names))]
    if not any(map(_is_text, tables)):
        return ", ".join(columns)
    texts = {one: f"CAST({one} AS VARCHAR)" for one in columns}
    if time is not None and not all(map(_is_text, tables)):  # formats write times differently
        texts[time] = f"CAST({time_sql(time)} AS VARCHAR)"
    return ", ".join(texts.values())


def _time_column(live: NamedTable, time: str, tables: Sequence[TableFile]) -> str:
    if time not in live.columns:
        raise unknown_column(time, list(live.columns), "time", shown=repr(tables[0].name))
    return live.columns[time]


def _check_counts(counts: dict[Any, Any], time: str | None, tables: Sequence[TableFile]) -> None:
    shown = join_limited([one.name for one in tables], 2)
    if not counts and time is not None:
        raise UsageError(
            f"no row of {shown!r} has a time in the column {time!r}",
            why="its values are not dates or times such as 2026-11-30T06:00:00",
            fix="name another: --time COLUMN",
        )
    if not counts:
        raise UsageError(f"{shown!r} has no rows", fix="name live data")
    if len(counts) > WINDOWS_MAX:
        raise UsageError(
            f"{shown!r} has {len(counts):,} windows", why=f"at most {WINDOWS_MAX:,} are compared", fix="use longer ones"
        )


def _written(
    batches: Iterator[RecordBatch], names: Sequence[str], scratch: Path, suffix: str
) -> Iterator[tuple[int, TableFile, str]]:
    """Write sorted rows to a file for each window, with `names` for their columns."""
    file = TableFile(scratch / f"window{suffix}", f"window{suffix}")
    open_part: Any = None
    number, first = 0, ""
    try:
        for batch in batches:
            for found, rows in _by_window(batch, names):
                if open_part is not None and found != number:
                    open_part.close()
                    open_part = None
                    yield number, file, first
                if open_part is None:
                    open_part, number, first = _writer(file.path, rows.schema), found, _hash_of_first(rows)
                open_part.write(rows)
        if open_part is not None:
            open_part.close()
            open_part = None
            yield number, file, first
    finally:
        if open_part is not None:
            open_part.close()


def _by_window(batch: RecordBatch, names: Sequence[str]) -> Iterator[tuple[int, RecordBatch]]:
    """Runs of rows with the same window, which the last column has."""
    import numpy as np
    from pyarrow import RecordBatch

    *columns, windows = batch.columns
    numbers = windows.to_numpy(zero_copy_only=False)
    plain = RecordBatch.from_arrays(columns, names=list(names))
    starts = np.concatenate([[0], np.nonzero(np.diff(numbers))[0] + 1, [len(numbers)]])
    for start, end in pairwise(starts):
        yield int(numbers[start]), plain.slice(int(start), int(end - start))


def _writer(path: Path, schema: Any) -> Any:
    from pyarrow import csv, parquet

    return csv.CSVWriter(path, schema) if path.suffix == ".csv" else parquet.ParquetWriter(path, schema)


def _hash_of_first(rows: RecordBatch) -> str:
    values = [_first_text(column) for column in rows.columns]
    return Oid.of(json.dumps(values).encode()).hex()[:16]


def _first_text(column: Array) -> str:
    try:
        return str(column[0].as_py())
    except (OverflowError, ValueError):  # a time that Python does not have
        return repr(column.slice(0, 1))


@contextmanager
def new_directory(parent: Path, name: str) -> Iterator[Path]:
    """An empty directory, which is deleted after the block."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix=f"{name}-", dir=parent) as found:
        yield Path(found)
