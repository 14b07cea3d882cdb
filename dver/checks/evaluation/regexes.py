"""Regular expressions against the values in a profile: no file is read."""

from __future__ import annotations

from typing import Final

from dver.checks.data_access import DataAccess
from dver.checks.evaluation.answer import Answer, decided
from dver.checks.evaluation.column_answers import has_rewritten_texts
from dver.checks.suite.rules import CheckRule
from dver.checks.wording import values_text
from dver.formats.profile import ColumnProfile, ColumnType
from dver.tables.engine import open_engine, quoted_text

_TEXT_MAX: Final = 100
"""Longer texts may be cut off in a profile."""


def regex_answer(rule: CheckRule, column: ColumnProfile, data: DataAccess) -> Answer | None:
    """The answer, if the profile has all values. Raises UsageError for an invalid expression."""
    counts = column.counts
    if counts is None or not counts.complete or column.type is not ColumnType.TEXT or not counts.values:
        return None
    if has_rewritten_texts(column):
        return None
    texts = {str(value): times for value, times in counts.values}
    if any(len(one) >= _TEXT_MAX for one in texts):
        return None
    listed = ", ".join(f"({quoted_text(one)})" for one in texts)
    with data.scratch() as scratch, open_engine([], scratch) as (engine, _):
        matches = f"regexp_full_match(value, {quoted_text(str(rule.wanted))})"
        _, rows = engine.answer(f"SELECT value FROM (VALUES {listed}) AS found(value) WHERE NOT {matches}")
    others = tuple(str(one) for (one,) in rows)
    if not others:
        return decided(True, "all values match")
    return decided(False, f"also {values_text(others)}", sum(texts[one] for one in others))
