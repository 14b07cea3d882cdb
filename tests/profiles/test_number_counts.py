"""Counts of numbers are those of `Frequent`, which counts texts."""

from __future__ import annotations

import numpy as np
import pytest

from dver.profiles.scan.number_counts import NumberCounts
from dver.profiles.sketches.frequent import Frequent


def _floats(numbers: np.ndarray) -> list[float]:
    return [float(one) for one in numbers]


@pytest.mark.parametrize("spread", [5, 60, 250, 2_000, 100_000], ids=lambda spread: f"{spread} numbers")
@pytest.mark.parametrize("capacity", [256, 1024])
def test_counts_are_those_of_texts(spread: int, capacity: int) -> None:
    random = np.random.default_rng(spread)
    numbers, texts = NumberCounts(capacity), Frequent(capacity)
    for size in (1, 500, 3_000, 10):
        part, text_part = NumberCounts(capacity), Frequent(capacity)
        for _ in range(3):
            found, counts = np.unique(random.geometric(1 / spread, size).astype("f8"), return_counts=True)
            part.add(found, counts)
            text_part.update_array(found, counts, _floats)
        assert part.counts_if_few(64, _floats) == text_part.counts_if_few(64)
        numbers.merge(part)
        texts.merge(text_part)
    assert numbers.value_counts(_floats) == texts.value_counts()


def test_without_numbers_the_counts_are_complete_and_empty() -> None:
    assert NumberCounts(256).value_counts(_floats) == Frequent().value_counts()
