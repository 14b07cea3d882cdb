"""Metrics of two runs, compared within a tolerance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from dver.pipelines.compare.tolerance import MetricDifference, exceeding, read_metrics

Tolerance = float | Mapping[str, float]


def test_metrics_are_read_by_dotted_key() -> None:
    assert read_metrics(b'{"a": {"b": 1}, "c": 2}', "m.json") == {"a.b": 1, "c": 2}
    assert read_metrics(b"0.5", "dir/score.yaml") == {"score": 0.5}


@pytest.mark.parametrize(
    ("old", "new", "tolerance"),
    [(1, 1, 0.0), (1.0, 1.1, 0.2), (math.nan, math.nan, 0.0), ("a", "a", 0.0), (1, 2, {"m": 1.0}), (True, True, 0.0)],
)
def test_a_metric_within_the_tolerance_does_not_differ(
    old: Any, new: Any, tolerance: float | Mapping[str, float]
) -> None:
    assert exceeding({"m": old}, {"m": new}, tolerance) == ()


@pytest.mark.parametrize(
    ("old", "new", "tolerance", "allowed"),
    [
        (1, 1.5, 0.25, 0.25),
        (1, 1.5, {"other": 1.0}, 0.0),
        (1, None, 5.0, 5.0),
        ("a", "b", 5.0, 5.0),
        (1.0, math.nan, 5.0, 5.0),
        (10**400, 0.5, 1.0, 1.0),
    ],
)
def test_a_metric_beyond_the_tolerance_is_listed(old: Any, new: Any, tolerance: Tolerance, allowed: float) -> None:
    (found,) = exceeding({"m": old}, {"m": new} if new is not None else {}, tolerance)
    assert (found.key, found.old, found.tolerance) == ("m", old, allowed)
    assert found == MetricDifference("m", old, new, allowed) or math.isnan(found.new)
