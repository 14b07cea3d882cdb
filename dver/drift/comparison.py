"""Live data compared with a reference, by their profiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dver.core.errors import UsageError
from dver.drift.distributions import Compared, compare_distributions
from dver.drift.new_values import SHOWN, new_values, new_values_p_value
from dver.drift.pairs import IGNORED, Pair, choose_method, pair_columns, reason_not_compared, type_changed, usable
from dver.drift.result import ColumnDrift, DriftKind, DriftMethod, DriftResult
from dver.drift.settings import DriftSettings, check_settings
from dver.drift.shares import share_test
from dver.drift.variation import variation_of_nulls
from dver.formats.profile import CollectionProfile, ColumnType

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAME: DriftSettings = DriftSettings()


def compare(reference: CollectionProfile, live: CollectionProfile, settings: DriftSettings = _SAME) -> DriftResult:
    """Compare the columns of two profiles; no data is read.

    Raises UsageError for settings that do not fit the columns, and if numpy or scipy are not installed; CorruptError
    for damaged sketches. The theory is in docs/decisions/drift-thresholds.md.
    """
    pairs = pair_columns(reference.columns, live.columns)
    check_settings(settings, {one.name for one in pairs})
    require_libraries()
    plans = [_plan(pair, settings) for pair in pairs]
    nulls = [one for one in plans if one.nulls]
    values = [one for one in plans if one.new_values]
    calibrated = [one for one in plans if one.method and settings.of(one.pair.name).threshold is None]
    alpha = settings.false_alarms / max(1, len(calibrated) + len(nulls) + len(values))
    compared = [(one.pair, one.method) for one in plans if one.method]
    found = iter(compare_distributions(compared, reference.parts, settings, alpha))
    drifted_nulls = {id(one) for one in _drifted_nulls(nulls, reference, alpha)}
    columns = []
    for plan in plans:
        column = _column(plan)
        if plan.method:
            column = _with_distribution(column, plan, next(found), alpha)
        if id(plan) in drifted_nulls:
            column = _with(column, DriftKind.NULLS, _nulls_text(plan.pair))
        columns.append(column)
    return DriftResult(tuple(columns), reference.rows, live.rows)


def require_libraries() -> None:
    """Raise UsageError unless numpy and scipy are installed."""
    try:
        import numpy  # noqa: F401
        import scipy.special  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "drift needs the extra `data`", why=f"{error.name} is not installed", fix='pip install "dver[data]"'
        ) from error


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is compared of a pair of columns."""

    pair: Pair
    method: DriftMethod | None
    why: str | None
    nulls: bool
    """Are the shares of nulls compared?"""
    new_values: bool
    """Are new values looked for?"""


def _plan(pair: Pair, settings: DriftSettings) -> _Plan:
    reference, live = pair.reference, pair.live
    why = reason_not_compared(pair, settings)
    if reference is None or live is None or pair.name in settings.ignored:
        return _Plan(pair, None, why, nulls=False, new_values=False)
    nulls = bool(reference.count and live.count)
    if why is not None:
        return _Plan(pair, None, why, nulls, new_values=False)
    complete = reference.counts is not None and reference.counts.complete and live.counts is not None
    categories = reference.type in (ColumnType.TEXT, ColumnType.BOOLEAN)
    return _Plan(pair, choose_method(pair, settings), None, nulls, categories and complete)


def _column(plan: _Plan) -> ColumnDrift:
    """What is known without numbers: missing and new columns, and types."""
    pair = plan.pair
    reference, live = pair.reference, pair.live
    column = ColumnDrift(
        pair.name,
        reference_type=reference.type if reference else None,
        live_type=live.type if live else None,
        why=plan.why,
    )
    if plan.why == IGNORED:
        return column
    if reference is None:
        return _with(column, DriftKind.NEW_COLUMN, "the reference does not have this column")
    if live is None:
        return _with(column, DriftKind.MISSING_COLUMN, "the live data does not have this column")
    if type_changed(reference, live):
        return _with(column, DriftKind.TYPE, f"type: {live.type.value}, {reference.type.value} in the reference")
    return column


def _with_distribution(column: ColumnDrift, plan: _Plan, found: Compared, alpha: float) -> ColumnDrift:
    column = replace(
        column, method=plan.method, statistic=found.statistic, threshold=found.threshold, p_value=found.p_value
    )
    if found.drifted:
        column = _with(column, DriftKind.DISTRIBUTION)
    reference, live = plan.pair.reference, plan.pair.live
    if not plan.new_values or reference is None or live is None or reference.counts is None or live.counts is None:
        return column
    new = new_values(reference.counts, live.counts)
    column = replace(column, new_values=tuple(value for value, _ in new[:SHOWN]))
    # Where parts of the reference differ, each of them may have had values that the others do not have.
    if (
        not found.varies
        and new_values_p_value(reference.counts, live.counts, (usable(reference), usable(live))) <= alpha
    ):
        rows = sum(times for _, times in new)
        column = _with(column, DriftKind.NEW_VALUES, f"new values: {rows:,} of {usable(live):,} rows")
    return column


def _with(column: ColumnDrift, kind: DriftKind, detail: str | None = None) -> ColumnDrift:
    return replace(column, kinds=(*column.kinds, kind), details=(*column.details, *([detail] if detail else [])))


def _drifted_nulls(plans: Sequence[_Plan], reference: CollectionProfile, alpha: float) -> list[_Plan]:
    import numpy as np

    if not plans:
        return []

    def counts(sides: list[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        rows = np.array([one.count for one in sides], "f8")
        return rows - np.array([usable(one) for one in sides], "f8"), rows

    extra = [variation_of_nulls(one.pair.parts(reference.parts), one.pair.name).added_variance(alpha) for one in plans]
    test = share_test(
        counts([one.pair.reference for one in plans]),
        counts([one.pair.live for one in plans]),
        np.array(extra),
        np.full(len(plans), alpha),
    )
    return [plan for plan, p_value in zip(plans, test.p_values, strict=True) if p_value <= alpha]


def _nulls_text(pair: Pair) -> str:
    shares = [1 - usable(one) / one.count for one in (pair.live, pair.reference) if one is not None]
    return f"nulls: {shares[0]:.1%}, {shares[1]:.1%} in the reference".replace("%", " %")
