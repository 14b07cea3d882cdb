"""Measurements: bytes and back, and what is refused."""

from __future__ import annotations

import random

import pytest
import zstandard
from profile_samples import measurements_of

from dver.core.errors import CorruptError, NewerVersionError
from dver.core.oid import Oid
from dver.formats.measurements import decode, encode

IDS = sorted(Oid.of(b"%d" % number) for number in range(4))
ROWS = {
    IDS[0]: (640, 0.5, None),
    IDS[1]: (None, None, "it is empty"),
    IDS[2]: (0, -0.25, None),
    IDS[3]: (255, 1e300, "näme"),
}
SAMPLE = measurements_of(ROWS)


def test_measurements_are_decoded_as_they_were() -> None:
    found = decode(encode(SAMPLE))
    assert found.rows() == ROWS
    assert (found.kind, found.profiler) == (SAMPLE.kind, SAMPLE.profiler)
    assert {name: one.type for name, one in found.columns.items()} == {
        name: one.type for name, one in SAMPLE.columns.items()
    }


def test_no_files_have_measurements_too() -> None:
    assert decode(encode(measurements_of({}))).rows() == {}


@pytest.mark.parametrize(("largest", "width"), [(254, 1), (255, 2), (65_534, 2), (65_535, 4), (2**32 - 1, 8)])
def test_counts_take_the_least_bytes_that_hold_them_and_null(largest: int, width: int) -> None:
    content = encode(measurements_of({IDS[0]: (largest, None, None), IDS[1]: (None, None, None)}))
    assert b'["width","count",%d]' % width in content
    assert [row[0] for row in decode(content).rows().values()] == [largest, None]


def test_joined_measurements_know_the_contents_of_both() -> None:
    parts = [SAMPLE.selected(IDS[:2]), SAMPLE.selected({IDS[2], IDS[3]})]
    assert parts[0].rows() == {oid: ROWS[oid] for oid in IDS[:2]}
    assert encode(parts[1].joined(parts[0])) == encode(SAMPLE)


def test_a_newer_version_asks_for_an_upgrade() -> None:
    with pytest.raises(NewerVersionError):
        decode(encode(SAMPLE).replace(b"measurements 1", b"measurements 2", 1))


@pytest.mark.parametrize("size", [0, 10, 21, 28, 60, -1])
def test_cut_measurements_are_refused(size: int) -> None:
    with pytest.raises(CorruptError):
        decode(encode(SAMPLE)[:size])


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(CorruptError, match="damaged measurements"):
        decode(encode(SAMPLE) + b"x")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (bytes(IDS[0]), bytes(IDS[1])),
        (b'"rows":4', b'"rows":5'),
        (b'"width","count"', b'"error","count"'),
        (b'"width","count"', b'"width","texts"'),
        (b'"it is empty"', b'"\xc3\xb6t is empt"'),
        (b'"kind":"images"', b'"kind":"tables"'),
    ],
)
def test_other_bytes_than_dver_writes_are_refused(old: bytes, new: bytes) -> None:
    content = encode(SAMPLE)
    assert content.count(old) == 1
    with pytest.raises(CorruptError):
        decode(content.replace(old, new))


def test_infinities_are_not_written() -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        encode(measurements_of({IDS[0]: (1, float("inf"), None)}))


def test_those_of_ten_thousand_images_take_half_a_megabyte() -> None:
    seeded = random.Random(1)
    rows = {Oid(seeded.randbytes(32)): (seeded.randrange(4000), round(seeded.random(), 4), None) for _ in range(10_000)}
    content = encode(measurements_of(rows))
    assert len(content) < 450_000
    assert len(zstandard.compress(content)) < 400_000
