from __future__ import annotations

import math
from typing import Any

import pytest
from experimenting import row
from hypothesis import given
from hypothesis import strategies as st

from dver.core.errors import UsageError
from dver.experiments.table.columns import Names, columns_of
from dver.experiments.table.sorting import sort_rows
from dver.pipelines.definition.param_files import is_number


def order(values: list[Any], *keys: str, descending: bool = False) -> list[str]:
    rows = [row(at, {"m": value} if value != "missing" else {}) for at, value in enumerate(values)]
    return [one.name for one in sort_rows(rows, keys or ("m",), Names(columns_of(rows)), descending=descending)]


def test_numbers_come_before_text_and_missing_values_last() -> None:
    values = ["missing", "b", 2, math.nan, "a", True, 10**30, [1], -math.inf, None]
    assert order(values) == ["exp-8", "exp-2", "exp-6", "exp-3", "exp-5", "exp-4", "exp-1", "exp-7", "exp-0", "exp-9"]
    assert order(values, "-m")[:3] == ["exp-6", "exp-2", "exp-8"]
    assert order(values, "-m")[-2:] == ["exp-0", "exp-9"]


def test_equal_rows_keep_their_order_in_both_directions() -> None:
    assert order([1, 1, 1], "m") == order([1, 1, 1], "-m") == ["exp-0", "exp-1", "exp-2"]


def test_the_first_key_decides_first() -> None:
    rows = [row(at, {"a": a, "b": b}) for at, (a, b) in enumerate([(1, 1), (0, 1), (0, 2)])]
    found = sort_rows(rows, ("a", "-b"), Names(columns_of(rows)))
    assert [one.name for one in found] == ["exp-2", "exp-1", "exp-0"]


def test_fields_are_keys_too() -> None:
    assert order([1, 2], "-created") == ["exp-1", "exp-0"]
    assert order([1, 2], "name", descending=True) == ["exp-1", "exp-0"]


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(UsageError, match="'acc'"):
        order([1], "acc")


@given(st.lists(st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none(), st.lists(st.integers()))))
def test_any_values_have_an_order(values: list[Any]) -> None:
    for key in ("m", "-m"):
        found = [int(name[4:]) for name in order(values, key)]
        assert sorted(found) == list(range(len(values)))
        numbers = [values[at] for at in found if is_number(values[at]) and values[at] == values[at]]
        assert numbers == sorted(numbers, reverse=key == "-m")
        assert [values[at] for at in found[: len(numbers)]] == numbers
