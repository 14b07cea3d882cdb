"""The results of checks of data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from dver.core.display import Displayed
from dver.core.oid import Oid


class Severity(Enum):
    """What a failed check means: a critical one refuses the data."""

    WARNING = "warning"
    CRITICAL = "critical"


class RuleOutcome(Enum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """It could not be evaluated, for example for a missing column. Counts as failed."""


@dataclass(frozen=True, slots=True, repr=False)
class RuleResult(Displayed):
    """The result of one rule on one file or directory."""

    rule: str
    """Such as `not-null`."""
    outcome: RuleOutcome
    severity: Severity
    expected: str
    """Such as `at most 1 % nulls`."""
    found: str
    """Such as `3.2 % nulls (320 of 10,000 rows)`."""
    column: str | None = None
    failed_rows: int | None = None
    """None where the number is unknown."""
    rows: tuple[tuple[tuple[str, str], ...], ...] = ()
    """Failing rows as (column, value), if they were asked for."""
    scanned: bool = False
    """Did the data have to be read, because the profile has no answer?"""

    @property
    def ok(self) -> bool:
        """Did it pass?"""
        return self.outcome is RuleOutcome.PASSED


@dataclass(frozen=True, slots=True, repr=False)
class CheckedData(Displayed):
    """The results of all rules for one file or directory."""

    path: str
    """As in the project."""
    oid: Oid | None
    """The content that was checked."""
    suite: str
    """Where the rules are from: the path of the file, and the name of the stage."""
    results: tuple[RuleResult, ...]

    @property
    def critical(self) -> tuple[RuleResult, ...]:
        """The failed critical checks."""
        return tuple(one for one in self.results if not one.ok and one.severity is Severity.CRITICAL)

    @property
    def warnings(self) -> tuple[RuleResult, ...]:
        """The failed checks that only warn."""
        return tuple(one for one in self.results if not one.ok and one.severity is Severity.WARNING)
