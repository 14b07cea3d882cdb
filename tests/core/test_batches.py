"""Splitting values into batches, by number and by size."""

from __future__ import annotations

import pytest

from dver.core.batches import batched, batched_by_size


def test_the_last_batch_may_be_shorter() -> None:
    assert list(batched(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(batched([], 2)) == []


@pytest.mark.parametrize(
    ("sizes", "batches"),
    [
        ([], []),
        ([3, 3, 3, 3], [[3, 3, 3], [3]]),
        ([10], [[10]]),
        ([11], [[11]]),
        ([1, 11, 1], [[1], [11], [1]]),
        ([0, 0, 10, 0, 1], [[0, 0, 10, 0], [1]]),
    ],
    ids=["none", "full", "exact", "too large", "too large in between", "empty values"],
)
def test_a_batch_is_closed_before_it_gets_too_large(sizes: list[int], batches: list[list[int]]) -> None:
    assert list(batched_by_size(sizes, lambda size: size, 10)) == batches
