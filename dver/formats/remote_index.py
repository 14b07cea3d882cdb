"""Index objects: what one push put on a remote (docs/format/index.md).

An index lists packs, the objects in them, and the roots that are complete on the remote now that those packs are
there. It is written last, so what it lists can be relied on. Its name on the remote is the BLAKE3 of its bytes.

    head      magic, version, counts
    roots     32 bytes each, sorted
    packs     name and size in bytes, sorted by name
    fan-out   256 × u32: rows whose oid begins with a byte of at most i
    rows      62 bytes each, sorted by oid
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from struct import Struct, pack, unpack
from typing import Final, NamedTuple

from dver.core.errors import CorruptError
from dver.core.oid import SIZE as OID_SIZE
from dver.core.oid import Oid
from dver.formats.pack import FRAME_HEADER_SIZE, HEADER, Codec, ObjectKind
from dver.formats.reading import SIZE_MAX, Cursor

MAGIC: Final = b"DVIX"
VERSION: Final = 1

_HEAD: Final = Struct("<III")
_PACK: Final = Struct("<32sQ")
_ROW: Final = Struct("<32sIBBQQQ")
_FANOUT: Final = 256
_KINDS: Final = tuple(ObjectKind)
_CODECS: Final = tuple(Codec)


class PackRef(NamedTuple):
    """A pack on the remote: its name and its size in bytes."""

    name: Oid
    size: int


class Location(NamedTuple):
    """Where an object lies on the remote: `pack` counts in the index's packs, the rest is as in a pack's footer."""

    oid: Oid
    pack: int
    kind: ObjectKind
    codec: Codec
    offset: int
    raw_size: int
    stored_size: int

    @property
    def end(self) -> int:
        """Where the frame ends in its pack."""
        return self.offset + FRAME_HEADER_SIZE + self.stored_size


@dataclass(frozen=True, slots=True)
class RemoteIndex:
    """The content of one index object."""

    roots: tuple[Oid, ...]
    packs: tuple[PackRef, ...]
    objects: tuple[Location, ...]


def encode(roots: Sequence[Oid], packs: Sequence[PackRef], objects: Sequence[Location]) -> bytes:
    """The bytes of an index. `packs` must be sorted by name, since `objects` count in them."""
    rows = sorted(objects)
    complete = sorted(set(roots))
    firsts = [row.oid[0] for row in rows]
    return b"".join(
        (
            MAGIC,
            bytes((VERSION,)),
            _HEAD.pack(len(complete), len(packs), len(rows)),
            b"".join(complete),
            b"".join([_PACK.pack(*ref) for ref in packs]),
            pack(f"<{_FANOUT}I", *[bisect_right(firsts, byte) for byte in range(_FANOUT)]),
            b"".join([_ROW.pack(*row) for row in rows]),
        )
    )


def decode(content: bytes | memoryview) -> RemoteIndex:
    """The index that `content` encodes. Raises CorruptError for anything that `encode` would not have written."""
    cursor = Cursor(content, "index")
    cursor.expect(MAGIC, VERSION)
    root_count, pack_count, row_count = cursor.unpack(_HEAD)
    roots = _decode_roots(cursor, root_count)
    packs = tuple(PackRef(Oid(name), size) for name, size in _PACK.iter_unpack(cursor.take(_PACK.size * pack_count)))
    fanout = unpack(f"<{_FANOUT}I", cursor.take(4 * _FANOUT))
    body = cursor.take(_ROW.size * row_count)
    cursor.finish()
    try:
        rows = tuple(
            [
                Location(Oid(oid), number, _KINDS[kind], _CODECS[codec], offset, raw, stored)
                for oid, number, kind, codec, offset, raw, stored in _ROW.iter_unpack(body)
            ]
        )
    except IndexError:
        raise CorruptError("an index with an object of an unknown kind or codec", fix="upgrade dver") from None
    _check(roots, packs, rows, fanout)
    return RemoteIndex(roots, packs, rows)


def _decode_roots(cursor: Cursor, count: int) -> tuple[Oid, ...]:
    column = bytes(cursor.take(OID_SIZE * count))
    return tuple(Oid(column[at : at + OID_SIZE]) for at in range(0, len(column), OID_SIZE))


def _check(
    roots: tuple[Oid, ...], packs: tuple[PackRef, ...], rows: tuple[Location, ...], fanout: tuple[int, ...]
) -> None:
    if any(a >= b for a, b in pairwise(roots)) or any(a.name >= b.name for a, b in pairwise(packs)):
        raise CorruptError("an index whose roots or packs are not sorted")
    if any(ref.size > SIZE_MAX for ref in packs):
        raise CorruptError("an index with a pack larger than any disk")
    if any(a.oid >= b.oid for a, b in pairwise(rows)):
        raise CorruptError("an index whose objects are not sorted")
    for row in rows:
        if row.pack >= len(packs) or row.offset < len(HEADER) or row.end > packs[row.pack].size:
            raise CorruptError(f"an index that places object {row.oid} outside of its pack")
        if row.raw_size > SIZE_MAX:
            raise CorruptError(f"an index with object {row.oid}, larger than any disk")
    firsts = [row.oid[0] for row in rows]
    if any(fanout[byte] != bisect_right(firsts, byte) for byte in range(_FANOUT)):
        raise CorruptError("an index with a wrong fan-out table")
