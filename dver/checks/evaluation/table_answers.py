"""Answers to rules about whole tables and other collections from their profiles. None: the data has to be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Final

from dver.checks.data_access import DataAccess
from dver.checks.evaluation.answer import Answer, decided, failed_to_evaluate
from dver.checks.evaluation.column_answers import has_type, unique_answer, within
from dver.checks.evaluation.comparing import inside
from dver.checks.result import RuleOutcome
from dver.checks.suite.rules import CheckRule, RuleKind, WantedColumns
from dver.checks.wording import share_text, values_text
from dver.core.errors import UsageError
from dver.core.phrasing import count
from dver.formats.profile import CollectionProfile, ColumnType, Profile
from dver.profiles.sketches.distinct import Distinct


def table_answer(rule: CheckRule, collection: CollectionProfile, data: DataAccess) -> Answer | None:
    """The answer to `rule`; None if the profile has none."""
    answer = _ANSWERS.get(rule.kind)
    return None if answer is None else answer(rule, collection, data)


def collection_of(profile: Profile, name: str | None) -> CollectionProfile:
    """The collection that a rule is about. Raises UsageError."""
    found = [one for one in profile.collections if name is None or one.name.rstrip("/") == name.rstrip("/")]
    if len(found) == 1:
        return found[0]
    names = [one.name for one in profile.collections]
    if name is not None:
        near = get_close_matches(name, names, 1)
        raise UsageError(f"no collection {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    if not names:
        raise UsageError("no tables, images, recordings or texts")
    raise UsageError(f"several collections: name one of them with `collection`: {values_text(tuple(names))}")


def missing_column(name: str, collection: CollectionProfile) -> str:
    """What to say about a column that does not exist."""
    near = get_close_matches(name, [one.name for one in collection.columns], 1)
    return f"no column {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _rows(rule: CheckRule, collection: CollectionProfile, _data: DataAccess) -> Answer:
    return decided(inside(rule.wanted, collection.rows), count(collection.rows, "row"))


def _rows_change(rule: CheckRule, collection: CollectionProfile, data: DataAccess) -> Answer:
    before = data.previous()
    if before is None:
        return decided(True, f"{count(collection.rows, 'row')}; no previous version")
    rows = collection_of(before, rule.collection).rows
    change = (collection.rows - rows) / rows if rows else (0.0 if not collection.rows else float("inf"))
    sign = "-" if change < 0 else "+" if change else ""
    text = f"{count(collection.rows, 'row')} after {rows:,}"
    if change != float("inf"):
        text += f" ({sign}{share_text(abs(change))})"
    return decided(inside(rule.wanted, change), text)


def _schema(rule: CheckRule, collection: CollectionProfile, _data: DataAccess) -> Answer:
    wanted = rule.wanted
    assert isinstance(wanted, WantedColumns)
    names = [one.name for one in collection.columns]
    expected = [name for name, _ in wanted.columns]
    problems = [f"{text} {values_text(found)}" for text, found in _differences(names, expected, wanted) if found]
    for name, types in wanted.columns:
        column = collection.column(name)
        if column is not None and not has_type(column, types):
            problems.append(f"{name} is {column.type.value}, not {' or '.join(types)}")
    return decided(not problems, "; ".join(problems) or count(len(names), "column"))


def _differences(names: list[str], expected: list[str], wanted: WantedColumns) -> list[tuple[str, tuple[str, ...]]]:
    repeated = (
        tuple(dict.fromkeys(one for one in names if names.count(one) > 1)) if len(set(names)) < len(names) else ()
    )
    present = [one for one in names if one in set(expected)]
    in_order = [one for one in expected if one in set(names)]
    other_order = wanted.ordered and present != in_order
    return [
        ("missing", tuple(one for one in expected if one not in set(names))),
        ("also", () if wanted.extra else tuple(one for one in names if one not in set(expected))),
        ("twice", repeated),
        ("in the order", tuple(present) if other_order else ()),
    ]


def _key(rule: CheckRule, collection: CollectionProfile, _data: DataAccess) -> Answer | None:
    assert isinstance(rule.wanted, tuple)
    columns = [collection.column(str(name)) for name in rule.wanted]
    for name, column in zip(rule.wanted, columns, strict=True):
        if column is None:
            return failed_to_evaluate(missing_column(str(name), collection))
        if column.nulls:
            return decided(False, f"{count(column.nulls, 'null')} in {column.name}", column.nulls)
    found = [column for column in columns if column is not None and column.type is not ColumnType.NESTED]
    answers = [unique_answer(column) for column in found]
    unique = next((one for one in answers if one is not None and one.outcome is RuleOutcome.PASSED), None)
    if unique is not None:
        return unique
    if len(columns) == 1:
        return answers[0] if answers else None
    most = 1
    for column in found:
        sketch = Distinct.of(column.distinct) if column.distinct else None
        most *= sketch.estimate() if sketch is not None and sketch.exact else collection.rows + 1
    if len(found) == len(columns) and most < collection.rows:
        return decided(False, f"at most {most:,} different keys in {count(collection.rows, 'row')}")
    return None


def _unreadable(rule: CheckRule, collection: CollectionProfile, _data: DataAccess) -> Answer:
    number = collection.unreadable_count
    files = max(collection.files, number)
    text = f"{number:,} of {count(files, 'file')}" if number else "all readable"
    if number:
        text += f": {values_text(tuple(one.path for one in collection.unreadable[:3]))}"
    return decided(within(rule.wanted, number, files), text, number)


_ANSWERS: Final[Mapping[RuleKind, Callable[[CheckRule, CollectionProfile, DataAccess], Answer | None]]] = {
    RuleKind.ROWS: _rows,
    RuleKind.ROWS_CHANGE: _rows_change,
    RuleKind.SCHEMA: _schema,
    RuleKind.KEY: _key,
    RuleKind.UNREADABLE: _unreadable,
}
