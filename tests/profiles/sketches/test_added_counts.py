"""Counts of several profiles added as arrays: the same as added one by one."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dver.core.errors import CorruptError
from dver.formats.counted_values import EncodedValues, Value, encode_values
from dver.formats.profile import ValueCounts
from dver.profiles.sketches.added_counts import added_counts
from dver.profiles.sketches.frequent import COMPLETE_MAX, Frequent

VALUES = {
    "texts": st.sampled_from(["", "a", "ä", "b\n", "1"]),
    "integers": st.integers(-3, 3) | st.just(2**62),
    "numbers": st.sampled_from([0.0, -0.0, 0.25, 1 / 3, 1e300]),
    "integers and numbers": st.sampled_from([0, 1, 2, 0.0, 1.0, 0.5]),
    "true and false": st.booleans(),
    "all": st.sampled_from(["1", 1, 0.5, 2**70]),
}


@pytest.mark.parametrize("kind", VALUES)
@given(st.data())
def test_the_sums_are_those_of_counts_added_one_by_one(kind: str, data: st.DataObject) -> None:
    values = st.dictionaries(VALUES[kind], st.integers(1, 300), max_size=5).map(lambda found: tuple(found.items()))
    counts = st.builds(ValueCounts, values, st.booleans(), st.integers(0, 9))
    several = data.draw(st.lists(counts, max_size=5))
    one_by_one = Frequent()
    for one in several:
        one_by_one.merge(Frequent.of(one))
    assert added_counts(several).value_counts() == one_by_one.value_counts()


@pytest.mark.parametrize("text", [True, False])
def test_many_values_lose_at_most_the_error(text: bool) -> None:
    random = np.random.default_rng(3)
    true: dict[Value, int] = {}
    several = []
    for _ in range(40):
        drawn = random.zipf(1.3, 2000).clip(max=10**6)
        names: Sequence[Value] = [f"v{one}" if text else int(one) for one in np.unique(drawn)]
        counts = np.unique(drawn, return_counts=True)[1]
        for name, count in zip(names, counts.tolist(), strict=True):
            true[name] = true.get(name, 0) + count
        part = Frequent()
        part.update(names, counts)
        several.append(part.value_counts())
    found = added_counts(several).value_counts()
    assert len(found.values) <= COMPLETE_MAX
    assert not found.complete
    assert found.error <= 40 * 2000 / COMPLETE_MAX
    assert all(true[value] - found.error <= count <= true[value] for value, count in found.values)
    assert [value for value, _ in found.values[:5]] == sorted(true, key=lambda one: -true[one])[:5]


@pytest.mark.parametrize(
    "damaged",
    [
        b"d" + struct.pack("<IBBd", 1, 1, 1, float("inf")),
        b"i" + struct.pack("<IB", 1, 1) + b"\0\1\5",
        b"t" + struct.pack("<IBBH", 1, 1, 1, 2) + b"a",
        b"t" + struct.pack("<IBBH", 1, 1, 1, 1) + b"\xff",
    ],
)
def test_damaged_bytes_are_refused(damaged: bytes) -> None:
    with pytest.raises(CorruptError):
        added_counts([ValueCounts(EncodedValues(damaged), complete=True)])


def test_nothing_is_added_to_nothing() -> None:
    assert added_counts([]).value_counts() == ValueCounts((), complete=True)
    empty = ValueCounts(EncodedValues(encode_values([])), complete=True)
    assert added_counts([empty]).value_counts() == ValueCounts((), complete=True)
