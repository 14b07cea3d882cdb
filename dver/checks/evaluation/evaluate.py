"""Evaluates a suite."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TypeAlias

from dver.checks.data_access import DataAccess
from dver.checks.evaluation.answer import Answer, Rows, error_text, failed_to_evaluate, without_values
from dver.checks.evaluation.column_answers import column_answer
from dver.checks.evaluation.drifting import drift_answer
from dver.checks.evaluation.regexes import regex_answer
from dver.checks.evaluation.scan import Asked, scan
from dver.checks.evaluation.table_answers import collection_of, missing_column, table_answer
from dver.checks.plugins.run import plugin_results
from dver.checks.result import CheckedData, RuleOutcome, RuleResult
from dver.checks.suite.rules import CheckRule, CheckSuite, RuleKind
from dver.core.errors import DverError, LocalIOError, UsageError
from dver.core.oid import Oid
from dver.formats.profile import CollectionProfile, ColumnProfile, Profile
from dver.pipelines.definition.stage import is_pattern
from dver.profiles.tables import require_libraries

RuleResults: TypeAlias = Sequence[tuple[CheckRule, tuple[RuleResult, ...]]]
"""Rules with their results, in the order of the suite. A rule for several columns occurs once for each."""


def evaluate(
    suite: CheckSuite,
    profile: Profile,
    data: DataAccess,
    *,
    path: str,
    oid: Oid | None = None,
    rows: int = 0,
    now: float | None = None,
) -> CheckedData:
    """The results of all rules of `suite` for the content `oid` of `path`, in their order. See `evaluate_rules`."""
    return checked_data(suite, path, oid, evaluate_rules(suite, profile, data, rows=rows, now=now))


def checked_data(suite: CheckSuite, path: str, oid: Oid | None, found: RuleResults) -> CheckedData:
    """The results of a suite for the content `oid` of `path`."""
    return CheckedData(path, oid, suite.source, results_of(found))


def results_of(found: RuleResults) -> tuple[RuleResult, ...]:
    """The results of all rules, in their order."""
    return tuple(one for _, results in found for one in results)


def evaluate_rules(
    suite: CheckSuite, profile: Profile, data: DataAccess, *, rows: int = 0, now: float | None = None
) -> RuleResults:
    """The results of each rule of `suite`.

    Up to `rows` failing rows of each rule are read from the data. `now` are Unix seconds, by default the present. A
    rule that cannot be evaluated has the outcome ERROR; only errors that concern all rules are raised: LocalIOError
    for a full disk, UsageError without the extra `data`.
    """
    require_libraries()
    evaluation = _Evaluation(data, rows, time.time() if now is None else now)
    results: list[_Slot] = []
    for rule in suite.rules:
        results += evaluation.implied(rule, profile, results) if rule.implied else evaluation.start(rule, profile)
    evaluation.scan(results)
    return [(slot.rule, slot.results()) for slot in results]


@dataclass(slots=True)
class _Slot:
    """A rule for one column, and what is known about it."""

    rule: CheckRule
    collection: CollectionProfile | None
    column: ColumnProfile | None = None
    answer: Answer | None = None
    rows: Rows = ()
    others: tuple[RuleResult, ...] | None = None
    """The results of a plug-in."""

    def results(self) -> tuple[RuleResult, ...]:
        if self.others is not None:
            return self.others
        assert self.answer is not None
        answer = self.answer.with_rows(self.rows) if self.rows else self.answer
        if self.column is not None and self.column.private:
            answer = without_values(answer, self.rule)
        return (answer.result(self.rule),)


@dataclass(slots=True)
class _Evaluation:
    data: DataAccess
    rows: int
    now: float

    def start(self, rule: CheckRule, profile: Profile) -> Iterator[_Slot]:
        """The rule for each column that it is about, with the answers of the profile."""
        try:
            collection = collection_of(profile, rule.collection)
            if rule.kind is RuleKind.PLUGIN:
                yield _Slot(rule, collection, others=plugin_results(rule, collection, self.data))
            elif rule.kind is RuleKind.DRIFT:
                yield _Slot(rule, collection, answer=drift_answer(rule, collection, self.data))
            elif rule.column is None:
                yield _Slot(rule, collection, answer=table_answer(rule, collection, self.data))
            else:
                yield from self.columns(rule, collection)
        except LocalIOError:
            raise
        except DverError as error:
            yield _Slot(rule, None, answer=failed_to_evaluate(error_text(error)))

    def implied(self, rule: CheckRule, profile: Profile, others: Sequence[_Slot]) -> Iterator[_Slot]:
        """The rule if it fails, and none of the `others` is about the unreadable files of the same collection."""
        with suppress(UsageError):  # the other rules say why there is no such collection
            collection = collection_of(profile, rule.collection)
            known = any(one.rule.kind is RuleKind.UNREADABLE and one.collection is collection for one in others)
            if collection.unreadable_count and not known:
                yield _Slot(rule, collection, answer=table_answer(rule, collection, self.data))

    def columns(self, rule: CheckRule, collection: CollectionProfile) -> Iterator[_Slot]:
        assert rule.column is not None
        for name in _names(rule.column, collection):
            column = collection.column(name)
            assert column is not None
            own = replace(rule, column=name)
            answer = column_answer(own, column, self.now)
            if answer is None and rule.kind is RuleKind.REGEX:
                answer = regex_answer(own, column, self.data)
            yield _Slot(own, collection, column, answer)
        if not _names(rule.column, collection):
            text = missing_column(rule.column, collection)
            if is_pattern(rule.column):
                text = f"no column matches {rule.column!r}"
            yield _Slot(rule, collection, answer=failed_to_evaluate(text))

    def scan(self, slots: list[_Slot]) -> None:
        """Read the data once for each collection, if a rule needs it."""
        collections = {id(one.collection): one.collection for one in slots if one.collection is not None}
        for collection in collections.values():
            mine = {at: one for at, one in enumerate(slots) if one.collection is collection and one.others is None}
            rules: dict[int, Asked] = {at: (one.rule, one.column) for at, one in mine.items() if one.answer is None}
            failed: dict[int, Asked] = {}
            if self.rows:
                failed = {at: (one.rule, one.column) for at, one in mine.items() if _has_failed(one)}
            if not rules and not failed:
                continue
            answers, shown = scan(rules, failed, collection, self.data, self.rows)
            for at, answer in answers.items():
                slots[at].answer = answer
            for at, found in shown.items():
                slots[at].rows = found


def _has_failed(slot: _Slot) -> bool:
    return slot.answer is not None and slot.answer.outcome is RuleOutcome.FAILED


def _names(name: str, collection: CollectionProfile) -> list[str]:
    """The columns that `name` names: one, or those that match a pattern."""
    if collection.column(name) is not None:
        return [name]
    if not is_pattern(name):
        return []
    return list(dict.fromkeys(one.name for one in collection.columns if fnmatchcase(one.name, name)))
