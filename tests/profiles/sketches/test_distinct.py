"""Distinct values: exact for few, within the error for many; and hashes that are equal for equal values."""

from __future__ import annotations

import numpy as np
import pytest
import xxhash

from dver.core.errors import CorruptError
from dver.profiles.sketches.distinct import EXACT_MAX, Distinct
from dver.profiles.sketches.hashing import hashes_of_numbers, hashes_of_texts


def distinct_of(hashes: np.ndarray) -> Distinct:
    found = Distinct()
    found.update_hashes(hashes)
    return found


@pytest.mark.parametrize("size", [0, 1, EXACT_MAX])
def test_few_values_are_counted_exactly(size: int):
    found = distinct_of(hashes_of_numbers(np.arange(size).repeat(3)))
    assert found.exact
    assert found.estimate() == size


@pytest.mark.parametrize("size", [513, 2000, 10_000, 100_000, 1_000_000])
def test_many_values_are_estimated(size: int):
    numbers = distinct_of(hashes_of_numbers(np.arange(size)))
    texts = distinct_of(hashes_of_texts([f"user {at % 50_000}" for at in range(size)]))
    assert not numbers.exact
    assert abs(numbers.estimate() - size) < 4 * 1.04 / 64 * size
    assert abs(texts.estimate() - min(size, 50_000)) < 4 * 1.04 / 64 * min(size, 50_000)


@pytest.mark.parametrize(("one", "other"), [(10, 20), (10, 5000), (5000, 10), (5000, 9000)])
def test_a_merge_counts_values_of_both_once(one: int, other: int):
    found = distinct_of(hashes_of_numbers(np.arange(one)))
    found.merge(distinct_of(hashes_of_numbers(np.arange(other))))
    both = distinct_of(hashes_of_numbers(np.arange(max(one, other))))
    assert found.encode() == both.encode()
    parts = [distinct_of(hashes_of_numbers(np.arange(size))).encode() for size in (one, other)]
    assert Distinct.merged(parts).encode() == both.encode()


@pytest.mark.parametrize("size", [0, 5, 512, 513, 100_000])
def test_bytes_are_read_as_they_were_written(size: int):
    found = distinct_of(hashes_of_numbers(np.arange(size)))
    assert Distinct.of(found.encode()).encode() == found.encode()
    assert Distinct.of(found.encode()).estimate() == found.estimate()


@pytest.mark.parametrize(
    "damaged",
    [b"", b"X", b"E1234567", b"E" + bytes(16), b"E" + bytes(8 * 513), b"H", b"H" + bytes(4095), b"H" + b"\x36" * 4096],
)
def test_damaged_bytes_are_refused(damaged: bytes):
    with pytest.raises(CorruptError):
        Distinct.of(damaged)


def test_without_hashes_nothing_but_registers_is_kept():
    found = Distinct(exact=False)
    found.update_hashes(hashes_of_numbers(np.arange(100)))
    assert found.encode()[:1] == b"H"
    assert 95 < found.estimate() < 105


def test_equal_numbers_have_equal_hashes():
    whole = np.array([0, 1, -5, 2**53, 127])
    assert hashes_of_numbers(whole).tolist() == hashes_of_numbers(whole.astype(float)).tolist()
    assert hashes_of_numbers(np.array([-0.0])).tolist() == hashes_of_numbers(np.array([0.0])).tolist()
    assert hashes_of_numbers(np.array([True])).tolist() == hashes_of_numbers(np.array([1], "i1")).tolist()
    large = 2**60 + np.arange(1000)
    assert len(set(hashes_of_numbers(large).tolist())) == 1000
    assert hashes_of_numbers(np.array([2**63], "u8")) != hashes_of_numbers(np.array([2**63 + 1], "u8"))


def test_texts_have_hashes_of_their_own_bytes():
    texts = ["", "\0", "\0\0", "a", "a\0", "abcdefgh", "abcdefghi", "é", "x" * 128, "x" * 129, "x" * 100_000, "y" * 129]
    hashes = hashes_of_texts(texts)
    assert len(set(hashes.tolist())) == len(texts)
    assert [int(hashes_of_texts([text])[0]) for text in texts] == hashes.tolist()
    assert hashes[9] == xxhash.xxh3_64_intdigest(b"x" * 129)
    assert hashes_of_texts([]).tolist() == []


def test_hashes_stay_what_they_are():
    assert hashes_of_numbers(np.array([1.5])).tolist() == [NUMBER_HASH]
    assert hashes_of_texts(["dver profiles"]).tolist() == [TEXT_HASH]


NUMBER_HASH = 15481881892811333770
TEXT_HASH = 531359039908770133


@pytest.mark.parametrize("registers", [256, 1024])
@pytest.mark.parametrize("size", [600, 100_000])
def test_fewer_registers_are_those_of_the_same_hashes(registers: int, size: int):
    found = distinct_of(hashes_of_numbers(np.arange(size)))
    found.shrink(registers)
    again = Distinct.of(found.encode())
    assert len(again.encode()) == 1 + registers
    assert abs(again.estimate() - size) < 4 * again.relative_error * size
    few = distinct_of(hashes_of_numbers(np.arange(300)))
    few.shrink(registers)
    few.update_hashes(hashes_of_numbers(np.arange(size)))
    assert few.encode() == found.encode()
    large = distinct_of(hashes_of_numbers(np.arange(size, 2 * size))).encode()
    merged = Distinct.merged([large, found.encode()])
    assert len(merged.encode()) == 1 + registers
    assert abs(merged.estimate() - 2 * size) < 4 * merged.relative_error * 2 * size
