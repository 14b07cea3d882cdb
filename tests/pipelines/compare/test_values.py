from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from dver.pipelines.compare.values import MetricDifference, ValueChange, compare, exceeding, read_metrics
from dver.pipelines.definition.param_files import ABSENT, flatten

Tolerance = float | Mapping[str, float]


def test_what_was_added_removed_and_changed_is_told_apart() -> None:
    found = compare({"same": 1, "gone": None, "lr": 0.1}, {"lr": 0.2, "same": 1, "new": None})
    assert found == (
        ValueChange("lr", 0.1, 0.2),
        ValueChange("same", 1, 1),
        ValueChange("new", ABSENT, None),
        ValueChange("gone", None, ABSENT),
    )
    assert [one.key for one in found if one.differs] == ["lr", "new", "gone"]


@pytest.mark.parametrize(
    ("old", "new"), [(math.nan, math.nan), (1, 1.0), ([math.nan], [math.nan]), ("a", "a"), (None, None)]
)
def test_what_is_alike_does_not_differ(old: Any, new: Any) -> None:
    assert not ValueChange("a", old, new).differs


@pytest.mark.parametrize(("old", "new"), [(1, True), (0, False), ("1", 1), (math.nan, 1.0), (None, ABSENT), ([1], [2])])
def test_what_is_not_alike_differs(old: Any, new: Any) -> None:
    assert ValueChange("a", old, new).differs


@pytest.mark.parametrize(
    ("old", "new", "grown"),
    [(1, 3, 2), (0.5, 0.25, -0.25), (1, True, None), ("1", 2, None), (10**400, 0.5, None), (ABSENT, 1, None)],
)
def test_numbers_alone_grow(old: Any, new: Any, grown: float | None) -> None:
    assert ValueChange("a", old, new).difference == grown


def test_values_are_found_by_their_dotted_keys() -> None:
    assert flatten({"a": {"b": 1, "c": {}}, "d": [{"e": 1}]}) == {"a.b": 1, "a.c": {}, "d": [{"e": 1}]}


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
