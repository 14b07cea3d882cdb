"""Index objects."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from strategies import damaged, indexes

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats.pack import Codec, ObjectKind
from dver.formats.remote_index import MAGIC, VERSION, Location, PackRef, RemoteIndex, decode, encode


def encoded(index: RemoteIndex) -> bytes:
    return encode(index.roots, index.packs, index.objects)


@given(indexes())
def test_an_index_survives_encoding(index: RemoteIndex) -> None:
    assert decode(encoded(index)) == index


@given(damaged(indexes().map(encoded)))
def test_a_damaged_index_is_refused_or_is_another_valid_one(content: bytes) -> None:
    with suppress(CorruptError):
        assert encoded(decode(content)) == content


PACK = PackRef(Oid.of(b"pack"), 1000)
PLACE = Location(Oid.of(b"x"), 0, ObjectKind.BLOB, Codec.ZSTD, 16, 500, 100)


@pytest.mark.parametrize(
    "lie",
    [
        PLACE._replace(pack=1),
        PLACE._replace(offset=0),
        PLACE._replace(offset=900),
        PLACE._replace(stored_size=2**64 - 1),
        PLACE._replace(raw_size=2**63),
    ],
)
def test_objects_that_cannot_be_where_they_are_said_to_be_are_refused(lie: Location) -> None:
    with pytest.raises(CorruptError):
        decode(encode([], [PACK], [lie]))


def test_a_pack_larger_than_any_disk_is_refused() -> None:
    with pytest.raises(CorruptError):
        decode(encode([], [PACK._replace(size=2**63)], [PLACE]))


def test_a_wrong_fan_out_table_is_refused() -> None:
    content = bytearray(encode([], [PACK], [PLACE]))
    content[len(content) - 62 - 4] ^= 1
    with pytest.raises(CorruptError, match="fan-out"):
        decode(bytes(content))


def test_a_newer_index_is_refused_with_the_remedy() -> None:
    with pytest.raises(CorruptError) as caught:
        decode(MAGIC + bytes((VERSION + 1,)) + bytes(2000))
    assert caught.value.fix == "upgrade dver"
