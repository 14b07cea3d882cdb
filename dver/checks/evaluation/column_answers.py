"""Answers to the rules of a column from its profile. None: the data has to be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from dver.checks.evaluation.answer import Answer, decided, failed_to_evaluate
from dver.checks.evaluation.comparing import comparable, inside, limit_of
from dver.checks.suite.rules import AtMost, Between, CheckRule, RuleKind
from dver.checks.wording import of_rows, share_text, time_text, value_text, values_text
from dver.config.schema import parse_duration
from dver.core.errors import UsageError
from dver.core.phrasing import count
from dver.formats.profile import ColumnProfile, ColumnType, NumberSummary, Value
from dver.profiles.sketches.distinct import Distinct
from dver.profiles.sketches.quantiles import Quantiles

DISTINCT_ERROR: Final = 0.05
"""Three standard errors of an estimated number of distinct values. Sketches of small files have larger errors."""
RANK_ERRORS: Final = 2
"""An estimated quantile decides only if the limits are farther away than this many errors of its rank."""
_PRECISE: Final = 2.0**53
"""Integers of this size and above are rounded in profiles."""
_TEXT_MAX: Final = 100
"""The first and the last text of a profile are cut off at this length."""


def column_answer(rule: CheckRule, column: ColumnProfile, now: float) -> Answer | None:
    """The answer to `rule`; None if the profile has none."""
    if column.count == column.nulls and rule.kind in _OF_VALUES:
        return decided(True, "no values" if column.count else "no rows")
    try:
        return _ANSWERS[rule.kind](rule, column, now)
    except UsageError as error:
        return failed_to_evaluate(error.what)


def unique_answer(column: ColumnProfile) -> Answer | None:
    """Has the column a value twice?"""
    if has_rewritten_texts(column):
        return None
    values = column.count - column.nulls
    repeated = next((one for one in (column.counts.values if column.counts else ()) if one[1] > 1), None)
    if column.nans or column.infinities or not column.distinct:
        return None
    distinct = Distinct.of(column.distinct)
    if distinct.exact:
        found = distinct.estimate()
        text = f"{value_text(repeated[0])} occurs {repeated[1]:,} times" if repeated else "values that occur again"
        return decided(found == values, "all different" if found == values else text, values - found)
    if repeated:
        return decided(False, f"{value_text(repeated[0])} occurs at least {repeated[1]:,} times")
    about = distinct.estimate()
    if about * (1 + _distinct_error(distinct)) < values:
        return decided(False, f"about {about:,} different values in {count(values, 'row')}")
    return None


def has_rewritten_texts(column: ColumnProfile) -> bool:
    """Does the profile know some texts only as numbers or times: 01.50 as 1.5?

    They were read before the first text. Lengths and extremes leave them out.
    """
    measured = column.lengths.count if column.lengths is not None else 0
    return column.type is ColumnType.TEXT and measured < column.count - column.nulls


def _distinct_error(sketch: Distinct) -> float:
    """How far an estimated number of distinct values may be off, as a share of it."""
    return max(DISTINCT_ERROR, 3 * sketch.relative_error)


def _type(rule: CheckRule, column: ColumnProfile, _now: float) -> Answer:
    declared = f" ({column.declared})" if column.declared else ""
    return decided(has_type(column, rule.wanted), f"{column.type.value}{declared}")


def has_type(column: ColumnProfile, wanted: object) -> bool:
    """Is the column of one of the types `wanted`? One without values is of every type."""
    assert isinstance(wanted, tuple)
    if column.type is ColumnType.EMPTY or not wanted:
        return True
    return column.type.value in wanted or (column.type is ColumnType.INTEGER and "number" in wanted)


def _declared(rule: CheckRule, column: ColumnProfile, _now: float) -> Answer:
    if column.declared is None:
        return failed_to_evaluate("the format of the file declares no types")
    return decided(column.declared == rule.wanted, column.declared)


def within(wanted: object, number: int, rows: int) -> bool:
    """Are `number` of `rows` at most what is wanted?"""
    assert isinstance(wanted, AtMost)
    if wanted.number is not None:
        return number <= wanted.number
    return number <= 0 or number / rows <= (wanted.share or 0)  # a product such as 0.29 * 100 is less than 29


def _nulls(rule: CheckRule, column: ColumnProfile, _now: float) -> Answer:
    found = of_rows(column.nulls, column.count, "nulls")
    return decided(within(rule.wanted, column.nulls, column.count), found, column.nulls)


def _finite(_rule: CheckRule, column: ColumnProfile, _now: float) -> Answer:
    bad = column.nans + column.infinities
    parts = [count(column.nans, "NaN")] if column.nans else []
    parts += [count(column.infinities, "infinity", "infinities")] if column.infinities else []
    return decided(not bad, " and ".join(parts) or "only finite numbers", bad)


def _extreme(rule: CheckRule, column: ColumnProfile, _now: float) -> Answer | None:
    low = rule.kind is RuleKind.MIN
    limit = limit_of(rule, column)
    if has_rewritten_texts(column):
        return None
    word = "smallest" if low else "greatest"
    if isinstance(limit, str):
        text = column.first if low else column.last
        if text is None or (len(text) >= _TEXT_MAX and limit.startswith(text)):
            return None
        return decided(text >= limit if low else text <= limit, f"{word} value {value_text(text)}")
    numbers = column.numbers
    if numbers is None or column.infinities:
        return None
    value = numbers.minimum if low else numbers.maximum
    if abs(value) >= _PRECISE and abs(value - limit) <= abs(value) * 1e-15:
        return None
    shown = time_text(value) if column.type is ColumnType.TIME else value_text(value)
    return decided(value >= limit if low else value <= limit, f"{word} value {shown}")


def _numbers(rule: CheckRule, column: ColumnProfile) -> NumberSummary | None:
    if column.type not in (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.BOOLEAN):
        raise UsageError(f"the column has {column.type.value} values, not numbers")
    return column.numbers


def _no_numbers(column: ColumnProfile) -> Answer | None:
    return None if column.private else failed_to_evaluate("no finite numbers")


def _mean(rule: CheckRule, column: ColumnProfile, _now: float) -> Answer | None:
    numbers = _numbers(rule, column)
    if numbers is None:
        return _no_numbers(column)
    return decided(inside(rule.wanted, numbers.mean), f"a mean of {value_text(numbers.mean)}")


def _deviation(rule: CheckRule, column: ColumnProfile, _now: float) -> Answer | None:
    numbers = _numbers(rule, column)
    if numbers is None:
        return _no_numbers(column)
    return decided(inside(rule.wanted, numbers.deviation), f"a standard deviation of {value_text(numbers.deviation)}")


def _quantile(rule: CheckRule, column: ColumnProfile, _now: float) -> Answer | None:
    numbers, rank = _numbers(rule, column), rule.rank or 0.0
    if numbers is None:
        return _no_numbers(column)
    sketch = Quantiles.of(numbers.quantiles)
    error = sketch.rank_error * RANK_ERRORS
    low, value, high = (float(one) for one in sketch.quantiles([max(0.0, rank - error), rank, min(1.0, rank + error)]))
    if sketch.exact or rank in (0, 1):
        return decided(inside(rule.wanted, value), f"a quantile {rank:g} of {value_text(value)}")
    wanted = rule.wanted
    assert isinstance(wanted, Between)
    text = f"a quantile {rank:g} of about {value_text(value)} (rank to {share_text(sketch.rank_error)})"
    if inside(wanted, low) and inside(wanted, high):
        return decided(True, text)
    if (wanted.low is not None and high < float(wanted.low)) or (wanted.high is not None and low > float(wanted.high)):
        return decided(False, text)
    return None


def _unique(_rule: CheckRule, column: ColumnProfile, _now: float) -> Answer | None:
    return unique_answer(column)


def _distinct(rule: CheckRule, column: ColumnProfile, _now: float) -> Answer | None:
    wanted = rule.wanted
    if not column.distinct or has_rewritten_texts(column):
        return None
    sketch = Distinct.of(column.distinct)
    number = sketch.estimate()
    if sketch.exact:
        return decided(inside(wanted, number), count(number, "distinct value"))
    error = _distinct_error(sketch)
    low, high = inside(wanted, number * (1 - error)), inside(wanted, number * (1 + error))
    text = f"about {number:,} distinct values (to {share_text(error)})"
    if low and high:
        return decided(True, text)
    assert isinstance(wanted, Between)
    beyond = (wanted.low is not None and number * (1 + error) < float(wanted.low)) or (
        wanted.high is not None and number * (1 - error) > float(wanted.high)
    )
    return decided(False, text) if beyond else None


def _values(rule: CheckRule, column: ColumnProfile, _now: float) -> Answer | None:
    assert isinstance(rule.wanted, tuple)
    if column.counts is None or column.type in (ColumnType.NESTED, ColumnType.BYTES) or has_rewritten_texts(column):
        return None
    allowed = {comparable(one, column.type) for one in rule.wanted}
    others = [(one, times) for one, times in column.counts.values if comparable(one, column.type) not in allowed]
    if others:
        number = sum(times for _, times in others) if column.counts.complete else None
        found = tuple(one for one, _ in others)
        return decided(False, f"also {values_text(found)}{_other_type(rule.wanted, found)}", number)
    if column.counts.complete:
        return decided(True, "no other values")
    distinct = Distinct.of(column.distinct) if column.distinct else None
    if distinct is not None and distinct.estimate() * (1 - _distinct_error(distinct)) > len(allowed):
        return decided(False, f"about {distinct.estimate():,} different values")
    return None


def _other_type(wanted: tuple[Value, ...], found: tuple[Value, ...]) -> str:
    """A hint, if a value is in the rule as a text and in the data as a number, or the other way round."""
    texts = {value_text(one) for one in wanted}
    same = next((one for one in found if value_text(one) in texts), None)
    if same is None:
        return ""
    kind, how = ("text", "in quotes") if isinstance(same, str) else ("no text", "without quotes")
    return f"; {value_text(same)} is {kind} in this column: write it {how}"


def _regex(_rule: CheckRule, _column: ColumnProfile, _now: float) -> Answer | None:
    return None


def _lengths(rule: CheckRule, column: ColumnProfile, _now: float) -> Answer | None:
    if column.lengths is None:
        raise UsageError(f"the column has {column.type.value} values, which have no lengths")
    if has_rewritten_texts(column):
        return None
    low, high = column.lengths.minimum, column.lengths.maximum
    text = f"lengths of {low:,.0f}" + (f" to {high:,.0f}" if high != low else "")
    return decided(inside(rule.wanted, low) and inside(rule.wanted, high), text)


def _fresh(rule: CheckRule, column: ColumnProfile, now: float) -> Answer | None:
    if column.type is not ColumnType.TIME:
        raise UsageError(f"the column has {column.type.value} values, not times")
    if column.numbers is None:
        raise UsageError("the column is private, so its newest time is not known")
    newest = column.numbers.maximum
    fresh = now - newest <= parse_duration(str(rule.wanted))
    return decided(fresh, f"newest {time_text(newest)}")


_ANSWERS: Final[Mapping[RuleKind, Callable[[CheckRule, ColumnProfile, float], Answer | None]]] = {
    RuleKind.TYPE: _type,
    RuleKind.DECLARED: _declared,
    RuleKind.NULLS: _nulls,
    RuleKind.FINITE: _finite,
    RuleKind.MIN: _extreme,
    RuleKind.MAX: _extreme,
    RuleKind.MEAN: _mean,
    RuleKind.DEVIATION: _deviation,
    RuleKind.QUANTILE: _quantile,
    RuleKind.UNIQUE: _unique,
    RuleKind.DISTINCT: _distinct,
    RuleKind.VALUES: _values,
    RuleKind.REGEX: _regex,
    RuleKind.LENGTHS: _lengths,
    RuleKind.FRESH: _fresh,
}
_OF_VALUES: Final = frozenset(
    (
        RuleKind.MIN, RuleKind.MAX, RuleKind.MEAN, RuleKind.DEVIATION, RuleKind.QUANTILE, RuleKind.UNIQUE,
        RuleKind.VALUES, RuleKind.REGEX, RuleKind.LENGTHS,
    )
)  # fmt: skip
"""Rules about values that are not null: without any, they pass."""
