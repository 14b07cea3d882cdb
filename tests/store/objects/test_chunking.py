"""Where content is cut. These boundaries are for ever: chunks stored years ago must be found again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import accumulate

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from dver.store.objects.chunking import AVERAGE, MAXIMUM, MINIMUM, cut

MIB = 1 << 20

# The sizes of the chunks of `noise(12 * MIB)`. If this list has to change, every large file would be stored again by
# everybody: keep the old boundaries instead (docs/decisions/chunker.md says how).
FROZEN = [
    274276, 206473, 303504, 353093, 268782, 284137, 271141, 276725, 266404, 309757, 278685, 292359, 286934,
    262414, 363173, 94456, 341877, 266622, 317630, 370277, 291772, 291744, 205445, 279103, 282943, 285091, 289710,
    331484, 216125, 374164, 273362, 123320, 216707, 288186, 197863, 272679, 273850, 285867, 561399, 295415,
    264176, 311082, 314547, 263351, 104808,
]  # fmt: skip
FROZEN_TEXT = [
    297045, 309932, 276284, 385747, 336797, 523015, 265502, 363580, 328022, 377651, 335915, 46821,
]  # fmt: skip


def noise(size: int) -> bytes:
    """The same bytes on every machine and for ever: BLAKE3 is specified, `random` is only promised."""
    return blake3(b"dver: where content is cut").digest(length=size)


def text(lines: int) -> bytes:
    """A table of numbers, as in a CSV: content that repeats itself and has few distinct bytes."""
    return b"".join(b"%d,%d,%d.%03d\n" % (n, n * n % 9973, n * 7919 % 1009, n * 31 % 1000) for n in range(lines))


def sizes(content: bytes) -> list[int]:
    return [len(chunk) for chunk in cut([content])]


def in_pieces(content: bytes, ends: list[int]) -> Iterator[bytes]:
    """`content` split at `ends`; with empty pieces where two are the same."""
    at = 0
    for end in [*sorted(ends), len(content)]:
        yield content[at:end]
        at = end


def fastcdc_2020(content: bytes) -> list[int]:
    """Sizes by the published algorithm, written down once more: what the library does, anybody can do.

    The gear table and the masks (2 bits stricter than the average up to it, 2 bits laxer beyond) those of fastcdc-rs.
    """
    gear = [int.from_bytes(hashlib.md5(bytes([byte]) * 64).digest()[:8], "big") for byte in range(256)]
    strict, lax = 0x0000D91747537000, 0x0000D90303537000
    found = []
    at = 0
    while at < len(content):
        size = min(len(content) - at, MAXIMUM)
        hashed = 0
        for place in range(MINIMUM, size & ~1):
            hashed = ((hashed << 1) + gear[content[at + place]]) & (2**64 - 1)
            if not hashed & (strict if place < AVERAGE else lax):
                size = place
                break
        found.append(size)
        at += size
    return found


@pytest.fixture(scope="module")
def long_noise() -> bytes:
    return noise(20 * MIB + 12_345)


def test_noise_is_cut_where_it_always_was() -> None:
    content = noise(12 * MIB)
    assert blake3(content).hexdigest()[:16] == "62c0116c535a9e36"  # what is cut is what was cut
    assert sizes(content) == FROZEN


def test_text_is_cut_where_it_always_was() -> None:
    content = text(200_000)
    assert blake3(content).hexdigest()[:16] == "63f09fb34ec3533c"
    assert sizes(content) == FROZEN_TEXT


@pytest.mark.parametrize(
    "content", [noise(3 * MIB + 1), text(100_000), bytes(MIB + 70_001)], ids=["noise", "text", "zeros"]
)
def test_the_cuts_are_those_of_the_published_algorithm(content: bytes) -> None:
    assert sizes(content) == fastcdc_2020(content)


def test_the_chunks_are_the_content(long_noise: bytes) -> None:
    assert b"".join(cut([long_noise])) == long_noise


def test_all_sizes_but_the_last_are_within_the_bounds(long_noise: bytes) -> None:
    for content in (long_noise, text(500_000), bytes(5 * MIB + 1), b"ab" * (3 * MIB)):
        found = sizes(content)
        assert all(MINIMUM <= size <= MAXIMUM for size in found[:-1])
        assert 0 < found[-1] <= MAXIMUM


def test_the_average_is_about_what_it_is_called(long_noise: bytes) -> None:
    assert AVERAGE * 0.8 < len(long_noise) / len(sizes(long_noise)) < AVERAGE * 1.4


@settings(max_examples=25, deadline=None)
@given(ends=st.lists(st.integers(0, 20 * MIB + 12_345), max_size=12))
def test_the_cuts_do_not_depend_on_the_pieces(long_noise: bytes, ends: list[int]) -> None:
    assert [len(chunk) for chunk in cut(in_pieces(long_noise, ends))] == sizes(long_noise)


@pytest.mark.parametrize("step", [1000, 4096, 65_536, MIB - 1, MIB, 8 * MIB, 8 * MIB + 1])
def test_the_cuts_do_not_depend_on_the_size_of_the_pieces(long_noise: bytes, step: int) -> None:
    assert [len(chunk) for chunk in cut(in_pieces(long_noise, [*range(step, len(long_noise), step)]))] == sizes(
        long_noise
    )


@pytest.mark.parametrize("size", [1, MINIMUM - 1, MINIMUM, MINIMUM + 1])
def test_little_content_is_one_chunk(size: int) -> None:
    assert sizes(noise(size)) == [size]


@pytest.mark.parametrize("pieces", [[], [b""], [b"", b""]])
def test_no_content_is_no_chunk(pieces: list[bytes]) -> None:
    assert list(cut(pieces)) == []


def test_zeros_are_cut_into_the_largest_chunks_all_the_same() -> None:
    chunks = list(cut([bytes(5 * MIB)]))
    assert chunks == [bytes(MAXIMUM)] * 5


@settings(max_examples=25, deadline=None)
@given(at=st.integers(0, 20 * MIB), added=st.binary(max_size=2000), removed=st.integers(0, 2000))
def test_an_edit_changes_the_chunks_around_it(long_noise: bytes, at: int, added: bytes, removed: int) -> None:
    before = set(cut([long_noise]))
    after = [*cut([long_noise[:at], added, long_noise[at + removed :]])]
    assert sum(chunk not in before for chunk in after) <= 4


def test_cuts_find_each_other_again_wherever_the_content_begins(long_noise: bytes) -> None:
    whole = {*accumulate(sizes(long_noise))}
    shifted = {777_777 + end for end in accumulate(sizes(long_noise[777_777:]))}
    assert len(shifted - whole) <= 3


def test_pieces_are_read_only_as_they_are_needed() -> None:
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(64):
            taken += 1
            yield bytes(MIB)

    chunks = cut(pieces())
    for _ in range(10):
        next(chunks)
    assert taken <= 24
