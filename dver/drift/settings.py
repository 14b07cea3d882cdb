"""What a comparison is asked for: methods, thresholds, false alarms."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import UsageError
from dver.drift.result import DriftMethod

FALSE_ALARMS: Final = 0.005
"""The default of `DriftSettings.false_alarms`: 5 of 1,000 comparisons of data that did not change."""


@dataclass(frozen=True, slots=True, repr=False)
class ColumnSettings(Displayed):
    """How one column is compared."""

    method: DriftMethod | None = None
    """None: chosen by type and size."""
    threshold: float | None = None
    """None: calibrated on the reference. Of distances (wasserstein, jensen-shannon, psi), the column drifted from this
    statistic on; of tests (ks, chi-square, z), below this p-value. No correction for many columns applies."""


@dataclass(frozen=True, slots=True, repr=False)
class DriftSettings(Displayed):
    """How two profiles are compared."""

    false_alarms: float = FALSE_ALARMS
    """The probability of at least one alarm in a comparison of data that did not change, over all its columns."""
    columns: Mapping[str, ColumnSettings] = field(default_factory=dict)
    numbers: DriftMethod | None = None
    """For all columns of numbers; None: chosen by size."""
    categories: DriftMethod | None = None
    """For all columns of texts, truth values, and numbers with at most five values; None: chosen by size."""
    ignored: Collection[str] = ()
    """Columns that are not compared at all."""
    times: bool = False
    """Compare dates and times too. Later data has later times, so they drift almost always."""

    def of(self, column: str) -> ColumnSettings:
        """The settings of one column."""
        return self.columns.get(column, _AUTOMATIC)


def check_settings(settings: DriftSettings, known: Collection[str]) -> None:
    """Raise UsageError for settings that no comparison of columns with the names `known` can follow."""
    if not 0 < settings.false_alarms < 1:
        raise UsageError(
            f"false alarms of {settings.false_alarms:g} are impossible",
            why="it is a probability",
            fix="choose a number between 0 and 1, such as 0.005",
        )
    for name, one in settings.columns.items():
        if name not in known:
            raise UsageError(
                f"no column named {name!r}",
                why="neither the reference nor the live data has it",
                fix=f"choose one of: {', '.join(sorted(known)[:20])}",
            )
        if one.threshold is not None and not (math.isfinite(one.threshold) and one.threshold > 0):
            raise UsageError(
                f"threshold {one.threshold:g} of column {name!r} is impossible",
                why="thresholds are positive numbers",
                fix="choose a positive number, or leave it out and have it calibrated",
            )


_AUTOMATIC: Final = ColumnSettings()
