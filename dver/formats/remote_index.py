"""Index objects: the packs of a remote, and the positions of the objects in them (docs/format/index.md).

An index lists packs, the objects in them, and the roots that are complete on the remote with those packs. A push writes
it last, so everything in it exists.

    head      magic, version, counts
    roots     32 bytes each, sorted
    packs     name and size in bytes, sorted by name
    buckets   for each the number of rows up to its end, and the XXH3 of its rows
    rows      62 bytes each, sorted by oid

The first bits of an oid choose the bucket of its row. The name of an index is the BLAKE3 of all bytes before the rows.
So a client that needs ten objects of ten million reads that part and ten buckets by range, and can verify them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from struct import Struct, unpack
from typing import Final, NamedTuple

from xxhash import xxh3_64_intdigest

from dver.core.errors import CorruptError, NewerVersionError
from dver.core.oid import SIZE as OID_SIZE
from dver.core.oid import Oid
from dver.formats.cursor import SIZE_MAX, Cursor
from dver.formats.pack import FRAME_HEADER_SIZE, HEADER, Codec, ObjectKind

MAGIC: Final = b"DVIX"
VERSION: Final = 2
BUCKET_ROWS: Final = 512
"""The largest average number of rows in a bucket."""

_COUNTS_1: Final = Struct("<III")
_FANOUT_1: Final = 256
_COUNTS: Final = Struct("<BIII")
_PACK: Final = Struct("<32sQ")
_BUCKET: Final = Struct("<IQ")
_ROW: Final = Struct("<32sIBBQQQ")
_KINDS: Final = tuple(ObjectKind)
_CODECS: Final = tuple(Codec)

FIXED_SIZE: Final = len(MAGIC) + 1 + _COUNTS.size
"""The bytes at the front that state the length of the head."""
ROW_SIZE: Final = _ROW.size


class PackRef(NamedTuple):
    """A pack on the remote: its name and its size in bytes."""

    name: Oid
    size: int


class IndexRow(NamedTuple):
    """The location of an object on the remote. `pack` is a position in the packs of the index."""

    oid: Oid
    pack: int
    kind: ObjectKind
    codec: Codec
    offset: int
    raw_size: int
    stored_size: int

    @property
    def end(self) -> int:
        """The offset of the end of its frame in the pack."""
        return self.offset + FRAME_HEADER_SIZE + self.stored_size


class Bucket(NamedTuple):
    """A range of rows. `start` and `size` are in bytes of the index."""

    start: int
    size: int
    checksum: int


@dataclass(frozen=True, slots=True)
class RemoteIndex:
    roots: tuple[Oid, ...]
    packs: tuple[PackRef, ...]
    objects: tuple[IndexRow, ...]


@dataclass(frozen=True, slots=True)
class IndexHead:
    """An index without its rows."""

    roots: tuple[Oid, ...]
    packs: tuple[PackRef, ...]
    buckets: tuple[Bucket, ...]
    name: Oid
    size: int
    """Bytes before the rows."""
    rows: int
    encoded: bytes

    def bucket_of(self, oid: Oid) -> int:
        """The number of the bucket for `oid`."""
        return _bucket_number(oid, len(self.buckets).bit_length() - 1)

    @property
    def total(self) -> int:
        """Bytes of the whole index."""
        return self.size + self.rows * ROW_SIZE


def encode(roots: Sequence[Oid], packs: Sequence[PackRef], objects: Sequence[IndexRow]) -> bytes:
    """The bytes of an index. `packs` must be sorted by name, since `objects` refer to positions in them."""
    rows = encode_rows(sorted(objects))
    return encode_head(roots, packs, rows) + rows


def encode_rows(rows: Iterable[IndexRow]) -> bytes:
    """The bytes of some rows, in their order."""
    return b"".join([_ROW.pack(*row) for row in rows])


def plain_rows(encoded: bytes | memoryview) -> Iterator[tuple[bytes | int, ...]]:
    """The fields of valid encoded rows, for a table of the index database."""
    return _ROW.iter_unpack(encoded)


def encode_head(roots: Sequence[Oid], packs: Sequence[PackRef], rows: bytes | memoryview) -> bytes:
    """The head for encoded and sorted `rows`, which may be a file mapped into memory."""
    view = memoryview(rows)
    count = len(view) // ROW_SIZE
    bits = _bits(count)
    complete = sorted(set(roots))
    return b"".join(
        (
            MAGIC,
            bytes((VERSION,)),
            _COUNTS.pack(bits, len(complete), len(packs), count),
            b"".join(complete),
            b"".join([_PACK.pack(*ref) for ref in packs]),
            b"".join([_BUCKET.pack(end, checksum) for end, checksum in _buckets(view, count, bits)]),
        )
    )


def _buckets(rows: memoryview, count: int, bits: int) -> Iterator[tuple[int, int]]:
    """The number of rows up to the end of each bucket, and the checksum of its rows."""

    def bucket(at: int) -> int:
        return _bucket_number(rows[at * ROW_SIZE : at * ROW_SIZE + 4], bits)

    end = 0
    for number in range(1 << bits):
        start, end = end, bisect_right(range(count), number, lo=end, key=bucket)
        yield end, xxh3_64_intdigest(rows[start * ROW_SIZE : end * ROW_SIZE])


def name_of(content: bytes | memoryview) -> Oid:
    """The name of an index with these bytes. Raises CorruptError."""
    view = memoryview(content)
    return Oid.of(view if is_version_1(view) else view[: head_size(view)])


def is_version_1(content: bytes | memoryview) -> bool:
    """Does `content` start an index of version 1, which is only read as a whole?"""
    return bytes(content[: len(MAGIC) + 1]) == MAGIC + b"\x01"


def head_size(content: bytes | memoryview) -> int:
    """The size of the head of an index that starts with `content`, at least FIXED_SIZE bytes of it.

    Raises CorruptError unless it is an index of this version.
    """
    cursor = Cursor(content, "index")
    cursor.expect(MAGIC, VERSION)
    bits, roots, packs, rows = cursor.unpack(_COUNTS)
    if bits != _bits(rows):
        raise CorruptError("an index with a wrong number of buckets")
    return FIXED_SIZE + OID_SIZE * roots + _PACK.size * packs + (_BUCKET.size << bits)


def decode_head(content: bytes | memoryview) -> IndexHead:
    """Decode a head. Raises CorruptError."""
    size = head_size(content)
    cursor = Cursor(content, "index")
    cursor.expect(MAGIC, VERSION)
    bits, root_count, pack_count, rows = cursor.unpack(_COUNTS)
    roots = _decode_roots(cursor, root_count)
    packs = _decode_packs(cursor, pack_count)
    table = list(_BUCKET.iter_unpack(cursor.take(_BUCKET.size << bits)))
    cursor.finish()
    buckets = []
    before = 0
    for end, checksum in table:
        if end < before:
            raise CorruptError("an index whose buckets are not sorted")
        buckets.append(Bucket(size + before * ROW_SIZE, (end - before) * ROW_SIZE, checksum))
        before = end
    if before != rows:
        raise CorruptError("an index whose buckets do not hold all rows")
    return IndexHead(roots, packs, tuple(buckets), Oid.of(content), size, rows, bytes(content))


def decode_bucket(head: IndexHead, number: int, content: bytes | memoryview) -> list[IndexRow]:
    """Decode the rows of the bucket `number`. Raises CorruptError unless they match `head`."""
    bucket = head.buckets[number]
    if len(content) != bucket.size or xxh3_64_intdigest(content) != bucket.checksum:
        raise CorruptError("a damaged index", why=f"bucket {number} does not match its checksum")
    rows = _decode_rows(content)
    _check_rows(rows, head.packs)
    if any(head.bucket_of(row.oid) != number for row in rows[:1] + rows[-1:]):  # they are sorted
        raise CorruptError("an index with an object in a wrong bucket")
    return rows


def decode(content: bytes | memoryview) -> RemoteIndex:
    """The index that `content` encodes. Raises CorruptError for anything that `encode` would not have written."""
    view = memoryview(content)
    if is_version_1(view):
        return _decode_version_1(view)
    size = head_size(view)
    if size > len(view):
        raise CorruptError("a truncated index", why=f"{size} bytes expected, {len(view)} found")
    head = decode_head(view[:size])
    if len(view) != head.total:
        raise CorruptError("a truncated index", why=f"{head.total} bytes expected, {len(view)} found")
    rows: list[IndexRow] = []
    for number, bucket in enumerate(head.buckets):
        rows += decode_bucket(head, number, view[bucket.start : bucket.start + bucket.size])
    return RemoteIndex(head.roots, head.packs, tuple(rows))


def decode_named(name: Oid, content: bytes | memoryview) -> RemoteIndex:
    """Decode the index `name`. Raises CorruptError unless the name matches."""
    if name_of(content) != name:
        raise CorruptError("a damaged index", why="its bytes do not match its name")
    return decode(content)


def _bits(rows: int) -> int:
    """The number of bits of an oid that choose the bucket, in an index with this number of rows."""
    bits = 0
    while rows > BUCKET_ROWS << bits:
        bits += 1
    return bits


def _bucket_number(oid: bytes | memoryview, bits: int) -> int:
    return int.from_bytes(oid[:4], "big") >> 32 - bits


def _decode_version_1(content: memoryview) -> RemoteIndex:
    """Decode version 1: it has a fan-out table instead of buckets, and only the whole can be verified."""
    cursor = Cursor(content, "index")
    cursor.expect(MAGIC, 1)
    root_count, pack_count, row_count = cursor.unpack(_COUNTS_1)
    roots = _decode_roots(cursor, root_count)
    packs = _decode_packs(cursor, pack_count)
    fanout = unpack(f"<{_FANOUT_1}I", cursor.take(4 * _FANOUT_1))
    rows = _decode_rows(cursor.take(ROW_SIZE * row_count))
    cursor.finish()
    _check_rows(rows, packs)
    firsts = [row.oid[0] for row in rows]
    if any(fanout[byte] != bisect_right(firsts, byte) for byte in range(_FANOUT_1)):
        raise CorruptError("an index with a wrong fan-out table")
    return RemoteIndex(roots, packs, tuple(rows))


def _decode_roots(cursor: Cursor, count: int) -> tuple[Oid, ...]:
    roots = tuple(cursor.oids(count))
    if any(a >= b for a, b in pairwise(roots)):
        raise CorruptError("an index whose roots are not sorted")
    return roots


def _decode_packs(cursor: Cursor, count: int) -> tuple[PackRef, ...]:
    packs = tuple(PackRef(Oid(name), size) for name, size in _PACK.iter_unpack(cursor.take(_PACK.size * count)))
    if any(a.name >= b.name for a, b in pairwise(packs)):
        raise CorruptError("an index whose packs are not sorted")
    if any(ref.size > SIZE_MAX for ref in packs):
        raise CorruptError("an index with a pack larger than any disk")
    return packs


def _decode_rows(content: bytes | memoryview) -> list[IndexRow]:
    try:
        return [
            IndexRow(Oid(oid), number, _KINDS[kind], _CODECS[codec], offset, raw, stored)
            for oid, number, kind, codec, offset, raw, stored in _ROW.iter_unpack(content)
        ]
    except IndexError:
        raise NewerVersionError("an index with an object of an unknown kind or codec") from None


def _check_rows(rows: Sequence[IndexRow], packs: Sequence[PackRef]) -> None:
    if any(a.oid >= b.oid for a, b in pairwise(rows)):
        raise CorruptError("an index whose objects are not sorted")
    for row in rows:
        if row.pack >= len(packs) or row.offset < len(HEADER) or row.end > packs[row.pack].size:
            raise CorruptError(f"an index that places object {row.oid.short} outside of its pack")
        if row.raw_size > SIZE_MAX:
            raise CorruptError(f"an index with object {row.oid.short}, larger than any disk")
