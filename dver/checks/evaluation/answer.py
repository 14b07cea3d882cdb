"""What is found out about one rule."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dver.checks.result import RuleOutcome, RuleResult
from dver.checks.suite.rules import CheckRule, RuleKind
from dver.checks.wording import expected_text
from dver.core.errors import DverError

Rows = tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a rule."""

    outcome: RuleOutcome
    found: str
    failed_rows: int | None = None
    scanned: bool = False
    rows: Rows = ()

    def result(self, rule: CheckRule) -> RuleResult:
        """The answer as the result of `rule`."""
        return RuleResult(
            rule.title,
            self.outcome,
            rule.severity,
            expected_text(rule),
            self.found,
            rule.column,
            self.failed_rows,
            self.rows,
            self.scanned,
        )

    def with_rows(self, rows: Rows) -> Answer:
        """The same answer with failing rows."""
        return replace(self, rows=rows, scanned=True)


def decided(passed: bool, found: str, failed_rows: int | None = None, *, scanned: bool = False) -> Answer:
    """Passed, or failed."""
    outcome = RuleOutcome.PASSED if passed else RuleOutcome.FAILED
    return Answer(outcome, found, None if passed else failed_rows, scanned)


def without_values(answer: Answer, rule: CheckRule) -> Answer:
    """The answer for a private column: without its mean or deviation, which a scan finds. Others have no values."""
    if (
        rule.kind not in (RuleKind.MEAN, RuleKind.DEVIATION)
        or not answer.scanned
        or answer.outcome is RuleOutcome.ERROR
    ):
        return answer
    return replace(answer, found="in the range" if answer.outcome is RuleOutcome.PASSED else "outside the range")


def error_text(error: DverError) -> str:
    """What happened, why, and how to fix it, in one line."""
    text = f"{error.what}: {error.why}" if error.why else error.what
    return f"{text}; fix: {error.fix}" if error.fix else text


def failed_to_evaluate(why: str, *, scanned: bool = False) -> Answer:
    """The rule has no answer."""
    return Answer(RuleOutcome.ERROR, why, scanned=scanned)
