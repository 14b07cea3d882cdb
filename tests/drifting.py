"""Profiles of arrays in memory, made with the real sketches: what drift is tested and measured with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from profile_samples import numbers_of

from dver.formats.profile import (
    CollectionKind,
    CollectionProfile,
    ColumnProfile,
    ColumnType,
    PartColumn,
    PartSummary,
    ValueCounts,
)
from dver.profiles.sketches.distinct import Distinct
from dver.profiles.sketches.frequent import COMPLETE_MAX
from dver.profiles.sketches.hashing import hashes_of_numbers, hashes_of_texts

TYPES = {"b": ColumnType.BOOLEAN, "i": ColumnType.INTEGER, "f": ColumnType.NUMBER, "M": ColumnType.TIME}


def table_of(columns: Mapping[str, Any], parts: int = 20) -> CollectionProfile:
    """The profile of a table: columns of numpy arrays. NaN and None are null."""
    rows = len(next(iter(columns.values()))) if columns else 0
    arrays = {name: np.asarray(one) for name, one in columns.items()}
    cuts = np.linspace(0, rows, parts + 1).astype(int)
    found = tuple(
        PartSummary(int(end - start), {name: part_of(one[start:end]) for name, one in arrays.items()})
        for start, end in pairwise(cuts)
        if end > start
    )
    profiles = tuple(column_of(name, one) for name, one in arrays.items())
    return CollectionProfile("", CollectionKind.TABLE, rows, 1, 0, profiles, parts=found)


def column_of(name: str, values: Any) -> ColumnProfile:
    """The profile of one column."""
    values = np.asarray(values)
    filled, infinite = _without_nulls(values)
    nulls = len(values) - len(filled) - infinite
    kind = TYPES.get(values.dtype.kind, ColumnType.TEXT)
    if not len(filled):
        return ColumnProfile(name, ColumnType.EMPTY, len(values), nulls)
    counted = _counts(filled)
    complete = len(counted) <= COMPLETE_MAX
    counts = ValueCounts(tuple(counted[:COMPLETE_MAX]), complete)
    distinct = Distinct()
    if kind is ColumnType.TEXT:
        distinct.update_hashes(hashes_of_texts(filled.tolist()))
        return ColumnProfile(
            name, kind, len(values), nulls, infinities=infinite, distinct=distinct.encode(), counts=counts
        )
    distinct.update_hashes(hashes_of_numbers(filled))
    return ColumnProfile(
        name,
        kind,
        len(values),
        nulls,
        infinities=infinite,
        true=int(filled.sum()) if kind is ColumnType.BOOLEAN else 0,
        distinct=distinct.encode(),
        numbers=numbers_of(filled),
        counts=counts,
    )


def part_of(values: Any) -> PartColumn:
    """One column of a part."""
    filled, _ = _without_nulls(values)
    if not len(filled):
        return PartColumn(0)
    quantiles: tuple[float, ...] = ()
    if filled.dtype.kind in "bifM":
        ordered = np.sort(filled.astype("f8"))
        at = np.clip(np.ceil(np.arange(17) / 16 * len(ordered)).astype(int) - 1, 0, None)
        quantiles = tuple(ordered[at].tolist())
    counts = _counts(filled)
    few = filled.dtype.kind not in "ifM" or len(counts) <= 16
    return PartColumn(len(filled), quantiles, tuple(counts[:16]) if few else ())


def _without_nulls(values: Any) -> tuple[Any, int]:
    """The values that are there and finite, and the number of infinite ones."""
    if values.dtype.kind == "f":
        return values[np.isfinite(values)], int(np.isinf(values).sum())
    if values.dtype.kind == "O":
        return np.array([one for one in values if one is not None]), 0
    return values, 0


def _counts(filled: Any) -> list[tuple[Any, int]]:
    """The most frequent values, at most one more than a profile counts, with their counts."""
    if filled.dtype.kind not in "bif":
        return Counter(filled.tolist()).most_common(COMPLETE_MAX + 1)
    names, times = np.unique(filled, return_counts=True)
    order = np.argsort(-times, kind="stable")[: COMPLETE_MAX + 1]
    return list(zip(names[order].tolist(), times[order].tolist(), strict=True))
