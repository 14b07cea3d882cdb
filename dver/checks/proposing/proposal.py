"""Proposes rules for data from its profile: what holds today, with margins."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dver.checks.evaluation.column_answers import unique_answer
from dver.checks.result import RuleOutcome
from dver.checks.wording import share_text
from dver.core.phrasing import count
from dver.formats.profile import CollectionKind, CollectionProfile, ColumnProfile, ColumnType, Profile, Value
from dver.pipelines.definition.yaml_tree import resolves_to_text

COLUMNS_MAX: Final = 200
"""The most columns that get rules."""
_VALUES_MAX: Final = 20
_ROWS_FOR_VALUES: Final = 10
"""Values are a closed set only if each occurs about so often."""
_ROWS_FOR_UNIQUE: Final = 20
_TEXT_MAX: Final = 100
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_CONTROL: Final = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Proposal:
    """Lines of YAML for one path, without indentation of the path's key, and the number of rules."""

    lines: tuple[str, ...]
    rules: int


def propose(profile: Profile) -> Proposal:
    """Rules for all collections. A profile without collections has none."""
    several = len(profile.collections) > 1
    lines: list[str] = []
    rules = 0
    for one in profile.collections:
        found = list(_collection(one))
        rules += sum(": " in line and not line.lstrip().startswith(("#", "collection:")) for line in found)
        if several:
            found = [f"collection: {yaml_text(one.name)}", *found]
            lines += [f"- {found[0]}", *(f"  {line}" for line in found[1:])]
        else:
            lines += found
    return Proposal(tuple(lines), rules)


def yaml_text(text: str) -> str:
    """Text as a scalar of YAML."""
    if _PLAIN.fullmatch(text) and resolves_to_text(text):
        return text
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def _collection(one: CollectionProfile) -> Iterator[str]:
    yield f"rows: {{min: {one.rows // 2}}}  # {one.rows:,} now"
    if one.name:  # of a directory
        yield f"unreadable: {one.unreadable_count}"
    columns = list({column.name: column for column in reversed(one.columns)}.values())[::-1]
    first = True
    for column in columns[:COLUMNS_MAX]:
        if rules := list(_column(column, is_table=one.kind is CollectionKind.TABLE)):
            if first:
                yield "columns:"
            first = False
            yield f"  {yaml_text(column.name)}:"
            yield from (f"    {line}" for line in rules)
    if len(columns) > COLUMNS_MAX:
        yield f"  # {count(len(columns) - COLUMNS_MAX, 'more column')} without rules"


def _column(column: ColumnProfile, *, is_table: bool) -> Iterator[str]:
    if column.type is not ColumnType.EMPTY and is_table:
        known = "[integer, number]" if column.type is ColumnType.INTEGER else column.type.value
        yield f"type: {known if column.declared is None else column.type.value}"
    yield from _nulls(column)
    if column.count - column.nulls >= _ROWS_FOR_UNIQUE and column.type in (ColumnType.INTEGER, ColumnType.TEXT):
        answer = unique_answer(column)
        if is_table and answer is not None and answer.outcome is RuleOutcome.PASSED:
            yield "unique: true"
    if column.type is ColumnType.NUMBER and not column.nans and not column.infinities:
        yield "finite: true"
    if column.type is ColumnType.INTEGER and _has_two_values(column):
        yield f"values: {{value: [{', '.join(map(str, _sorted_values(column)))}], severity: warning}}"
    elif column.type in (ColumnType.INTEGER, ColumnType.NUMBER):
        yield from _range(column)
    elif column.type is ColumnType.TEXT:
        yield from _texts(column)


def _nulls(column: ColumnProfile) -> Iterator[str]:
    if not column.nulls:
        yield "nulls: 0"
    elif column.nulls < column.count:
        most = math.ceil(100 * max(2 * column.null_share, column.null_share + 0.01))
        if most < 100:
            yield f"nulls: {most} %  # {share_text(column.null_share)} now"


def _range(column: ColumnProfile) -> Iterator[str]:
    numbers = column.numbers
    if numbers is None or column.infinities or column.private:
        return
    low, high = numbers.minimum, numbers.maximum
    margin = (high - low) / 2 or abs(high) / 2 or 1.0
    if not math.isfinite(margin) or max(abs(low), abs(high)) > 1e15:
        return
    least = _rounded(low - margin, up=False)
    least = max(least, 0.0) if low >= 0 else least
    most = _rounded(high + margin, up=True)
    if column.type is ColumnType.INTEGER:
        least, most = float(math.floor(least)), float(math.ceil(most))
    yield f"min: {{value: {_number(least)}, severity: warning}}  # {_number(low)} now"
    yield f"max: {{value: {_number(most)}, severity: warning}}  # {_number(high)} now"


def _has_two_values(column: ColumnProfile) -> bool:
    """Whether a column of integers stands for yes and no, such as 0 and 1."""
    counts = column.counts
    rows = column.count - column.nulls
    return counts is not None and counts.complete and len(counts.values) == 2 and rows >= 2 * _ROWS_FOR_VALUES


def _sorted_values(column: ColumnProfile) -> list[int]:
    assert column.counts is not None
    return sorted(int(value) for value, _ in column.counts.values)


def _texts(column: ColumnProfile) -> Iterator[str]:
    counts = column.counts
    values = () if counts is None else tuple(value for value, _ in counts.values)
    closed = counts is not None and counts.complete and 0 < len(values) <= _VALUES_MAX
    if closed and column.count - column.nulls >= _ROWS_FOR_VALUES * len(values) and _short(values):
        listed = ", ".join(yaml_text(str(one)) for one in sorted(map(str, values)))
        yield f"values: {{value: [{listed}], severity: warning}}"
    elif column.lengths is not None and not column.private:
        longest = int(column.lengths.maximum)
        yield f"lengths: {{max: {2 * longest}, severity: warning}}  # at most {longest:,} now"


def _short(values: tuple[Value, ...]) -> bool:
    return all(isinstance(one, str) and len(one) < _TEXT_MAX for one in values)


def _rounded(value: float, *, up: bool) -> float:
    """`value` with two significant digits, away from the data."""
    if not value:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return (math.ceil if up else math.floor)(value / unit) * unit


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(float(f"{value:.12g}"))
