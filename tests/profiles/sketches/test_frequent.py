"""Frequent values: exact counts for few values, the frequent ones of many."""

from __future__ import annotations

import numpy as np

from dver.formats.profile import ValueCounts
from dver.profiles.sketches.frequent import CAPACITY, COMPLETE_MAX, Frequent


def frequent_of(values: list) -> Frequent:
    found = Frequent()
    for start in range(0, len(values), 5000):
        batch = values[start : start + 5000]
        distinct = sorted(set(batch))
        found.update(distinct, np.array([batch.count(one) for one in distinct]))
    return found


def test_few_values_have_exact_counts_in_order():
    counts = frequent_of(["b", "a", "c", "c"]).value_counts()
    assert counts == ValueCounts((("c", 2), ("a", 1), ("b", 1)), complete=True)
    assert Frequent.of(counts).value_counts() == counts


def test_the_frequent_ones_of_many_values_are_found():
    random = np.random.default_rng(5)
    values = [7] * 3000 + [8] * 1000 + random.integers(100, 2500, 12_000).tolist()
    random.shuffle(values)
    found = frequent_of(values)
    counts = found.value_counts()
    assert not counts.complete
    assert len(counts.values) <= COMPLETE_MAX
    assert [value for value, _ in counts.values[:2]] == [7, 8]
    assert 3000 - found.error <= counts.values[0][1] <= 3000
    assert found.error <= len(values) / COMPLETE_MAX


def test_merges_add_counts():
    one, other = frequent_of(["a"] * 3 + ["b"]), frequent_of(["a"] * 2 + ["c"])
    one.merge(other)
    assert one.value_counts().values == (("a", 5), ("b", 1), ("c", 1))
    many = frequent_of([f"v{at}" for at in range(CAPACITY + 1)] * 2 + ["a"] * 900)
    merged = Frequent.of(many.value_counts())
    merged.merge(Frequent.of(many.value_counts()))
    assert not merged.value_counts().complete
    assert merged.value_counts().values[0] == ("a", 2 * (900 - many.error))
