"""The drift rule: the profile against that of other data."""

from __future__ import annotations

from dver.checks.data_access import DataAccess
from dver.checks.evaluation.answer import Answer
from dver.checks.suite.rules import CheckRule
from dver.core.errors import UsageError
from dver.formats.profile import CollectionProfile


def drift_answer(rule: CheckRule, collection: CollectionProfile, data: DataAccess) -> Answer:
    """Which columns drifted. Raises UsageError for unknown columns, and what `data.reference` raises."""
    raise UsageError("drift is not available yet")
