"""Comparing two tables by key, or as bags of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.core.errors import UsageError
from dver.core.phrasing import join_limited
from dver.tables.difference import (
    CellDifference,
    ColumnDifference,
    KeyProblems,
    RowDifference,
    RowStatus,
    TableDifference,
)
from dver.tables.engine import Engine, open_engine, quoted_name

_STATUSES: Final[tuple[RowStatus, ...]] = ("added", "removed", "changed")


def compare_tables(
    old: Path, new: Path, name: str, *, key: Sequence[str] = (), samples: int = 10, scratch: Path
) -> TableDifference:
    """The difference of the tables in the files `old` and `new`. The suffix of `name` decides about their format.

    `key` are the columns that identify a row; without any, equal rows are counted. At most `samples` rows of each kind
    are in the result. `scratch` is an empty directory. Values of CSV files are compared as text. A column that has
    another type in the other table is compared as text.

    Raises UsageError for an unknown key column, CorruptError for a file that cannot be read.
    """
    with open_engine([(old, name), (new, name)], scratch) as (engine, (old_source, new_source)):
        old_columns, new_columns = engine.columns(old_source), engine.columns(new_source)
        columns = _Columns.of(old_columns, new_columns, key, name)
        engine.run(f"CREATE TEMP VIEW o AS SELECT {columns.selected(old_columns)} FROM {old_source}")
        engine.run(f"CREATE TEMP VIEW n AS SELECT {columns.selected(new_columns)} FROM {new_source}")
        return _by_key(engine, columns, samples) if key else _as_bags(engine, columns, samples)


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns that both tables have, the key first. In SQL they are `c0`, `c1`, …: names are free of surprises."""

    key: tuple[str, ...]
    others: tuple[str, ...]
    retyped: frozenset[str]
    differences: tuple[ColumnDifference, ...]

    @classmethod
    def of(cls, old: dict[str, str], new: dict[str, str], key: Sequence[str], name: str) -> _Columns:
        common = [column for column in new if column in old]
        unknown = [column for column in key if column not in common]
        if unknown:
            raise UsageError(
                f"{name!r} has no column {unknown[0]!r} in both versions",
                why=f"both have: {join_limited(common, 10) or 'no column'}",
                fix="name other columns: --key COLUMN",
            )
        differences = [
            ColumnDifference(column, old.get(column), new.get(column))
            for column in {**old, **new}
            if old.get(column) != new.get(column)
        ]
        retyped = frozenset(one.name for one in differences if one.old_type and one.new_type)
        others = tuple(column for column in common if column not in key)
        return cls(tuple(dict.fromkeys(key)), others, retyped, tuple(differences))

    @property
    def all(self) -> tuple[str, ...]:
        return self.key + self.others

    @property
    def keys(self) -> list[str]:
        """The key columns in SQL."""
        return [f"c{at}" for at in range(len(self.key))]

    @property
    def values(self) -> list[str]:
        """The other columns in SQL."""
        return [f"c{at}" for at in range(len(self.key), len(self.all))]

    def selected(self, types: dict[str, str]) -> str:
        """The columns of one table, under their names in SQL."""
        assert types.keys() >= set(self.all)
        return ", ".join(
            f"CAST({quoted_name(column)} AS VARCHAR) AS c{at}"
            if column in self.retyped
            else f"{quoted_name(column)} AS c{at}"
            for at, column in enumerate(self.all)
        )


# -- by key


def _by_key(engine: Engine, columns: _Columns, samples: int) -> TableDifference:
    keys = ", ".join(columns.keys)
    no_null = " AND ".join(f"{one} IS NOT NULL" for one in columns.keys)
    for side in ("o", "n"):
        engine.run(
            f"CREATE TEMP TABLE {side}_duplicates AS SELECT {keys}, count(*) AS times FROM {side} WHERE {no_null}"
            f" GROUP BY {keys} HAVING count(*) > 1"
        )
    engine.run(f"CREATE TEMP TABLE ambiguous AS SELECT {keys} FROM o_duplicates UNION SELECT {keys} FROM n_duplicates")
    _join_unique(engine, columns, no_null)
    counts = _counts(engine, columns)
    bags = _ambiguous_bags(engine, columns, no_null, samples)
    return TableDifference(
        _count(engine, "o"),
        _count(engine, "n"),
        counts["added"] + bags.added,
        counts["removed"] + bags.removed,
        counts["changed"],
        columns.key,
        {name: counts[one] for name, one in zip(columns.others, columns.values, strict=True) if counts[one]},
        columns.differences,
        _problems(engine, "o", no_null),
        _problems(engine, "n", no_null),
        (*_changed_rows(engine, columns, samples), *_whole_rows(engine, columns, samples), *bags.samples),
    )


def _join_unique(engine: Engine, columns: _Columns, no_null: str) -> None:
    """Make the table `differing`: the key of each row that differs, its status, and which cells changed."""
    keys = ", ".join(columns.keys)
    unique = "SELECT * FROM {side} WHERE " + no_null
    if _count(engine, "ambiguous"):
        unique += f" AND ({keys}) NOT IN (SELECT ({keys}) FROM ambiguous)"
    changed = [f"(o.{one} IS DISTINCT FROM n.{one}) AS {one}_changed" for one in columns.values]
    status = "CASE WHEN o.c0 IS NULL THEN 'added' WHEN n.c0 IS NULL THEN 'removed' ELSE 'changed' END AS status"
    shown = [f"coalesce(o.{one}, n.{one}) AS {one}" for one in columns.keys]
    differing = [f"o.{one} IS DISTINCT FROM n.{one}" for one in columns.values]
    differs = " OR ".join(("o.c0 IS NULL", "n.c0 IS NULL", *differing))
    matched = " AND ".join(f"o.{one} = n.{one}" for one in columns.keys)
    engine.run(
        f"CREATE TEMP TABLE differing AS SELECT {', '.join([status, *shown, *changed])}"
        f" FROM ({unique.format(side='o')}) AS o FULL JOIN ({unique.format(side='n')}) AS n ON {matched}"
        f" WHERE {differs}"
    )


def _counts(engine: Engine, columns: _Columns) -> dict[str, int]:
    """The number of rows of each status, and of changed cells of each column."""
    rows = dict(engine.rows("SELECT status, count(*) FROM differing GROUP BY status"))
    counts: dict[str, int] = {status: rows.get(status, 0) for status in _STATUSES}
    if columns.values:
        sums = ", ".join(f"count_if({one}_changed)" for one in columns.values)
        (found,) = engine.rows(f"SELECT {sums} FROM differing WHERE status = 'changed'")
        counts.update(zip(columns.values, found, strict=True))
    return counts


def _changed_rows(engine: Engine, columns: _Columns, samples: int) -> list[RowDifference]:
    if not columns.values:
        return []
    keys = ", ".join(columns.keys)
    shown = [f"CAST(d.{one} AS VARCHAR)" for one in columns.keys]
    for one in columns.values:
        shown += [f"d.{one}_changed", f"CAST(o.{one} AS VARCHAR)", f"CAST(n.{one} AS VARCHAR)"]
    ordered = ", ".join(f"d.{one}" for one in columns.keys)
    rows = engine.rows(
        f"SELECT {', '.join(shown)} FROM (SELECT * FROM differing WHERE status = 'changed' ORDER BY {keys}"
        f" LIMIT {samples}) AS d JOIN o USING ({keys}) JOIN n USING ({keys}) ORDER BY {ordered}"
    )
    return [_changed_row(columns, row) for row in rows]


def _changed_row(columns: _Columns, row: tuple[object, ...]) -> RowDifference:
    key, rest = row[: len(columns.key)], row[len(columns.key) :]
    cells = [
        CellDifference(name, _text(rest[3 * at + 1]), _text(rest[3 * at + 2]))
        for at, name in enumerate(columns.others)
        if rest[3 * at]
    ]
    return RowDifference("changed", tuple(map(_text, key)), tuple(cells))


def _whole_rows(engine: Engine, columns: _Columns, samples: int) -> list[RowDifference]:
    """Samples of added and removed rows."""
    keys = ", ".join(f"CAST({one} AS VARCHAR)" for one in columns.keys)
    found = []
    for status in _STATUSES[:2]:
        ordered = ", ".join(columns.keys)
        rows = engine.rows(f"SELECT {keys} FROM differing WHERE status = '{status}' ORDER BY {ordered} LIMIT {samples}")
        found += [RowDifference(status, tuple(map(_text, row))) for row in rows]
    return found


def _ambiguous_bags(engine: Engine, columns: _Columns, no_null: str, samples: int) -> TableDifference:
    """The difference of the rows whose key is null or not unique, compared as whole rows."""
    keys = ", ".join(columns.keys)
    chosen = f"SELECT * FROM {{side}} WHERE NOT ({no_null}) OR ({keys}) IN (SELECT ({keys}) FROM ambiguous)"
    return _bags(engine, columns, chosen.format(side="o"), chosen.format(side="n"), samples)


def _problems(engine: Engine, side: str, no_null: str) -> KeyProblems:
    ((nulls,),) = engine.rows(f"SELECT count(*) FROM {side} WHERE NOT ({no_null})")
    ((duplicates,),) = engine.rows(f"SELECT coalesce(sum(times), 0) FROM {side}_duplicates")
    return KeyProblems(nulls, int(duplicates))


# -- without a key


def _as_bags(engine: Engine, columns: _Columns, samples: int) -> TableDifference:
    return _bags(engine, columns, "SELECT * FROM o", "SELECT * FROM n", samples)


def _bags(engine: Engine, columns: _Columns, old: str, new: str, samples: int) -> TableDifference:
    if not columns.all:
        return TableDifference(_count(engine, f"({old})"), _count(engine, f"({new})"), 0, 0, 0)
    engine.run(f"CREATE OR REPLACE TEMP TABLE only_new AS ({new}) EXCEPT ALL ({old})")
    engine.run(f"CREATE OR REPLACE TEMP TABLE only_old AS ({old}) EXCEPT ALL ({new})")
    shown = ", ".join(f"CAST(c{at} AS VARCHAR)" for at in range(len(columns.key or columns.all)))
    found: list[RowDifference] = []
    for status, table in zip(_STATUSES, ("only_new", "only_old"), strict=False):
        rows = engine.rows(f"SELECT {shown} FROM {table} ORDER BY ALL LIMIT {samples}")
        found += [RowDifference(status, tuple(map(_text, row))) for row in rows]
    return TableDifference(
        _count(engine, f"({old})"),
        _count(engine, f"({new})"),
        _count(engine, "only_new"),
        _count(engine, "only_old"),
        0,
        columns=columns.differences,
        samples=tuple(found),
    )


def _count(engine: Engine, table: str) -> int:
    ((number,),) = engine.rows(f"SELECT count(*) FROM {table}")
    return int(number)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
