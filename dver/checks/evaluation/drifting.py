"""The drift rule: the profile against that of other data."""

from __future__ import annotations

from dver.checks.data_access import DataAccess
from dver.checks.evaluation.answer import Answer, decided
from dver.checks.evaluation.table_answers import collection_of, missing_column
from dver.checks.suite.rules import CheckRule, DriftLimits
from dver.checks.wording import values_text
from dver.core.errors import UsageError
from dver.core.phrasing import count
from dver.formats.profile import CollectionProfile


def drift_answer(rule: CheckRule, collection: CollectionProfile, data: DataAccess) -> Answer:
    """Which columns drifted. Raises UsageError for unknown columns, and what `data.reference` raises."""
    from dver.drift.comparison import compare
    from dver.drift.settings import DriftSettings

    wanted = rule.wanted
    assert isinstance(wanted, DriftLimits)
    reference = collection_of(data.reference(wanted.against), rule.collection)
    known = {one.name for one in (*reference.columns, *collection.columns)}
    for name in wanted.columns:
        if name not in known:
            raise UsageError(missing_column(name, reference))
    ignored = frozenset(known - set(wanted.columns)) if wanted.columns else frozenset()
    result = compare(reference, collection, DriftSettings(ignored=ignored))
    chosen = [one for one in result.columns if not wanted.columns or one.column in wanted.columns]
    found = tuple(f"{one.column} ({', '.join(kind.value for kind in one.kinds)})" for one in chosen if one.drifted)
    compared = sum(one.method is not None for one in chosen)
    text = f"drift in {values_text(found)}" if found else f"no drift in {count(compared, 'column')}"
    if others := tuple(one.column for one in chosen if one.method is None and not one.drifted):
        text += f"; not compared: {values_text(others)}"
    return decided(not found, text)
