"""Quantiles: exact for few values, within their error for many, the same again, merged, and safe with damaged bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dver.core.errors import CorruptError
from dver.profiles.sketches.quantiles import EXACT_MAX, Quantiles

RANKS = np.linspace(0, 1, 101)


def quantiles_of(values: np.ndarray, batch: int) -> Quantiles:
    found = Quantiles()
    for start in range(0, len(values), batch):
        found.update(values[start : start + batch])
    return found


def largest_error(found: Quantiles, values: np.ndarray) -> float:
    values = np.sort(values)
    probes = values[np.linspace(0, len(values) - 1, 301).astype(int)]
    return float(np.abs(found.ranks(probes) - np.searchsorted(values, probes, side="right") / len(values)).max())


def test_few_values_are_exact():
    found = quantiles_of(np.array([5.0, 1, 4, 2, 3]), 2)
    assert found.exact
    assert found.rank_error == 0
    assert found.count == 5
    assert found.quantiles([0, 0.2, 0.21, 0.5, 1]).tolist() == [1, 1, 2, 3, 5]
    assert found.ranks([0, 1, 2.5, 5, 9]).tolist() == [0, 0.2, 0.4, 1, 1]


def test_nothing_has_no_quantiles():
    assert np.isnan(Quantiles().quantiles([0, 1])).all()
    assert np.isnan(Quantiles().ranks([0])).all()
    assert Quantiles.of(Quantiles().encode()).count == 0


@pytest.mark.parametrize("batch", [100, 4096, 65536])
@pytest.mark.parametrize("shape", ["normal", "sorted", "few", "exponential"])
def test_ranks_of_many_values_are_within_the_error(shape: str, batch: int):
    random = np.random.default_rng(7)
    values = {
        "normal": random.standard_normal(200_000),
        "sorted": np.arange(200_000.0),
        "few": random.integers(0, 5, 200_000).astype(float),
        "exponential": random.exponential(1e9, 200_000),
    }[shape]
    found = quantiles_of(values, batch)
    assert not found.exact
    assert found.count == len(values)
    assert found.quantiles([0, 1]).tolist() == [values.min(), values.max()]
    assert largest_error(found, values) <= 1.3 * found.rank_error


@pytest.mark.parametrize("batch", [500, 10_000])
def test_errors_of_ranks_are_local(batch: int):
    """An error that all ranks share looks like a shift of the data."""
    random = np.random.default_rng(11)
    probes = np.linspace(0.05, 0.95, 91)
    errors = []
    for _ in range(60):
        values = random.random(10_000)
        true = np.searchsorted(np.sort(values), probes, side="right") / len(values)
        errors.append(quantiles_of(values, batch).ranks(probes) - true)
    found = np.array(errors)
    assert found.mean(axis=1).std() < 0.3 * found.std()


def test_a_merge_is_as_good_as_one_sketch():
    random = np.random.default_rng(3)
    parts = [random.normal(at % 7, 1, size) for at, size in enumerate([10, 900, 5000, 20_000] * 10)]
    found = Quantiles.merged(quantiles_of(part, 4096).encode() for part in parts)
    values = np.concatenate(parts)
    assert found.count == len(values)
    assert largest_error(found, values) <= 1.3 * found.rank_error
    one = quantiles_of(parts[0], 10)
    for part in parts[1:]:
        one.merge(quantiles_of(part, 4096))
    assert one.count == len(values)
    assert largest_error(one, values) <= 1.3 * found.rank_error


def test_merged_sketches_of_few_values_stay_exact():
    found = Quantiles.merged(quantiles_of(np.array([float(at)]), 1).encode() for at in range(EXACT_MAX))
    assert found.exact
    assert found.quantiles([0.5]).tolist() == [EXACT_MAX // 2 - 1]
    found.update([0.5])
    assert not found.exact
    assert found.count == EXACT_MAX + 1


def test_a_merge_leaves_the_other_as_it_was():
    one, other = quantiles_of(np.arange(5000.0), 5000), quantiles_of(np.arange(3000.0), 100)
    before = other.encode()
    one.merge(other)
    assert other.encode() == before
    assert one.count == 8000


def test_the_same_values_have_the_same_bytes():
    values = np.random.default_rng(1).standard_normal(50_000)
    encoded = [quantiles_of(values.copy(), 8192).encode() for _ in range(2)]
    assert encoded[0] == encoded[1]


@pytest.mark.parametrize("size", [0, 1, 1024, 1025, 100_000])
def test_bytes_are_read_as_they_were_written(size: int):
    found = quantiles_of(np.random.default_rng(size).standard_normal(size), 5000)
    again = Quantiles.of(found.encode())
    assert again.encode() == found.encode()
    assert again.quantiles(RANKS).tolist() == found.quantiles(RANKS).tolist() or not size
    again.update([1.0])
    assert again.count == size + 1


@given(st.data())
def test_damaged_bytes_are_refused_or_are_a_sketch(data: st.DataObject):
    content = bytearray(_LARGE)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, 60) | st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(0, 80) | st.just(len(content)))])
    try:
        found = Quantiles.of(damaged)
    except CorruptError:
        return
    assert found.encode() == damaged
    assert np.isfinite(found.quantiles([0.5])).all() or not found.count


@given(st.data())
def test_damaged_bytes_that_are_merged_are_refused_or_are_a_sketch(data: st.DataObject):
    content = bytearray(_LARGE)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, 60) | st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = Quantiles.merged([bytes(content), _LARGE])
    except CorruptError:
        return
    assert np.isfinite(found.quantiles([0, 0.5, 1])).all()


def test_infinite_extremes_are_refused():
    content = bytearray(_LARGE)
    content[9:17] = np.array([-np.inf], "<f8").tobytes()
    for read in (Quantiles.of, lambda one: Quantiles.merged([one])):
        with pytest.raises(CorruptError):
            read(bytes(content))


_LARGE = quantiles_of(np.arange(5000.0), 5000).encode()


def test_ranks_are_as_good_as_those_of_datasketches():
    import datasketches

    values = np.random.default_rng(11).standard_normal(300_000)
    theirs = datasketches.kll_doubles_sketch(256)
    theirs.update(values)
    probes = np.quantile(values, RANKS[1:-1])
    difference = quantiles_of(values, 65536).ranks(probes) - np.array([theirs.get_rank(one, True) for one in probes])
    assert np.abs(difference).max() < 0.02
