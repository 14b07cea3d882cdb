"""Rules and values in plain language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from dver.checks.suite.rules import AtMost, Between, CheckRule, DriftLimits, RuleKind, WantedColumns
from dver.core.phrasing import count, join_limited, one_line
from dver.formats.profile import Value

_NAMED: Final = 8
_LONGEST: Final = 80
_UNITS: Final = {"m": "minute", "h": "hour", "d": "day", "w": "week"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def expected_text(rule: CheckRule) -> str:
    """What `rule` expects, such as `at most 5 % nulls`."""
    return _EXPECTED[rule.kind](rule)


def value_text(value: Value) -> str:
    """A value, short: `3`, `0.125`, `DE`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
    text = one_line(str(value))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def values_text(values: tuple[Value, ...]) -> str:
    """Some of `values`."""
    return join_limited([value_text(one) for one in values], _NAMED)


def time_text(seconds: float) -> str:
    """Unix seconds as a date, or a date and time in UTC."""
    try:
        found = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return f"{seconds:.6g} seconds after 1970"
    text = found.strftime("%Y-%m-%d %H:%M:%S")
    return text.removesuffix(" 00:00:00")


def share_text(share: float) -> str:
    """`5 %`, with two significant digits below 10 %; never 0 % for more than nothing."""
    percent = share * 100
    if 0 < percent < 0.01:
        return "less than 0.01 %"
    digits = f"{percent:.1f}" if percent >= 10 else f"{percent:.2g}"
    return f"{digits.removesuffix('.0')} %"


def of_rows(number: int, rows: int, noun: str) -> str:
    """`3.2 % nulls (320 of 10,000 rows)`."""
    share = share_text(number / rows) if rows else "0 %"
    return f"{share} {noun} ({number:,} of {count(rows, 'row')})" if number else f"no {noun}"


def _between(wanted: object, noun: str = "", show: Callable[[Value], str] = value_text) -> str:
    assert isinstance(wanted, Between)
    after = f" {noun}" if noun else ""
    if wanted.low is not None and wanted.low == wanted.high:
        return f"{show(wanted.low)}{after}"
    if wanted.low is None:
        return f"at most {show(wanted.high or 0)}{after}"
    if wanted.high is None:
        return f"at least {show(wanted.low)}{after}"
    return f"{show(wanted.low)} to {show(wanted.high)}{after}"


def _number(value: Value) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _signed_share(value: Value) -> str:
    assert isinstance(value, (int, float))
    return ("-" if value < 0 else "+" if value else "") + share_text(abs(value))


def _at_most(wanted: object, noun: str) -> str:
    assert isinstance(wanted, AtMost)
    if wanted.share is not None:
        return f"at most {share_text(wanted.share)} {noun}" if wanted.share else f"no {noun}"
    return f"at most {wanted.number:,} {noun}" if wanted.number else f"no {noun}"


def _schema(rule: CheckRule) -> str:
    wanted = rule.wanted
    assert isinstance(wanted, WantedColumns)
    names = [name for name, _ in wanted.columns]
    more = "" if wanted.extra else ", and no others"
    return f"columns {join_limited(names, _NAMED)}{' in this order' if wanted.ordered else ''}{more}"


def _drift(rule: CheckRule) -> str:
    assert isinstance(rule.wanted, DriftLimits)
    return f"no drift from {rule.wanted.against}"


def _plain(text: str) -> Callable[[CheckRule], str]:
    return lambda rule: text


def _listed(rule: CheckRule) -> tuple[Value, ...]:
    assert isinstance(rule.wanted, tuple)
    return rule.wanted


_EXPECTED: Final[Mapping[RuleKind, Callable[[CheckRule], str]]] = {
    RuleKind.ROWS: lambda rule: _between(rule.wanted, "rows", _number),
    RuleKind.ROWS_CHANGE: lambda rule: f"{_between(rule.wanted, '', _signed_share)} rows against the previous version",
    RuleKind.SCHEMA: _schema,
    RuleKind.KEY: lambda rule: f"{values_text(_listed(rule))}: unique, without nulls",
    RuleKind.EXPRESSION: lambda rule: value_text(str(rule.wanted)),
    RuleKind.SQL: lambda rule: f"no rows of {value_text(' '.join(str(rule.wanted).split()))}",
    RuleKind.UNREADABLE: lambda rule: _at_most(rule.wanted, "unreadable files"),
    RuleKind.DRIFT: _drift,
    RuleKind.TYPE: lambda rule: " or ".join(str(one) for one in _listed(rule)),
    RuleKind.DECLARED: lambda rule: str(rule.wanted),
    RuleKind.MIN: lambda rule: _between(rule.wanted),
    RuleKind.MAX: lambda rule: _between(rule.wanted),
    RuleKind.MEAN: lambda rule: f"a mean of {_between(rule.wanted)}",
    RuleKind.DEVIATION: lambda rule: f"a standard deviation of {_between(rule.wanted)}",
    RuleKind.QUANTILE: lambda rule: f"a quantile {rule.rank:g} of {_between(rule.wanted)}",
    RuleKind.NULLS: lambda rule: _at_most(rule.wanted, "nulls"),
    RuleKind.FINITE: _plain("no NaN and no infinities"),
    RuleKind.UNIQUE: _plain("no value twice"),
    RuleKind.DISTINCT: lambda rule: _between(rule.wanted, "distinct values", _number),
    RuleKind.VALUES: lambda rule: f"one of {values_text(_listed(rule))}",
    RuleKind.REGEX: lambda rule: f"matches {value_text(str(rule.wanted))}",
    RuleKind.LENGTHS: lambda rule: f"a length of {_between(rule.wanted, '', _number)}",
    RuleKind.FRESH: lambda rule: f"newer than {_duration(str(rule.wanted))}",
    RuleKind.PLUGIN: lambda rule: f"passes {value_text(str(rule.wanted))}",
}


def _duration(text: str) -> str:
    return count(int(text[:-1]), _UNITS[text[-1]])
