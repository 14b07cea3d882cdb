"""Rules as SQL: conditions of failing rows, and what a scan counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dver.checks.evaluation.answer import Answer, decided
from dver.checks.evaluation.column_answers import within
from dver.checks.evaluation.comparing import inside, limit_of
from dver.checks.relation import TEXT_OF
from dver.checks.suite.rules import Between, CheckRule, RuleKind
from dver.checks.wording import of_rows, value_text, values_text
from dver.core.phrasing import count
from dver.formats.profile import ColumnProfile, ColumnType, Value
from dver.tables.engine import quoted_name, quoted_text


@dataclass(frozen=True, slots=True)
class Counted:
    """What a scan counts for a rule, and the answer that follows."""

    aggregates: tuple[str, ...]
    """SQL of numbers."""
    answer: Callable[[Sequence[Any]], Answer]


def failing(rule: CheckRule, column: ColumnProfile | None) -> str | None:
    """The condition of the rows that fail `rule`, in a relation with `TEXT_OF` columns; None for other rules.

    Raises UsageError for a rule that does not fit the column.
    """
    if rule.kind is RuleKind.EXPRESSION:
        return f"NOT ({rule.wanted}\n)"
    if column is None:
        return None
    make = _CONDITIONS.get(rule.kind)
    return None if make is None else make(rule, column)


def counted(rule: CheckRule, column: ColumnProfile | None) -> Counted | None:
    """What to count for `rule`; None for rules that are not about counts."""
    if rule.kind is RuleKind.KEY:
        return _key(rule)
    if column is not None and rule.kind in _COUNTED:
        return _COUNTED[rule.kind](rule, column)
    condition = failing(rule, column)
    if condition is None:
        return None
    return Counted((_rows_with(condition), "count(*)"), lambda found: _rows_answer(rule, *found))


def raw_columns(rules: Sequence[CheckRule]) -> list[str]:
    """The columns whose texts as written in the file are needed."""
    return list(dict.fromkeys(one.column for one in rules if one.kind is RuleKind.REGEX and one.column is not None))


def _rows_with(condition: str) -> str:
    """SQL of the number of rows with `condition`. `count_if` is null, not 0, where the condition always is."""
    return f"count(*) FILTER (WHERE {condition}\n)"


def _rows_answer(rule: CheckRule, failed: int, rows: int) -> Answer:
    passed = within(rule.wanted, failed, rows) if rule.kind is RuleKind.NULLS else not failed
    noun = "nulls" if rule.kind is RuleKind.NULLS else "failing rows"
    return decided(passed, of_rows(failed, rows, noun), failed, scanned=True)


def _extreme(rule: CheckRule, column: ColumnProfile) -> str:
    limit = limit_of(rule, column)
    name = quoted_name(column.name)
    if column.type is ColumnType.TIME:
        name = f"epoch({name})"
    elif column.type is ColumnType.BOOLEAN:
        name = f"CAST({name} AS INTEGER)"
    shown = quoted_text(limit) if isinstance(limit, str) else repr(limit)
    condition = f"{name} {'<' if rule.kind is RuleKind.MIN else '>'} {shown}"
    return f"({condition} AND NOT isnan({name}))" if column.type is ColumnType.NUMBER else condition


def _values(rule: CheckRule, column: ColumnProfile) -> str:
    assert isinstance(rule.wanted, tuple)
    name = quoted_name(column.name)
    allowed = [one for one in rule.wanted if _fits(one, column.type)]
    if column.type is ColumnType.TIME:
        name = f"epoch({name})"
        allowed = [limit_of(CheckRule(RuleKind.MIN, Between(low=one), rule.severity, ""), column) for one in allowed]
    listed = ", ".join(_literal(one) for one in allowed)
    return f"{name} NOT IN ({listed})" if listed else f"{name} IS NOT NULL"


def _fits(value: Value, kind: ColumnType) -> bool:
    """Could a column of this type have the value?"""
    if kind is ColumnType.BOOLEAN:
        return isinstance(value, bool)
    if kind in (ColumnType.INTEGER, ColumnType.NUMBER):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, str)


def _literal(value: Value) -> str:
    if isinstance(value, str):
        return quoted_text(value)
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _lengths(rule: CheckRule, column: ColumnProfile) -> str:
    wanted = rule.wanted
    assert isinstance(wanted, Between)
    name = quoted_name(column.name)
    length = f"octet_length({name})" if column.type is ColumnType.BYTES else f"length({name})"
    limits = [f"{length} < {wanted.low}"] if wanted.low is not None else []
    limits += [f"{length} > {wanted.high}"] if wanted.high is not None else []
    return f"({' OR '.join(limits)})"


def _regex(rule: CheckRule, column: ColumnProfile) -> str:
    return f"NOT regexp_full_match({quoted_name(TEXT_OF + column.name)}, {quoted_text(str(rule.wanted))})"


def _key(rule: CheckRule) -> Counted:
    assert isinstance(rule.wanted, tuple)
    names = [quoted_name(str(one)) for one in rule.wanted]
    nulls = " OR ".join(f"{one} IS NULL" for one in names)
    every = f"NOT ({nulls})"
    value = names[0] if len(names) == 1 else f"ROW({', '.join(names)})"
    counts = (_rows_with(nulls), _rows_with(every), f"count(DISTINCT {value}) FILTER (WHERE {every})")
    return Counted(counts, _key_answer)


def _key_answer(found: Sequence[int]) -> Answer:
    nulls, values, distinct = found
    if nulls:
        return decided(False, f"{count(nulls, 'row')} with a null in the key", nulls, scanned=True)
    return _unique_answer((values, distinct))


def _unique(_rule: CheckRule, column: ColumnProfile) -> Counted:
    name = quoted_name(column.name)
    return Counted((f"count({name})", f"count(DISTINCT {name})"), _unique_answer)


def _unique_answer(found: Sequence[int]) -> Answer:
    values, distinct = found
    again = values - distinct
    text = f"{count(again, 'row')} with a value that occurs before" if again else "all different"
    return decided(not again, text, again, scanned=True)


def _distinct(rule: CheckRule, column: ColumnProfile) -> Counted:
    """Values that are not finite do not count, as in profiles."""
    name = quoted_name(column.name)
    finite = f" FILTER (WHERE isfinite({name}))" if column.type is ColumnType.NUMBER else ""

    def answer(found: Sequence[int]) -> Answer:
        return decided(inside(rule.wanted, found[0]), count(found[0], "distinct value"), scanned=True)

    return Counted((f"count(DISTINCT {name}){finite}",), answer)


def _moment(rule: CheckRule, column: ColumnProfile) -> Counted:
    """The mean, or the sample standard deviation."""
    function, noun = ("avg", "mean") if rule.kind is RuleKind.MEAN else ("stddev_samp", "standard deviation")
    number = f"CAST({quoted_name(column.name)} AS DOUBLE)"

    def answer(found: Sequence[float | None]) -> Answer:
        value = found[0] or 0.0
        return decided(inside(rule.wanted, value), f"a {noun} of {value_text(value)}", scanned=True)

    return Counted((f"{function}({number}) FILTER (WHERE isfinite({number}))",), answer)


def _quantile(rule: CheckRule, column: ColumnProfile) -> Counted:
    """The quantile of rank q is at least x if less than the share q is below x: counts need no memory."""
    wanted, rank = rule.wanted, rule.rank or 0.0
    assert isinstance(wanted, Between)
    finite = f"CAST({quoted_name(column.name)} AS DOUBLE)"
    low = "0" if wanted.low is None else _rows_with(f"isfinite({finite}) AND {finite} < {wanted.low!r}")
    high = "0" if wanted.high is None else _rows_with(f"isfinite({finite}) AND {finite} <= {wanted.high!r}")

    def answer(found: Sequence[int]) -> Answer:
        values, below, up_to = found
        at = min(max(1.0, rank * values * (1 - 1e-9)), float(values))
        too_low = wanted.low is not None and below >= at
        too_high = wanted.high is not None and up_to < at
        if not too_low and not too_high:
            return decided(True, "in the range", scanned=True)
        limit = wanted.low if too_low else wanted.high
        return decided(False, f"{'below' if too_low else 'above'} {values_text((limit or 0,))}", scanned=True)

    return Counted((_rows_with(f"isfinite({finite})"), low, high), answer)


_CONDITIONS: Final[Mapping[RuleKind, Callable[[CheckRule, ColumnProfile], str]]] = {
    RuleKind.NULLS: lambda _rule, column: f"{quoted_name(column.name)} IS NULL",
    RuleKind.MIN: _extreme,
    RuleKind.MAX: _extreme,
    RuleKind.FINITE: lambda _rule, column: f"NOT isfinite(CAST({quoted_name(column.name)} AS DOUBLE))",
    RuleKind.VALUES: _values,
    RuleKind.REGEX: _regex,
    RuleKind.LENGTHS: _lengths,
}
_COUNTED: Final[Mapping[RuleKind, Callable[[CheckRule, ColumnProfile], Counted]]] = {
    RuleKind.UNIQUE: _unique,
    RuleKind.DISTINCT: _distinct,
    RuleKind.QUANTILE: _quantile,
    RuleKind.MEAN: _moment,
    RuleKind.DEVIATION: _moment,
}
