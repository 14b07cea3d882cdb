"""The columns of a window that drifted, by the profiles of the window and of the reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from dver.core.errors import UsageError
from dver.core.phrasing import join_limited
from dver.drift.comparison import compare
from dver.drift.result import ColumnDrift, DriftKind
from dver.drift.settings import DriftSettings
from dver.formats.monitor_history import MonitoredColumn
from dver.formats.profile import CollectionProfile, Profile
from dver.monitoring.model_columns import ModelColumns

_KINDS: Final = {"table": "a table", "images": "images", "audio": "audio", "text": "text"}


@dataclass(slots=True)
class WindowDrift:
    """What a comparison found."""

    columns: int = 0
    """The number of compared columns."""
    drifted: list[MonitoredColumn] = field(default_factory=list)
    found: list[ColumnDrift] = field(default_factory=list)
    """All columns, with their statistics."""
    notes: list[str] = field(default_factory=list)


def compare_profiles(
    reference: Profile, live: Profile, settings: DriftSettings, outputs: ModelColumns, baseline: Profile | None = None
) -> WindowDrift:
    """Compare live data with the reference. Raises UsageError if they have no collection in common.

    Columns of the model's output that are missing in the reference, as in training data, are compared with those of
    `baseline`. Without one, they are not compared. Rows whose target is not known yet are no drift of it.
    """
    result = WindowDrift()
    for one, other in _pairs(reference, live, result.notes):
        prefix = one.name if len(reference.collections) > 1 else ""
        left_out = {name for name in outputs.roles if one.column(name) is None}
        if outputs.target is not None and not _has_values(other, outputs.target):
            left_out.add(outputs.target)
            other = _without(other, {outputs.target})
        one, other = (_labeled(side, outputs.target) for side in (one, other))
        known = _settings_of(settings, one, other, left_out)
        _add(result, compare(_without(one, left_out), _without(other, left_out), known).columns, prefix, outputs)
        base = baseline.table if baseline is not None else None
        common = {name for name in left_out if base and base.column(name) and other.column(name)}
        if base is not None and common:
            found = compare(_only(base, common), _only(other, common), _settings_of(settings, base, other, set()))
            _add(result, found.columns, prefix, outputs)
    return result


def _pairs(
    reference: Profile, live: Profile, notes: list[str]
) -> Iterator[tuple[CollectionProfile, CollectionProfile]]:
    """Collections of both sides that belong together."""
    if reference.table is not None and live.table is not None:
        kinds = [one.table.kind.value for one in (reference, live) if one.table is not None]
        if kinds[0] != kinds[1]:
            raise UsageError(
                "the live data and the reference are of different kinds",
                why=f"the reference is {_KINDS[kinds[0]]}, and the live data is {_KINDS[kinds[1]]}",
                fix="name data of the same kind",
            )
        yield reference.table, live.table
        return
    names = {one.name: one for one in live.collections}
    found = [(one, names[one.name]) for one in reference.collections if one.name in names]
    if not found:
        sides = [join_limited([one.name or "a table" for one in side.collections], 3) for side in (reference, live)]
        raise UsageError(
            "the live data and the reference have nothing in common",
            why=f"the reference has {sides[0] or 'no data'}, and the live data has {sides[1] or 'no data'}",
            fix="name data of the same kind",
        )
    known = {one.name for one, _ in found}
    missing = [one.name for one in reference.collections if one.name not in known]
    new = [name for name in names if name not in known]
    notes += [f"not in the live data: {join_limited(missing, 5)}"] if missing else []
    notes += [f"not in the reference: {join_limited(new, 5)}"] if new else []
    yield from found


def _settings_of(
    settings: DriftSettings, one: CollectionProfile, other: CollectionProfile, left_out: set[str]
) -> DriftSettings:
    """The settings, with those columns only that a collection has: others belong to other collections."""
    known = ({column.name for column in (*one.columns, *other.columns)}) - left_out
    return replace(settings, columns={name: it for name, it in settings.columns.items() if name in known})


def _has_values(one: CollectionProfile, name: str) -> bool:
    column = one.column(name)
    return column is not None and column.nulls + column.nans < column.count


def _labeled(one: CollectionProfile, target: str | None) -> CollectionProfile:
    """The collection, with the target of those rows alone that have one."""
    columns = tuple(
        replace(column, count=column.count - column.nulls, nulls=0) if column.name == target else column
        for column in one.columns
    )
    return replace(one, columns=columns)


def _without(one: CollectionProfile, names: set[str]) -> CollectionProfile:
    return replace(one, columns=tuple(column for column in one.columns if column.name not in names))


def _only(one: CollectionProfile, names: set[str]) -> CollectionProfile:
    return replace(one, columns=tuple(column for column in one.columns if column.name in names))


def _add(result: WindowDrift, found: Sequence[ColumnDrift], prefix: str, outputs: ModelColumns) -> None:
    result.columns += sum(one.method is not None or one.drifted for one in found)
    for one in found:
        named = replace(one, column=f"{prefix}{one.column}") if prefix else one
        result.found.append(named)
        if one.drifted:
            result.drifted.append(_monitored(named, outputs.roles.get(one.column, "")))


def _monitored(one: ColumnDrift, role: str) -> MonitoredColumn:
    return MonitoredColumn(
        one.column,
        tuple(kind.value for kind in one.kinds),
        role=role,
        method=one.method.value if one.method is not None else "",
        statistic=one.statistic,
        threshold=one.threshold,
        p_value=one.p_value,
        new_values=len(one.new_values) if DriftKind.NEW_VALUES in one.kinds else 0,
    )
