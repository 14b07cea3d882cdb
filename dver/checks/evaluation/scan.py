"""Reads the data for the rules that the profile has no answer to: one pass for up to 200 that count rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Final, TypeAlias

from dver.checks.data_access import DataAccess
from dver.checks.evaluation.answer import Answer, decided, error_text, failed_to_evaluate
from dver.checks.evaluation.conditions import Counted, counted, raw_columns
from dver.checks.evaluation.failing_rows import failing_rows, rows_of_query
from dver.checks.evaluation.needed_columns import check_width, named_columns, needed_columns
from dver.checks.relation import Relation, check_names, open_relation
from dver.checks.suite.rules import CheckRule, RuleKind
from dver.core.errors import DverError, LocalIOError, UsageError
from dver.core.phrasing import count
from dver.formats.profile import CollectionProfile, ColumnProfile

_RULES_MAX: Final = 200
"""The most rules of a statement: three thousand take some GB of memory."""
Asked: TypeAlias = tuple[CheckRule, ColumnProfile | None]


def scan(
    rules: Mapping[int, Asked], failed: Mapping[int, Asked], collection: CollectionProfile, data: DataAccess, rows: int
) -> tuple[dict[int, Answer], dict[int, tuple[tuple[tuple[str, str], ...], ...]]]:
    """The answers to `rules`, and up to `rows` failing rows of those that fail and of `failed`."""
    columns = needed_columns([rule for rule, _ in (*rules.values(), *failed.values())], collection)
    try:
        with (
            data.tables(collection.name) as files,
            data.scratch() as scratch,
            open_relation(files, collection, scratch, ordered=bool(rows), columns=columns) as relation,
        ):
            answers = _answers(rules, relation, rows)
            shown = {at: one.rows for at, one in answers.items() if one.rows}
            for at, asked in {**rules, **failed}.items():
                bad = at in failed or (not answers[at].result(asked[0]).ok and answers[at].failed_rows)
                if rows and bad and at not in shown:
                    shown[at] = failing_rows(relation, *asked, rows)
            return answers, shown
    except LocalIOError:
        raise
    except DverError as error:
        return dict.fromkeys(rules, failed_to_evaluate(error_text(error))), {}


def _answers(rules: Mapping[int, Asked], relation: Relation, rows: int) -> dict[int, Answer]:
    answers: dict[int, Answer] = {}
    parts: dict[int, Counted] = {}
    for at, (rule, column) in rules.items():
        try:
            check_width(rule, relation.collection)
            if rule.kind is RuleKind.SQL:
                answers[at] = _query_answer(rule, relation, rows)
                continue
            if rule.kind is RuleKind.EXPRESSION:
                _check_expression(rule, relation)
            check_names(named_columns(rule), relation.collection)
            part = counted(rule, column)
            if part is None:
                answers[at] = failed_to_evaluate("only for tables with a profile of the column")
            else:
                parts[at] = part
        except LocalIOError:
            raise
        except DverError as error:
            answers[at] = failed_to_evaluate(error_text(error))
    remaining = iter(parts.items())
    while some := dict(islice(remaining, _RULES_MAX)):
        answers.update(_counted_answers(some, {at: rules[at][0] for at in some}, relation))
    return answers


def _counted_answers(
    parts: Mapping[int, Counted], rules: Mapping[int, CheckRule], relation: Relation
) -> dict[int, Answer]:
    """One statement for all. If it fails, one for each, so that the error is that of the rule."""
    own = list(rules.values())
    needed = replace(relation, columns=tuple(needed_columns(own, relation.collection)))
    rows = f"({needed.union(raw_columns(own))})"
    try:
        aggregates = ", ".join(one for part in parts.values() for one in part.aggregates)
        ((*numbers,),) = relation.engine.answer(f"SELECT {aggregates} FROM {rows}")[1]
    except LocalIOError:
        raise
    except DverError as error:
        if len(parts) == 1:
            return dict.fromkeys(parts, failed_to_evaluate(error_text(error)))
        return {
            at: answer
            for at, part in parts.items()
            for answer in _counted_answers({at: part}, {at: rules[at]}, relation).values()
        }
    found = iter(numbers)
    return {at: part.answer(list(islice(found, len(part.aggregates)))) for at, part in parts.items()}


def _check_expression(rule: CheckRule, relation: Relation) -> None:
    """Raise UsageError unless the expression is one of the columns, and true or false."""
    relation.engine.query_of(f"SELECT {rule.wanted}")  # alone, so that it cannot close the bracket around it
    statement = relation.engine.query_of(f"SELECT NOT ({rule.wanted}\n) AS failed, 1 AS one FROM data")
    names, _ = relation.engine.answer(f"SELECT * FROM ({statement}) LIMIT 0")
    if names != ("failed", "one"):
        raise UsageError("the expression is not one true-or-false value", fix="write one expression for each column")


def _query_answer(rule: CheckRule, relation: Relation, rows: int) -> Answer:
    query = relation.engine.query_of(str(rule.wanted))
    ((number,),) = relation.engine.answer(f"SELECT count(*) FROM ({query}\n)")[1]
    answer = decided(not number, count(number, "row"), number, scanned=True)
    return answer.with_rows(rows_of_query(relation, query, rows)) if number and rows else answer
