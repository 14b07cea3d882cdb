"""The first rows that fail a rule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from dver.checks.evaluation.answer import Rows
from dver.checks.evaluation.conditions import failing, raw_columns
from dver.checks.evaluation.needed_columns import SHOWN_MAX, named_columns
from dver.checks.relation import Relation
from dver.checks.suite.rules import CheckRule, RuleKind
from dver.core.errors import DverError, LocalIOError
from dver.formats.profile import ColumnProfile
from dver.profiles.media.collections import PATH_COLUMN
from dver.tables.engine import quoted_name, quoted_text

_LONGEST: Final = 200


def failing_rows(relation: Relation, rule: CheckRule, column: ColumnProfile | None, number: int) -> Rows:
    """Up to `number` rows that fail `rule`, in the order of the files: `row` is the number in the file, from 1.

    Rows of media have the path of their file instead.
    """
    try:
        condition = _condition(relation, rule, column, number)
        if condition is None:
            return ()
        return _found(relation, condition, _shown_columns(relation, rule), rule, number)
    except LocalIOError:
        raise
    except DverError:
        return ()


def rows_of_query(relation: Relation, query: str, number: int) -> Rows:
    """Up to `number` rows of a `SELECT`."""
    names, rows = relation.engine.answer(f"SELECT * FROM ({query}\n) LIMIT {number}")
    return tuple(_row(names, one) for one in rows)


def _condition(relation: Relation, rule: CheckRule, column: ColumnProfile | None, number: int) -> str | None:
    if rule.kind is RuleKind.KEY:
        names = named_columns(rule)
        nulls = " OR ".join(f"{quoted_name(one)} IS NULL" for one in names)
        return f"{nulls} OR {_repeated(relation, names, number)}"
    if rule.kind is RuleKind.UNIQUE and column is not None:
        return _repeated(relation, [column.name], number)
    return failing(rule, column)


def _repeated(relation: Relation, names: Sequence[str], number: int) -> str:
    """The condition of rows with some of the values of `names` that occur again. Finds them once for all files."""
    columns = ", ".join(quoted_name(one) for one in names)
    every = " AND ".join(f"{quoted_name(one)} IS NOT NULL" for one in names)
    again = f"SELECT {columns} FROM data WHERE {every} GROUP BY {columns} HAVING count(*) > 1 LIMIT {number}"
    relation.engine.answer(f"CREATE OR REPLACE TEMP TABLE repeated AS {again}")
    return f"({columns}) IN (SELECT {columns} FROM repeated)"


def _found(
    relation: Relation, condition: str, shown: Sequence[str], rule: CheckRule, number: int
) -> tuple[tuple[tuple[str, str], ...], ...]:
    found: list[tuple[tuple[str, str], ...]] = []
    several = len(relation.sources) > 1
    for source, name in zip(relation.sources, relation.names, strict=True):
        columns = [f"{quoted_text(name)} AS file"] if several else []
        columns += [
            quoted_name(PATH_COLUMN) if relation.is_media else '"number of row" AS row',
            *(quoted_name(one) for one in shown),
        ]
        typed = relation.typed(source, raw_columns([rule]))
        numbered = f'SELECT *, row_number() OVER () AS "number of row" FROM ({typed})'
        limit = f'WHERE {condition} ORDER BY "number of row" LIMIT {number - len(found)}'
        names, rows = relation.engine.answer(f"SELECT {', '.join(columns)} FROM ({numbered}) {limit}")
        found += [_row(names, one) for one in rows]
        if len(found) >= number:
            break
    return tuple(found)


def _shown_columns(relation: Relation, rule: CheckRule) -> list[str]:
    first = named_columns(rule)
    others = [one.name for one in relation.columns if one.name not in first]
    return [*first, *others[: max(0, SHOWN_MAX - len(first))]]


def _row(names: Sequence[str], values: Sequence[object]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _text(one)) for name, one in zip(names, values, strict=True))


def _text(value: object) -> str:
    if value is None:
        return "null"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, datetime):
        text = text.removesuffix(" 00:00:00")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
