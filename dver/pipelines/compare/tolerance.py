"""Compares the metrics of two runs of a stage within a tolerance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dver.pipelines.definition.param_files import flatten, parse_metrics


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """A metric that differs by more than the tolerance; None if a run does not have it."""

    key: str
    old: Any
    new: Any
    tolerance: float


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


def _is_near(one: Any, other: Any, allowed: float) -> bool:
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (one, other))
    if not numbers:
        return bool(one == other)
    if one is other or one == other or (one != one and other != other):
        return True
    try:
        return bool(abs(one - other) <= allowed)
    except OverflowError:  # an integer that no float holds, and a float
        return False
