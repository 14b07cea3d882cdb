"""Condemned lists."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import condemned_lists, damaged

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats.condemned import AT_MAX, NAMES_MAX, SIZE_MAX, Condemned, decode, encode

A, B = sorted((Oid.of(b"a"), Oid.of(b"b")))


def encoded(value: Condemned) -> bytes:
    return encode(value.at, value.packs, value.indexes, grace=value.grace)


@given(condemned_lists())
def test_a_list_survives_encoding(value: Condemned) -> None:
    assert decode(encoded(value)) == value


@given(condemned_lists())
def test_a_list_is_json_that_a_person_can_read(value: Condemned) -> None:
    assert json.loads(encoded(value)) == {
        "version": 1,
        "at": value.at,
        "grace": value.grace,
        "packs": [name.hex() for name in value.packs],
        "indexes": [name.hex() for name in value.indexes],
    }


@given(damaged(condemned_lists().map(encoded)))
def test_a_damaged_list_is_refused_or_is_another_valid_one(content: bytes) -> None:
    with suppress(CorruptError):
        assert encoded(decode(content)) == content


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_what_is_no_list_is_refused(content: bytes) -> None:
    with pytest.raises(CorruptError):
        decode(content)


def test_order_and_repetition_do_not_matter_to_the_writer() -> None:
    assert encode(5, [B, A, B], []) == encode(5, [A, B], [])


LINE = encode(5, [A, B], [A])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        LINE[:-1],
        LINE + b"\n",
        b" " + LINE,
        LINE.replace(b'"at":5', b'"at":05'),
        LINE.replace(b'"at":5', b'"at":-5'),
        LINE.replace(b'"at":5', b'"at":5.0'),
        LINE.replace(b'"at":5', b'"at":' + b"9" * 5000),
        LINE.replace(b'"at":5', b'"at":%d' % (AT_MAX + 1)),
        LINE.replace(b'"grace":0', b'"grace":%d' % (AT_MAX + 1)),
        LINE.replace(b'"grace":0,', b""),
        LINE.replace(b'"at":5', b'"at":5,"at":5'),
        LINE.replace(b'"at":5', b'"at":5,"more":1'),
        LINE.replace(A.hex().encode(), A.hex().upper().encode()),
        LINE.replace(A.hex().encode(), B.hex().encode(), 1),
        LINE.replace(A.hex().encode(), A.hex().encode()[:-1], 1),
        LINE.replace(b'"version":1', b'"version":0'),
        LINE.replace(b'"version":1', b'"version":"1"'),
        LINE.replace(b",", b", "),
        b"[" * 100_000,
    ],
)
def test_other_spellings_are_refused(content: bytes) -> None:
    with pytest.raises(CorruptError):
        decode(content)


def test_a_newer_list_is_refused_with_the_remedy_whatever_else_is_in_it() -> None:
    with pytest.raises(CorruptError) as caught:
        decode(b'{"version":2,"reasons":[[1]]}\n')
    assert caught.value.fix == "upgrade dver"


def test_a_list_of_more_than_its_share_is_neither_read_nor_written() -> None:
    names = [Oid(number.to_bytes(32, "big")) for number in range(NAMES_MAX + 1)]
    with pytest.raises(ValueError, match="100001 names"):
        encode(5, names, [])
    assert len(decode(encode(5, names[:-1], [])).packs) == NAMES_MAX
    text = ",".join(f'"{name.hex()}"' for name in names)
    with pytest.raises(CorruptError, match="more than 100,000 names"):
        decode(f'{{"version":1,"at":5,"grace":0,"packs":[{text}],"indexes":[]}}\n'.encode())
    with pytest.raises(CorruptError, match="bytes"):
        decode(LINE + bytes(SIZE_MAX))


@pytest.mark.parametrize("at", [-1, AT_MAX + 1])
def test_no_list_is_written_at_a_time_that_nobody_believes(at: int) -> None:
    with pytest.raises(ValueError, match="no condemned list"):
        encode(at, [A], [])
    with pytest.raises(ValueError, match="no condemned list"):
        encode(0, [A], [], grace=at)


def test_what_version_1_wrote_is_read_and_written_as_ever() -> None:
    frozen = (Path(__file__).parent.parent / "fixtures/format-v2/remote.condemned").read_bytes()
    value = Condemned(1_795_384_800, tuple(sorted([Oid.of(b"pack"), Oid(bytes(32))])), (Oid.of(b"index"),), 14 * 86_400)
    assert decode(frozen) == value
    assert encoded(value) == frozen
