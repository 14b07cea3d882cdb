"""The global order of samples: the same for every number of ranks and workers, well mixed, and local."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dver.streaming.order import BLOCK_MAX, LANES, SampleOrder, StreamPart, block_length, positions_of

ROOT = bytes(range(32))
FIXED = [9, 3, 0, 8, 11, 5, 2, 6, 10, 4, 1, 7]
"""The order of twelve samples. It may never change: states on disk rely on it."""


def order(count: int, *, seed: int | None = 7, epoch: int = 0, block: int = 4, root: bytes = ROOT) -> SampleOrder:
    """An order with small blocks."""
    return SampleOrder(root, count, seed, epoch, block)


def sequence(one: SampleOrder) -> list[int]:
    """All samples in order."""
    return [sample for _, samples in one.windows() for sample in samples]


Found = list[tuple[int, int]]
"""Positions and samples."""


def read(one: SampleOrder, world: int, workers: int, *, batch: int = 1, start: int = 0) -> list[list[Found]]:
    """What each worker of each rank reads."""
    readers = [[StreamPart(rank, world, worker, workers, batch) for worker in range(workers)] for rank in range(world)]
    return [[part_of(one, reader, start, one.count) for reader in rank] for rank in readers]


def part_of(one: SampleOrder, reader: StreamPart, start: int, end: int) -> Found:
    """What one process reads."""
    return [each for part in positions_of(one, reader, start, end) for each in part]


@given(st.integers(0, 700), st.integers(1, 9), st.integers(-5, 5), st.integers(0, 3))
def test_every_sample_comes_once(count: int, block: int, seed: int, epoch: int) -> None:
    assert sorted(sequence(order(count, seed=seed, epoch=epoch, block=block))) == list(range(count))


@given(
    st.integers(0, 600),
    st.sampled_from([1, 2, 4, 8]),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(0, 600),
)
def test_ranks_and_workers_together_read_the_same_order(
    count: int, world: int, workers: int, batch: int, start: int
) -> None:
    one = order(count)
    expected = list(enumerate(sequence(one)))[start:]
    found = [each for rank in read(one, world, workers, batch=batch, start=start) for worker in rank for each in worker]
    assert sorted(found) == expected


@given(st.integers(0, 300), st.integers(1, 4), st.integers(1, 4), st.integers(0, 50))
def test_a_loader_with_workers_returns_the_order_of_a_loader_without(
    count: int, workers: int, batch: int, start: int
) -> None:
    one = order(count)
    (alone,) = read(one, 1, 1, start=start)[0]
    (split,) = read(one, 1, workers, batch=batch, start=start)
    turns = [[part[at : at + batch] for at in range(0, len(part), batch)] for part in split]
    merged = [
        each
        for turn in range(max(map(len, turns), default=0))
        for part in turns
        if turn < len(part)
        for each in part[turn]
    ]
    assert merged == alone


@given(st.integers(1, 400), st.lists(st.tuples(st.sampled_from([1, 2, 3, 4, 8]), st.integers(1, 40)), max_size=4))
def test_a_resume_on_another_number_of_ranks_misses_and_repeats_nothing(
    count: int, runs: list[tuple[int, int]]
) -> None:
    one, position, seen = order(count), 0, []
    for world, steps in [*runs, (5, count)]:
        end = min(position + world * steps, count)
        for rank in range(world):
            seen += part_of(one, StreamPart(rank, world), position, end)
        position = end
    assert sorted(seen) == list(enumerate(sequence(one)))


def test_the_order_depends_on_content_seed_and_epoch() -> None:
    orders = [order(1000), order(1000, seed=8), order(1000, epoch=1), order(1000, root=bytes(32))]
    assert len({tuple(sequence(one)) for one in orders}) == 4
    assert sequence(order(1000)) == sequence(order(1000, seed=7, epoch=0))


def test_the_order_of_a_seed_is_fixed_for_ever() -> None:
    assert sequence(order(12, block=3)) == FIXED


def test_without_a_seed_samples_come_in_tree_order() -> None:
    assert sequence(order(1000, seed=None)) == list(range(1000))


def test_neighbours_of_the_order_come_from_many_places() -> None:
    count = 60 * LANES * 20
    found = sequence(order(count, block=20))
    distances = [abs(a - b) for a, b in pairwise(found)]
    assert sum(distances) / len(distances) > 0.3 * count  # a random order has a third
    blocks = [len({sample // 20 for sample in found[at : at + LANES]}) for at in range(0, count - LANES, LANES)]
    assert min(blocks) == LANES


def test_a_rank_reads_whole_blocks_if_the_number_of_ranks_divides_the_lanes() -> None:
    one = order(LANES * 20 * 4, block=20)
    for rank in range(8):
        for part in positions_of(one, StreamPart(rank, 8), 0, one.count):
            samples = {sample for _, sample in part}
            assert {sample // 20 * 20 + at for sample in samples for at in range(20)} == samples


def test_a_late_position_is_found_without_the_windows_before() -> None:
    one = order(1_000_000, block=20)
    first, samples = next(one.windows(900_000))
    assert first <= 900_000 < first + len(samples)


@pytest.mark.parametrize(
    ("count", "size", "length"),
    [(0, 0, 1), (1, 10, BLOCK_MAX), (1000, 1000 * 100_000, 20), (10, 10**12, 1), (1000, 0, BLOCK_MAX)],
)
def test_a_block_has_about_two_megabytes(count: int, size: int, length: int) -> None:
    assert block_length(count, size) == length


@pytest.mark.parametrize("wrong", [(2, 2, 0, 1), (0, 1, 1, 1), (-1, 1, 0, 1)])
def test_a_reader_that_cannot_exist_is_refused(wrong: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="rank"):
        StreamPart(*wrong)
