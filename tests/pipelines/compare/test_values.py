from __future__ import annotations

import math
from typing import Any

import pytest

from dver.pipelines.compare.values import ValueChange, compare
from dver.pipelines.definition.param_files import ABSENT, flatten


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
