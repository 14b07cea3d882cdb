"""Frames and footers of packs."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from strategies import damaged, rows

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import pack
from dver.formats.pack import Codec, ObjectKind, Row


@given(rows())
def test_a_footer_survives_encoding(listed: list[Row]) -> None:
    footer = pack.encode_footer(listed)
    assert pack.decode_footer(footer) == listed
    assert pack.decode_trailer(pack.encode_trailer(footer)) == (len(footer), Oid.of(footer))


@given(damaged(rows().map(pack.encode_footer)))
def test_a_damaged_footer_is_refused_or_is_another_valid_one(content: bytes) -> None:
    with suppress(CorruptError):
        assert pack.encode_footer(pack.decode_footer(content)) == content


@given(damaged(rows().map(lambda listed: pack.encode_trailer(pack.encode_footer(listed)))))
def test_a_damaged_trailer_raises_no_other_error(content: bytes) -> None:
    with suppress(CorruptError):
        length, name = pack.decode_trailer(content)
        assert content == length.to_bytes(8, "little") + bytes(name) + pack.TRAILER_MAGIC


def framed(content: bytes) -> tuple[Row, bytes]:
    oid = Oid.of(content)
    header, checksum = pack.frame_header(oid, ObjectKind.BLOB, Codec.RAW, len(content), content)
    return Row(oid, ObjectKind.BLOB, Codec.RAW, 16, len(content), len(content), checksum), header + content


def test_a_frame_is_checked_against_its_row() -> None:
    row, frame = framed(b"hello")
    assert bytes(pack.check_frame(row, frame)) == b"hello"
    assert pack.frame_header_bytes(row) == frame[: pack.FRAME_HEADER_SIZE]


def test_every_flipped_bit_of_a_frame_is_noticed() -> None:
    row, frame = framed(b"hello")
    for bit in range(8 * len(frame)):
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CorruptError):
            pack.check_frame(row, bytes(flipped))


def test_a_truncated_frame_is_noticed() -> None:
    row, frame = framed(b"hello")
    for length in range(len(frame)):
        with pytest.raises(CorruptError):
            pack.check_frame(row, frame[:length])


def test_frames_must_follow_one_another_without_gap_or_overlap() -> None:
    row, _ = framed(b"hello")
    for offset in (0, 15, 17, 2**63):
        with pytest.raises(CorruptError):
            pack.decode_footer(pack.encode_footer([row._replace(offset=offset)]))


def test_sizes_that_no_database_can_keep_are_refused() -> None:
    row, _ = framed(b"hello")
    for lie in (row._replace(codec=Codec.ZSTD, raw_size=2**63), row._replace(raw_size=2**63, stored_size=2**63)):
        with pytest.raises(CorruptError):
            pack.decode_footer(pack.encode_footer([lie]))


def test_an_object_kept_raw_has_one_size() -> None:
    row, _ = framed(b"hello")
    with pytest.raises(CorruptError, match="two different sizes"):
        pack.decode_footer(pack.encode_footer([row._replace(raw_size=6)]))


def test_a_newer_pack_is_refused_with_the_remedy() -> None:
    newer = pack.MAGIC + bytes((pack.VERSION + 1,)) + bytes(7)
    with pytest.raises(CorruptError) as caught:
        pack.check_header(newer)
    assert caught.value.fix == "upgrade dver"
