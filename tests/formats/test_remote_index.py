"""Index objects."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from strategies import damaged, indexes

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats.pack import Codec, ObjectKind
from dver.formats.remote_index import (
    MAGIC,
    VERSION,
    IndexRow,
    PackRef,
    RemoteIndex,
    decode,
    decode_bucket,
    decode_head,
    decode_named,
    encode,
    head_size,
    name_of,
)


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
PLACE = IndexRow(Oid.of(b"x"), 0, ObjectKind.BLOB, Codec.ZSTD, 16, 500, 100)


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
def test_objects_that_cannot_be_where_they_are_said_to_be_are_refused(lie: IndexRow) -> None:
    with pytest.raises(CorruptError):
        decode(encode([], [PACK], [lie]))


def test_a_pack_larger_than_any_disk_is_refused() -> None:
    with pytest.raises(CorruptError):
        decode(encode([], [PACK._replace(size=2**63)], [PLACE]))


def test_a_wrong_bucket_table_is_refused() -> None:
    content = bytearray(encode([], [PACK], [PLACE]))
    content[len(content) - 62 - 4] ^= 1
    with pytest.raises(CorruptError, match="damaged"):
        decode(bytes(content))


def test_a_newer_index_is_refused_with_the_remedy() -> None:
    with pytest.raises(CorruptError) as caught:
        decode(MAGIC + bytes((VERSION + 1,)) + bytes(2000))
    assert caught.value.fix == "upgrade dver"


def test_buckets_grow_in_number_with_the_rows() -> None:
    for rows, buckets in ((0, 1), (512, 1), (513, 2), (1024, 2), (1025, 4), (5000, 16)):
        objects = [PLACE._replace(oid=Oid.of(b"%d" % number)) for number in range(rows)]
        content = encode([], [PACK], objects)
        head = decode_head(content[: head_size(content)])
        assert len(head.buckets) == buckets
        assert head.total == len(content)


@given(indexes())
def test_a_bucket_can_be_read_alone(index: RemoteIndex) -> None:
    content = encoded(index)
    head = decode_head(content[: head_size(content)])
    assert (head.roots, head.packs, head.name) == (index.roots, index.packs, name_of(content))
    for row in index.objects:
        number = head.bucket_of(row.oid)
        bucket = head.buckets[number]
        assert row in decode_bucket(head, number, content[bucket.start : bucket.start + bucket.size])


def test_a_damaged_bucket_is_noticed_alone() -> None:
    objects = [PLACE._replace(oid=Oid.of(b"%d" % number)) for number in range(3000)]
    content = encode([], [PACK], objects)
    head = decode_head(content[: head_size(content)])
    for number, bucket in enumerate(head.buckets):
        part = bytearray(content[bucket.start : bucket.start + bucket.size])
        part[len(part) // 2] ^= 1
        with pytest.raises(CorruptError):
            decode_bucket(head, number, part)


def test_a_wrong_name_is_refused() -> None:
    content = encode([], [PACK], [PLACE])
    assert decode_named(name_of(content), content) == decode(content)
    with pytest.raises(CorruptError, match="damaged"):
        decode_named(Oid.of(b"another"), content)


def test_counts_that_promise_more_than_there_is_cost_no_memory() -> None:
    content = MAGIC + bytes((VERSION, 23)) + b"\xff" * 12 + bytes(100)
    tracemalloc.start()
    for read in (decode, decode_head, head_size):
        with suppress(CorruptError):
            read(content)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@given(damaged(indexes().map(encoded)))
def test_damaged_parts_of_an_index_are_refused_or_belong_to_another_valid_one(content: bytes) -> None:
    with suppress(CorruptError):
        size = head_size(content)
        head = decode_head(content[:size])
        rows: list[IndexRow] = []
        for number, bucket in enumerate(head.buckets):
            rows += decode_bucket(head, number, content[bucket.start : bucket.start + bucket.size])
        assert encode(head.roots, head.packs, rows)[: head.total] == content[: head.total]
