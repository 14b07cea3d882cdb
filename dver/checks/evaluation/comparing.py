"""Limits and values, made comparable with the values of a column."""

from __future__ import annotations

from dver.checks.suite.limits import seconds_of_time
from dver.checks.suite.rules import Between, CheckRule, RuleKind
from dver.core.errors import UsageError
from dver.formats.profile import ColumnProfile, ColumnType, Value

_NUMBERS = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.BOOLEAN)


def limit_of(rule: CheckRule, column: ColumnProfile) -> float | str:
    """The limit of a `min` or `max`: a number, Unix seconds for a column of times, or text. Raises UsageError."""
    assert isinstance(rule.wanted, Between)
    limit = rule.wanted.low if rule.kind is RuleKind.MIN else rule.wanted.high
    assert limit is not None
    if column.type in _NUMBERS and not isinstance(limit, str):
        return limit
    if column.type is ColumnType.TIME and isinstance(limit, str):
        seconds = seconds_of_time(limit)
        if seconds is None:
            raise UsageError(f"the column has times, and {limit!r} is not one; write it like 2026-01-31")
        return seconds
    if column.type is ColumnType.TEXT and isinstance(limit, str):
        return limit
    raise UsageError(f"the column has {column.type.value} values, and the limit is {_kind(limit)}")


def comparable(value: Value, kind: ColumnType) -> Value | tuple[str, Value]:
    """What stands for `value` among the values of a column. Text and numbers are never equal."""
    if kind is ColumnType.TIME and isinstance(value, str):
        seconds = seconds_of_time(value)
        return value if seconds is None else seconds
    if isinstance(value, bool):
        return ("boolean", value)
    return value


def inside(wanted: object, value: float) -> bool:
    """Is `value` between the limits?"""
    assert isinstance(wanted, Between)
    return (wanted.low is None or value >= float(wanted.low)) and (wanted.high is None or value <= float(wanted.high))


def _kind(limit: Value) -> str:
    return "text" if isinstance(limit, str) else "a number"
