"""Profiles that no data was read for: what formats, caches and pages are tested with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dver.core.oid import Oid
from dver.formats.measurements import Measured, Measurements, MeasurementType
from dver.formats.profile import (
    CollectionKind,
    CollectionProfile,
    ColumnProfile,
    ColumnType,
    NumberSummary,
    PartColumn,
    PartSummary,
    Profile,
    Unreadable,
    ValueCounts,
)


def column_of(name: str, kind: ColumnType = ColumnType.NUMBER, sketch: bytes = b"sketch") -> ColumnProfile:
    """A column with something in each of its fields."""
    numbers = NumberSummary(8, -1.5, 4.0, 1.25, 9.5, sketch)
    counts = ValueCounts((("b", 5), ("a", 3)), complete=False, sketch=sketch)
    return ColumnProfile(
        name,
        kind,
        10,
        2,
        "double",
        mixed=1,
        distinct=sketch,
        numbers=numbers,
        lengths=numbers,
        first="a",
        counts=counts,
    )


def profile_of(columns: Sequence[tuple[str, ColumnType, bytes]]) -> Profile:
    """A profile of one table with these columns: name, type, the bytes of each sketch."""
    part = PartSummary(10, {name: PartColumn(8, (0.5, 1.0), (("a", 3),)) for name, _, _ in columns})
    table = CollectionProfile(
        "",
        CollectionKind.TABLE,
        rows=10,
        files=2,
        bytes=120,
        columns=tuple(column_of(*one) for one in columns),
        unreadable=(Unreadable("c.csv", "it is empty"),),
        unreadable_count=1,
        parts=(part,),
    )
    return Profile((table,), ignored=1)


def measurements_of(rows: Mapping[Oid, Sequence[Measured]]) -> Measurements:
    """Measurements with a column of each type: a count, a number and a text for each content."""
    types = {"width": MeasurementType.COUNT, "brightness": MeasurementType.NUMBER, "error": MeasurementType.TEXT}
    return Measurements.of_rows(CollectionKind.IMAGES, 1, types, rows)
