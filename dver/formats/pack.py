"""Packs: one file that holds many objects as frames (docs/format/pack.md).

    header   magic, version
    frame    kind, codec, sizes, oid, checksum, then the payload      (repeated)
    footer   one row a frame, sorted by oid
    trailer  length and BLAKE3 of the footer, magic

The pack's name is the BLAKE3 of its footer. The footer has the oid and checksum of each frame, so the name verifies
all of it, and a client that read only the footer, by range, can already check it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise
from struct import Struct
from typing import Final, NamedTuple

from xxhash import xxh3_64, xxh3_64_intdigest

from dver.core.errors import CorruptError, NewerVersionError
from dver.core.oid import Oid
from dver.formats.cursor import SIZE_MAX, Cursor

MAGIC: Final = b"DVERPACK"
FOOTER_MAGIC: Final = b"DVFT"
TRAILER_MAGIC: Final = b"DVERPEND"
VERSION: Final = 1
HEADER: Final = MAGIC + bytes((VERSION,)) + bytes(7)
"""The first 16 bytes of every pack."""

TARGET_SIZE: Final = 32 << 20
"""The size in bytes at which a pack is closed."""
IN_MEMORY_MAX: Final = 64 << 20
"""Bytes of the largest unchunked object, which is held in memory. Larger blobs are chunked."""
RECIPE_MAX: Final = 256 << 20
"""Bytes of the largest recipe."""

_FRAME: Final = Struct("<2sBBQQ32sQ")
_FRAME_FIELDS: Final = Struct("<2sBBQQ32s")
_FRAME_MAGIC: Final = b"FR"
_ROW: Final = Struct("<32sBBQQQQ")
_COUNT: Final = Struct("<I")
_TRAILER: Final = Struct("<Q32s8s")

FRAME_HEADER_SIZE: Final = _FRAME.size
FIELDS_SIZE: Final = _FRAME_FIELDS.size
"""Bytes of a frame's header before its checksum."""
TRAILER_SIZE: Final = _TRAILER.size
ROW_SIZE: Final = _ROW.size


class ObjectKind(IntEnum):
    """The kind of an object. The numbers are written to disk."""

    BLOB = 0
    TREE = 1


class Codec(IntEnum):
    """The encoding of an object in a payload. The numbers are written to disk."""

    RAW = 0
    ZSTD = 1
    CHUNKED = 2
    """The payload is a recipe (docs/format/recipe.md): the object consists of its chunks."""


class Row(NamedTuple):
    """The row of a frame in the footer. `offset` is the offset of its header; sizes are in bytes."""

    oid: Oid
    kind: ObjectKind
    codec: Codec
    offset: int
    raw_size: int
    stored_size: int
    checksum: int

    @property
    def frame_size(self) -> int:
        """Header and payload."""
        return FRAME_HEADER_SIZE + self.stored_size

    @property
    def end(self) -> int:
        """The offset of the next frame."""
        return self.offset + FRAME_HEADER_SIZE + self.stored_size


_KINDS: Final = tuple(ObjectKind)
_CODECS: Final = tuple(Codec)


def frame_header(oid: Oid, kind: ObjectKind, codec: Codec, raw_size: int, payload: bytes) -> tuple[bytes, int]:
    """The header for `payload`, and its checksum: XXH3-64 of the payload and the other fields."""
    fields = _FRAME_FIELDS.pack(_FRAME_MAGIC, kind, codec, raw_size, len(payload), oid)
    checksum = xxh3_64_intdigest(payload + fields)
    return fields + checksum.to_bytes(8, "little"), checksum


def frame_fields(row: Row) -> bytes:
    """The header of the frame that `row` describes, up to the checksum."""
    return _FRAME_FIELDS.pack(_FRAME_MAGIC, row.kind, row.codec, row.raw_size, row.stored_size, row.oid)


def frame_header_bytes(row: Row) -> bytes:
    """The header of the frame that `row` describes."""
    return _FRAME.pack(_FRAME_MAGIC, row.kind, row.codec, row.raw_size, row.stored_size, row.oid, row.checksum)


def decode_frame_header(content: bytes | memoryview, offset: int) -> Row:
    """The row of the frame with the header `content` at `offset`."""
    if len(content) != FRAME_HEADER_SIZE:
        raise CorruptError("a truncated frame")
    magic, kind, codec, raw_size, stored_size, oid, checksum = _FRAME.unpack(content)
    if magic != _FRAME_MAGIC:
        raise CorruptError("not a frame", why=f"no frame begins at byte {offset}")
    try:
        return Row(Oid(oid), _KINDS[kind], _CODECS[codec], offset, raw_size, stored_size, checksum)
    except IndexError:
        raise NewerVersionError(f"an object of the unknown kind {kind} or codec {codec}") from None


def check_frame(row: Row, frame: bytes | memoryview) -> memoryview:
    """The payload of `frame`. Verifies its header by `row`, and its checksum."""
    view = memoryview(frame)
    header, payload = frame_header_bytes(row), view[FRAME_HEADER_SIZE:]
    if len(payload) != row.stored_size or view[:FRAME_HEADER_SIZE] != header:
        raise CorruptError(
            f"a damaged frame of object {row.oid.short}", why="its header differs from the pack's footer"
        )
    summed = xxh3_64(payload)
    summed.update(header[:FIELDS_SIZE])
    if summed.intdigest() != row.checksum:
        raise CorruptError(f"a damaged frame of object {row.oid.short}", why="its checksum does not match its bytes")
    return payload


def fits_in_memory(codec: Codec, raw_size: int, stored_size: int) -> bool:
    """Do a frame and its object fit in memory? Others are never written, and are refused."""
    if codec is Codec.CHUNKED:
        return stored_size <= RECIPE_MAX
    return raw_size <= IN_MEMORY_MAX and stored_size <= IN_MEMORY_MAX


def encode_footer(rows: Sequence[Row]) -> bytes:
    """The footer of a pack with `rows`, in any order."""
    body = b"".join([_ROW.pack(*row) for row in sorted(rows)])
    return FOOTER_MAGIC + bytes((VERSION,)) + _COUNT.pack(len(rows)) + body


def encode_trailer(footer: bytes) -> bytes:
    """The trailer after `footer`, at the end of the file."""
    return _TRAILER.pack(len(footer), Oid.of(footer), TRAILER_MAGIC)


def decode_trailer(content: bytes | memoryview) -> tuple[int, Oid]:
    """The length of the footer in bytes, and its BLAKE3, which is the name of the pack."""
    if len(content) != TRAILER_SIZE:
        raise CorruptError("a truncated pack")
    length, name, magic = _TRAILER.unpack(content)
    if magic != TRAILER_MAGIC:
        raise CorruptError("not a pack, or a truncated one", why="it does not end with the trailer of a pack")
    return length, Oid(name)


def decode_footer(content: bytes | memoryview) -> list[Row]:
    """The rows of a footer, sorted by oid. Frames must fill the pack without gaps or overlaps."""
    cursor = Cursor(content, "pack footer")
    cursor.expect(FOOTER_MAGIC, VERSION)
    (count,) = cursor.unpack(_COUNT)
    body = cursor.take(count * ROW_SIZE)
    cursor.finish()
    try:
        rows = [
            Row(Oid(oid), _KINDS[kind], _CODECS[codec], offset, raw, stored, checksum)
            for oid, kind, codec, offset, raw, stored, checksum in _ROW.iter_unpack(body)
        ]
    except IndexError:
        raise NewerVersionError("a pack with an object of an unknown kind or codec") from None
    if any(a.oid >= b.oid for a, b in pairwise(rows)):
        raise CorruptError("a pack footer that is not sorted")
    end = len(HEADER)
    for row in sorted(rows, key=lambda row: row.offset):
        if row.offset != end:
            raise CorruptError("a pack footer whose frames do not follow one another")
        if row.raw_size > SIZE_MAX or row.end > SIZE_MAX:
            raise CorruptError(f"object {row.oid.short} is larger than any disk")
        if not fits_in_memory(row.codec, row.raw_size, row.stored_size):
            raise NewerVersionError(f"object {row.oid.short} does not fit in memory, and is not chunked")
        if row.codec is Codec.RAW and row.raw_size != row.stored_size:
            raise CorruptError(f"object {row.oid.short} has two different sizes")
        end = row.end
    return rows


def check_header(content: bytes | memoryview) -> None:
    """Read the first 16 bytes of a pack. Raises CorruptError."""
    cursor = Cursor(content, "pack")
    cursor.expect(MAGIC, VERSION)
