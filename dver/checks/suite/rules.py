"""Rules for data, and suites: the rules for one file or directory."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

from dver.checks.result import Severity
from dver.core.display import Displayed
from dver.formats.profile import Value

FILE_NAME: Final = "dver.checks.yaml"
EVALUATION: Final = 2
"""The version of how rules are evaluated. Raise it when a rule gets another result for the same data."""
_CHANGING: Final = re.compile(
    r"""\b(now|today|get_current_\w+|transaction_timestamp|age|random|setseed|uuid\w*|gen_random_uuid)"?\s*\(
    |'(now|today|yesterday|tomorrow)'|\b(current_\w+|localtime\w*|(table)?sample)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Functions of SQL with another value at another time."""


class RuleKind(Enum):
    """What a rule is about: its key in a suite."""

    ROWS = "rows"
    ROWS_CHANGE = "rows-change"
    SCHEMA = "schema"
    KEY = "key"
    EXPRESSION = "expression"
    SQL = "sql"
    UNREADABLE = "unreadable"
    DRIFT = "drift"
    TYPE = "type"
    DECLARED = "declared"
    MIN = "min"
    MAX = "max"
    MEAN = "mean"
    DEVIATION = "deviation"
    QUANTILE = "quantile"
    NULLS = "nulls"
    FINITE = "finite"
    UNIQUE = "unique"
    DISTINCT = "distinct"
    VALUES = "values"
    REGEX = "regex"
    LENGTHS = "lengths"
    FRESH = "fresh"
    PLUGIN = "plugin"
    """A suite of another library, such as `pandera`: its name is the rule's."""


@dataclass(frozen=True, slots=True)
class Between:
    """From `low` to `high`, both included. None is no limit."""

    low: Value | None = None
    high: Value | None = None


@dataclass(frozen=True, slots=True)
class AtMost:
    """At most a number of rows, or a share of them (0 to 1)."""

    number: int | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True)
class WantedColumns:
    """The columns of a table."""

    columns: tuple[tuple[str, tuple[str, ...]], ...]
    """Names and types. No types: any."""
    ordered: bool = False
    extra: bool = True
    """Are other columns allowed?"""


@dataclass(frozen=True, slots=True)
class DriftLimits:
    """Drift against other data."""

    against: str
    """A revision, or `model NAME#STAGE`."""
    columns: tuple[str, ...] = ()
    """Only these. Empty: all."""


Wanted: TypeAlias = Between | AtMost | WantedColumns | DriftLimits | tuple[Value, ...] | str | float | bool


@dataclass(frozen=True, slots=True)
class CheckRule:
    """One rule."""

    kind: RuleKind
    wanted: Wanted
    severity: Severity
    at: str
    """Where it is written: file, line and column."""
    column: str | None = None
    """A name, or a pattern such as `feature_*`."""
    collection: str | None = None
    """The collection of a directory; None where there is only one."""
    name: str | None = None
    """A name that the user gave it, or the plug-in."""
    rank: float | None = None
    """Of a quantile, 0 to 1."""
    implied: bool = False
    """Is it added to the rules of a suite? Then it has a result only if it fails."""

    @property
    def title(self) -> str:
        """The name in results, such as `min` or `quantile 0.5`."""
        if self.name is not None:
            return self.name
        return f"quantile {self.rank:g}" if self.rank is not None else self.kind.value

    @property
    def depends_on_more(self) -> bool:
        """Does its result depend on more than content and rule: time, versions, code?"""
        if self.kind in (RuleKind.ROWS_CHANGE, RuleKind.DRIFT, RuleKind.FRESH, RuleKind.PLUGIN):
            return True
        return self.kind in (RuleKind.SQL, RuleKind.EXPRESSION) and bool(_CHANGING.search(str(self.wanted)))

    def fields(self) -> Mapping[str, Any]:
        """What decides about its result."""
        said = asdict(self)
        del said["at"]
        return {**said, "kind": self.kind.value, "severity": self.severity.value}


def with_implied_rules(rules: Sequence[CheckRule]) -> tuple[CheckRule, ...]:
    """`rules`, and one for each collection without a rule `unreadable`: that no file of it is unreadable.

    Other rules are about the readable files alone, so they would pass for a directory of damaged ones.
    """
    by_collection: dict[str | None, list[CheckRule]] = {}
    for one in rules:
        by_collection.setdefault(one.collection, []).append(one)
    implied = []
    for collection, found in by_collection.items():
        if not any(one.kind is RuleKind.UNREADABLE for one in found):
            severity = max((one.severity for one in found), key=lambda one: one is Severity.CRITICAL)
            limit = AtMost(number=0)
            implied.append(
                CheckRule(RuleKind.UNREADABLE, limit, severity, found[0].at, collection=collection, implied=True)
            )
    return (*rules, *implied)


@dataclass(frozen=True, slots=True, repr=False)
class CheckSuite(Displayed):
    """The rules of one source for one file or directory."""

    path: bytes
    """The data, relative to the top of the Git worktree."""
    source: str
    """Where the rules are written, such as `data/dver.checks.yaml`."""
    rules: tuple[CheckRule, ...]
    directory: bytes = b""
    """The directory of the source, relative to the top of the Git worktree: plug-ins find their files from there."""

    @property
    def digest(self) -> str:
        """The SHA-256 of what decides about the results."""
        what = [EVALUATION, *(one.fields() for one in self.rules)]
        said = json.dumps(what, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
