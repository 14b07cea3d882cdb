"""Which columns a scan needs: DuckDB takes minutes for a statement about thousands of columns of text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from dver.checks.relation import sql_columns
from dver.checks.suite.rules import CheckRule, RuleKind
from dver.core.errors import UsageError
from dver.core.phrasing import count
from dver.formats.profile import CollectionProfile, ColumnProfile

SHOWN_MAX: Final = 8
"""The most columns of a failing row that are shown."""
_FEW: Final = 200
_TEXTS_MAX: Final = 2000
"""This number of columns of CSV or JSON takes two seconds."""
_EVERY_COLUMN: Final = re.compile(r"(^|[(,.])\s*\*|#|\b(columns|data)\b", re.IGNORECASE)
"""What an expression names columns by, other than their names: a query in it names the view `data`.

An asterisk elsewhere multiplies.
"""


def needed_columns(rules: Iterable[CheckRule], collection: CollectionProfile) -> list[ColumnProfile]:
    """The columns that `rules` name, and those that are shown with failing rows; all of a table with few columns."""
    known = sql_columns(collection)
    if len(known) <= _FEW:
        return known
    named: set[str] = set()
    expressions = []
    for rule in rules:
        if _sees_every_column(rule):
            if not _has_many_texts(known):
                return known
        elif rule.kind is RuleKind.EXPRESSION:
            expressions.append(str(rule.wanted).lower())
        named.update(named_columns(rule))
    text = "\n".join(expressions)
    return [
        one
        for at, one in enumerate(known)
        if at < SHOWN_MAX or one.name in named or one.name.lower().replace('"', '""') in text
    ]


def check_width(rule: CheckRule, collection: CollectionProfile) -> None:
    """Raise UsageError for SQL that sees all columns of a table with too many of them."""
    if _sees_every_column(rule) and _has_many_texts(sql_columns(collection)):
        raise UsageError(
            f"SQL cannot read a table of text with {count(len(collection.columns), 'column')}",
            why=f"at most {_TEXTS_MAX:,} are possible; use an expression that names its columns, or Parquet",
        )


def named_columns(rule: CheckRule) -> list[str]:
    """The columns that the rule names outside of SQL."""
    if rule.kind is RuleKind.KEY:
        assert isinstance(rule.wanted, tuple)
        return [str(one) for one in rule.wanted]
    return [] if rule.column is None else [rule.column]


def _sees_every_column(rule: CheckRule) -> bool:
    """Might the rule read columns that it does not name?"""
    if rule.kind is RuleKind.EXPRESSION:
        return _EVERY_COLUMN.search(str(rule.wanted)) is not None
    return rule.kind is RuleKind.SQL


def _has_many_texts(columns: Iterable[ColumnProfile]) -> bool:
    return sum(one.declared is None for one in columns) > _TEXTS_MAX
