"""Evaluates a suite."""

from __future__ import annotations

from dver.checks.data_access import DataAccess
from dver.checks.result import CheckedData
from dver.checks.suite.rules import CheckSuite
from dver.core.oid import Oid
from dver.formats.profile import Profile


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
    """The results of all rules of `suite`, in their order.

    `path` and `oid` are for the result. Up to `rows` failing rows of each rule are read from the data. `now` are Unix
    seconds, by default the present. A rule that cannot be evaluated has the outcome ERROR; only errors that concern
    all rules are raised: LocalIOError for a full disk, UsageError without the extra `data`.
    """
    raise NotImplementedError
