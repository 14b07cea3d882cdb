"""Portions of samples: bounded, small at first, and whole windows where that is possible."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dver.streaming.loader import ahead, portion_limit, portions

MIB = 1 << 20


@given(
    st.lists(st.lists(st.integers(0, 30 * MIB), min_size=1, max_size=20), max_size=6),
    st.sampled_from([portion_limit(1), portion_limit(4), portion_limit(100)]),
)
def test_portions_are_bounded_and_in_order(windows: list[list[int]], limit: int) -> None:
    sizes = [size for window in windows for size in window]
    numbers = iter(range(len(sizes)))
    found = list(portions([[next(numbers) for _ in window] for window in windows], sizes, limit))
    assert [sample for portion in found for sample in portion] == list(range(len(sizes)))
    assert all(len(portion) == 1 or sum(sizes[sample] for sample in portion) <= limit for portion in found)


def test_the_first_portions_are_small_and_windows_stay_whole_then() -> None:
    windows = [list(range(at * 64, (at + 1) * 64)) for at in range(4)]
    found = list(portions(windows, [MIB] * 256, portion_limit(1)))
    assert [len(portion) for portion in found] == [4, 16, 44, 64, 64, 64]


def test_small_windows_are_joined() -> None:
    windows = [[at] for at in range(100)]
    assert [len(portion) for portion in portions(windows, [MIB] * 100, portion_limit(100))] == [4, *[8] * 12]


@pytest.mark.parametrize(("processes", "limit"), [(1, 96), (2, 48), (32, 8)])
def test_processes_share_the_memory(processes: int, limit: int) -> None:
    assert portion_limit(processes) == limit * MIB


def test_a_reader_that_stops_does_not_wait_for_the_next_item() -> None:
    released, started, ended = (threading.Event() for _ in range(3))

    def work() -> Iterator[int]:
        yield 1
        started.set()
        released.wait()
        ended.set()
        yield 2

    items = ahead(work())
    assert next(items) == 1
    assert started.wait(60)
    del items
    assert not ended.is_set()
    released.set()
    assert ended.wait(60)


def test_an_error_of_the_work_is_raised_after_the_items_before() -> None:
    def work() -> Iterator[int]:
        yield 1
        raise OSError("no")

    items = ahead(work())
    assert next(items) == 1
    with pytest.raises(OSError, match="no"):
        next(items)
