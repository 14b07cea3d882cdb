"""Rows with predictions, scores and targets, joined in DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dver.core.errors import CorruptError, UsageError
from dver.core.phrasing import join_limited
from dver.monitoring.column_names import unknown_column
from dver.monitoring.model_columns import CLASSES_MAX, ModelColumns, class_sql, key_sql
from dver.monitoring.table_columns import ROW, WINDOW, named_table
from dver.monitoring.window_rule import WindowRule
from dver.tables.engine import Engine, open_engine

ONE_WINDOW: Final = "0"
"""The SQL of the window of a row, if all rows are in one window."""


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file with a table."""

    path: Path
    name: str
    """As the user named it. Its suffix decides about the format."""


class ScoredRows:
    """A table with `row` in live data, `win` (the window), `y` (target), `p` (prediction), `s` (score), and `s0`,
    `s1`... (scores of classes)."""

    def __init__(self, engine: Engine, columns: ModelColumns, table: str = "scored") -> None:
        self._engine = engine
        self.columns = columns
        self.table = table

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self._engine.rows(statement)

    def targets(self) -> tuple[str, ...]:
        """Different targets, at most one more than a classifier may have classes."""
        return self._values("y")

    def predictions(self) -> tuple[str, ...]:
        """Different predictions, at most one more than a classifier may have classes."""
        return self._values("p")

    def classes(self) -> tuple[str, ...]:
        """Different values of targets and predictions."""
        return tuple(sorted({*self.targets(), *self.predictions()}))

    def _values(self, column: str) -> tuple[str, ...]:
        found = self.rows(
            f"SELECT DISTINCT {column} FROM {self.table} WHERE {column} IS NOT NULL LIMIT {CLASSES_MAX + 1}"
        )
        return tuple(sorted(str(one) for (one,) in found))

    def labeled(self) -> Mapping[int, int]:
        """The number of rows with a target, by window."""
        return {int(win): int(n) for win, n in self.rows(f"SELECT win, count(y) FROM {self.table} GROUP BY win")}

    def count(self) -> int:
        """The number of rows."""
        return int(self.rows(f"SELECT count(*) FROM {self.table}")[0][0])

    def with_targets(self) -> ScoredRows:
        """The rows with a target alone, with `row` counted from 0 again."""
        if not self.rows(f"SELECT 1 FROM {self.table} WHERE y IS NULL LIMIT 1"):
            return self
        self._engine.run(
            "CREATE TEMP TABLE IF NOT EXISTS with_targets AS SELECT * REPLACE "
            f"(row_number() OVER (ORDER BY row) - 1 AS row) FROM {self.table} WHERE y IS NOT NULL"
        )
        return ScoredRows(self._engine, self.columns, "with_targets")


class UnrelatedLabelsError(UsageError):
    """No label belongs to a row."""


@contextmanager
def open_scored(
    live: Sequence[TableFile],
    columns: ModelColumns,
    scratch: Path,
    *,
    labels: TableFile | None = None,
    rule: WindowRule | None = None,
    time: str | None = None,
) -> Iterator[ScoredRows]:
    """The rows of `live`, with the targets of `labels` if they are in a file of their own.

    Without a `rule`, all are in one window. `scratch` is an empty directory. Raises UsageError for an unknown column,
    and for labels that do not fit: UnrelatedLabelsError if none belongs to a row.
    """
    files = [(one.path, one.name) for one in (*live, *([labels] if labels is not None else []))]
    with open_engine(files, scratch, ordered=True, arrow=True) as (engine, sources):
        table = named_table(engine, sources[: len(live)], files[: len(live)])
        known, shown = table.columns, join_limited([one.name for one in live], 2)
        time_column = None if time is None or rule is None else _column(time, known, shown, "time")
        window = ONE_WINDOW if rule is None else rule.sql(time_column)
        engine.run(
            f'CREATE TEMP VIEW live AS SELECT *, {window} AS "{WINDOW}" FROM '
            f'(SELECT *, row_number() OVER () - 1 AS "{ROW}" FROM {table.sql})'
        )
        if labels is None:
            _create(engine, columns, known, shown)
        else:
            labeled = named_table(engine, sources[-1:], files[-1:])
            engine.run(f'CREATE TEMP VIEW labels AS SELECT *, row_number() OVER () - 1 AS "{ROW}" FROM {labeled.sql}')
            _create_joined(engine, columns, known, shown, labeled.columns, labels.name)
        yield ScoredRows(engine, columns)


def _create(engine: Engine, columns: ModelColumns, known: Mapping[str, str], shown: str) -> None:
    """The table of rows that have their targets themselves, or have none."""
    selected = _model_outputs(columns, known, shown)
    target = "NULL" if columns.target is None else class_sql(_column(columns.target, known, shown, "target"))
    engine.run(
        f'CREATE TEMP TABLE scored AS SELECT "{ROW}" AS row, "{WINDOW}" AS win, {target} AS y, {selected} FROM live'
    )


def _create_joined(
    engine: Engine,
    columns: ModelColumns,
    known: Mapping[str, str],
    shown: str,
    there: Mapping[str, str],
    labels: str,
) -> None:
    """The table of rows with the targets of the view `labels`, whose columns are `there`."""
    if columns.target is None:
        raise UsageError("labels need the name of their column", fix="give it: --target COLUMN")
    target = class_sql(f"t.{_column(columns.target, there, labels, 'target')}")
    selected = _model_outputs(columns, known, shown)
    if columns.key is None:
        _refuse_other_count(engine, shown, labels)
        joined = f't."{ROW}" = live."{ROW}"'
    else:
        here, other = _column(columns.key, known, shown, "key"), _column(columns.key, there, labels, "key")
        _refuse_repeated(engine, "live", here, shown, columns.key)
        _refuse_repeated(engine, "labels", other, labels, columns.key)
        joined = f"{key_sql(f't.{other}')} = {key_sql(f'live.{here}')}"
    engine.run(
        f'CREATE TEMP TABLE scored AS SELECT live."{ROW}" AS row, "{WINDOW}" AS win, {target} AS y, {selected} '
        f"FROM live LEFT JOIN labels AS t ON {joined}"
    )
    if columns.key is not None and not _is_joined(engine, joined):
        raise UnrelatedLabelsError(
            f"no row of {labels!r} belongs to a row of {shown!r}",
            why=f"no value of the key {columns.key!r} is in both",
            fix="name the column that identifies rows in both: --key COLUMN",
        )


def _is_joined(engine: Engine, joined: str) -> bool:
    """Does a label belong to a row? It may be null, so that no row has a target."""
    has_target = engine.rows("SELECT 1 FROM scored WHERE y IS NOT NULL LIMIT 1")
    return bool(has_target or engine.rows(f"SELECT 1 FROM live JOIN labels AS t ON {joined} LIMIT 1"))


def _model_outputs(columns: ModelColumns, known: Mapping[str, str], shown: str) -> str:
    prediction, score = "NULL::VARCHAR", "NULL::DOUBLE"
    if columns.prediction is not None:
        prediction = class_sql(f"live.{_column(columns.prediction, known, shown, 'prediction')}")
    if columns.score is not None:
        score = _number(_column(columns.score, known, shown, "score"))
    scores = [_number(_column(one, known, shown, "class-score")) for _, one in columns.class_scores]
    named = "".join(f", {one} AS s{at}" for at, one in enumerate(scores))
    return f"{prediction} AS p, {score} AS s{named}"


def _number(column: str) -> str:
    """SQL for the finite number in a column of live data."""
    number = f"TRY_CAST(live.{column} AS DOUBLE)"
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def _column(name: str, known: Mapping[str, str], shown: str, option: str) -> str:
    if name in known:
        return known[name]
    raise unknown_column(name, list(known), option, shown=repr(shown))


def _refuse_other_count(engine: Engine, shown: str, labels: str) -> None:
    ((rows,),), ((others,),) = (engine.rows(f"SELECT count(*) FROM {one}") for one in ("live", "labels"))
    if rows != others:
        raise UsageError(
            f"{labels!r} has {others:,} rows, and {shown!r} has {rows:,}",
            why="without a key, the first label belongs to the first row, and so on",
            fix="name a column that identifies rows in both: --key COLUMN",
        )


def _refuse_repeated(engine: Engine, table: str, column: str, shown: str, key: str) -> None:
    ((repeated,),) = engine.rows(f"SELECT count({column}) - count(DISTINCT {key_sql(column)}) FROM {table}")
    if repeated:
        raise CorruptError(
            f"{shown!r} has {repeated:,} rows too many for the key {key!r}",
            why="several rows have the same value of the key",
            fix="name a column that identifies rows: --key COLUMN",
        )
