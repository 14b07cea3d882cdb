"""The result of comparing live data with a reference."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from dver.core.display import Displayed
from dver.formats.profile import ColumnType, Value


class DriftMethod(Enum):
    """How two distributions are compared."""

    KS = "ks"
    """Two-sample Kolmogorov-Smirnov test."""
    CHI_SQUARE = "chi-square"
    Z = "z"
    """Z test of two shares."""
    WASSERSTEIN = "wasserstein"
    """Wasserstein distance in standard deviations of the reference."""
    JENSEN_SHANNON = "jensen-shannon"
    """Jensen-Shannon distance with the natural logarithm: 0 to 0.83."""
    PSI = "psi"
    """Population stability index."""


class DriftKind(Enum):
    """What happened to a column."""

    NONE = "none"
    DISTRIBUTION = "distribution"
    NEW_COLUMN = "new column"
    MISSING_COLUMN = "missing column"
    TYPE = "type"
    NEW_VALUES = "new values"
    """Of a column whose values are all known in the reference."""
    NULLS = "nulls"


@dataclass(frozen=True, slots=True, repr=False)
class ColumnDrift(Displayed):
    """One column of live data against the reference."""

    column: str
    kinds: tuple[DriftKind, ...] = ()
    """Empty if the column did not drift."""
    method: DriftMethod | None = None
    """None if the distributions could not be compared: `why` says why."""
    statistic: float | None = None
    threshold: float | None = None
    """Of the statistic; above it, the column's distribution drifted."""
    p_value: float | None = None
    """The probability of such a statistic without drift, before the correction for many columns; None for a distance
    with a threshold set by hand."""
    reference_type: ColumnType | None = None
    live_type: ColumnType | None = None
    new_values: tuple[Value, ...] = ()
    """At most 20."""
    why: str | None = None
    """Why the distributions were not compared."""
    details: tuple[str, ...] = ()
    """A sentence for each of `kinds` that is not the distribution, such as `nulls: 12.3 %, 0.1 % in the reference`."""

    @property
    def drifted(self) -> bool:
        """Did the column drift?"""
        return bool(self.kinds)


@dataclass(frozen=True, slots=True, repr=False)
class DriftResult(Displayed):
    """All columns of live data against the reference."""

    columns: tuple[ColumnDrift, ...]
    """In the order of the reference, then new ones."""
    reference_rows: int
    live_rows: int

    @property
    def drifted(self) -> tuple[ColumnDrift, ...]:
        """The columns that drifted."""
        return tuple(one for one in self.columns if one.drifted)
