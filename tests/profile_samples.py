"""Profiles that no data was read for: what formats, caches and pages are tested with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

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
from dver.profiles.sketches.distinct import Distinct
from dver.profiles.sketches.quantiles import Quantiles


def column_of(name: str, kind: ColumnType = ColumnType.NUMBER, sketch: bytes = b"sketch") -> ColumnProfile:
    """A column with something in each of its fields."""
    numbers = NumberSummary(8, -1.5, 4.0, 1.25, 9.5, sketch)
    counts = ValueCounts((("b", 5), ("a", 3)), complete=False, error=2)
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


def numbers_of(values: Sequence[float]) -> NumberSummary:
    """The summary of `values`."""
    found = np.asarray(values, "f8")
    quantiles = Quantiles()
    quantiles.update(found)
    m2 = float(((found - found.mean()) ** 2).sum())
    return NumberSummary(
        len(found), float(found.min()), float(found.max()), float(found.mean()), m2, quantiles.encode()
    )


def distinct_of(number: int) -> bytes:
    """The sketch of `number` different values."""
    found = Distinct()
    found.update_hashes(np.random.default_rng(number).integers(0, 2**64 - 1, number, dtype="u8"))
    return found.encode()
