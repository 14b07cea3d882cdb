"""Changes of parameters and metrics, key by key, and metrics that differ by more than a tolerance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dver.core.display import Displayed
from dver.pipelines.definition.param_files import ABSENT, flatten, is_number, parse_metrics

_BITS: Final = 1024
"""The largest size of an integer difference; Python cannot print integers ten times as large."""


@dataclass(frozen=True, slots=True, repr=False)
class ValueChange(Displayed):
    """The old and the new value of a dotted key; ABSENT if the key was added or removed."""

    key: str
    old: Any
    new: Any

    @property
    def differs(self) -> bool:
        """True if the values are not equal."""
        return not _same(self.old, self.new)

    @property
    def difference(self) -> float | None:
        """The new number minus the old one; None for other values."""
        if not is_number(self.old) or not is_number(self.new):
            return None
        try:
            grown: float = self.new - self.old
        except OverflowError:  # an integer that no float holds, and a float
            return None
        return None if isinstance(grown, int) and grown.bit_length() > _BITS else grown


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """A metric that differs by more than the tolerance; None if a run does not have it."""

    key: str
    old: Any
    new: Any
    tolerance: float


def compare(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> tuple[ValueChange, ...]:
    """All keys of two flat mappings, also those with equal values: in the order of `new`, then the removed ones."""
    before, after = old or {}, new or {}
    keys = dict.fromkeys((*after, *before))
    return tuple(ValueChange(key, before.get(key, ABSENT), after.get(key, ABSENT)) for key in keys)


def read_metrics(content: bytes, name: str) -> dict[str, Any]:
    """The metrics in a file by dotted key. Raises PipelineError."""
    return flatten(parse_metrics(content, name))


def exceeding(
    old: Mapping[str, Any], new: Mapping[str, Any], tolerance: float | Mapping[str, float]
) -> tuple[MetricDifference, ...]:
    """The metrics that differ by more than the tolerance: one number for all metrics, or by key with 0 for others."""
    found = []
    for key in sorted(old.keys() | new.keys()):
        allowed = tolerance.get(key, 0.0) if isinstance(tolerance, Mapping) else tolerance
        if not _is_near(old.get(key), new.get(key), allowed):
            found.append(MetricDifference(key, old.get(key), new.get(key), allowed))
    return tuple(found)


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, bool) != isinstance(new, bool):
        return False
    # Values that are printed alike are equal: NaN equals NaN here.
    return bool(old == new) or repr(old) == repr(new)


def _is_near(one: Any, other: Any, allowed: float) -> bool:
    if not is_number(one) or not is_number(other):
        return bool(one == other)
    if one is other or one == other or (one != one and other != other):
        return True
    try:
        return bool(abs(one - other) <= allowed)
    except OverflowError:  # an integer that no float holds, and a float
        return False
