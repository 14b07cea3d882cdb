"""Encoding objects for frames, and decoding them. A sample decides about compression."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import zstandard
from blake3 import blake3
from xxhash import xxh3_64

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.hashing import large_hash
from dver.core.oid import Oid
from dver.core.phrasing import quoted
from dver.formats import recipe
from dver.formats.pack import FIELDS_SIZE, FRAME_HEADER_SIZE, IN_MEMORY_MAX, Codec, ObjectKind, Row, frame_fields
from dver.formats.recipe import Recipe

LEVEL: Final = 3
"""zstd's own default: on text it gives most of what higher levels give, at hundreds of MB/s."""
SAMPLES: Final = 8
SAMPLE_SIZE: Final = 1024
"""SAMPLES pieces of SAMPLE_SIZE bytes of an object are compressed to estimate the gain. Objects of up to twice their
sum are compressed without a sample. See docs/decisions/compression.md."""
PROMISING: Final = 0.93
"""A sample that shrinks to at most this fraction is promising. The whole shrinks more, since its parts repeat."""
PAYS: Final = 0.9
"""A payload is stored compressed if it is at most this fraction of the raw size."""

_SAMPLE_LEVEL: Final = 1
_UNKNOWN: Final = -1
"""The content size of a zstd frame that was written as a stream. `max_output_size` limits it."""


class Encoder(threading.local):
    """Encodes contents. Each thread keeps its compressors, which are slow to create."""

    def __init__(self) -> None:
        self._sampler = zstandard.ZstdCompressor(level=_SAMPLE_LEVEL, write_content_size=False)
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)

    def promises(self, content: bytes) -> bool:
        """Does a sample of `content` shrink enough? Negative levels of zstd would not code the entropy of numbers."""
        if len(content) <= 2 * SAMPLES * SAMPLE_SIZE:
            return True
        step = (len(content) - SAMPLE_SIZE) // (SAMPLES - 1)
        sample = b"".join([content[at : at + SAMPLE_SIZE] for at in range(0, SAMPLES * step, step)])
        return len(self._sampler.compress(sample)) <= PROMISING * len(sample)

    def encode(self, content: bytes) -> tuple[Codec, bytes]:
        """The best codec for `content`, and the payload."""
        if self.promises(content):
            packed = self._compressor.compress(content)
            if len(packed) <= PAYS * len(content):
                return Codec.ZSTD, packed
        return Codec.RAW, content


class Decoder:
    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor()

    def decode(self, row: Row, payload: bytes | memoryview) -> bytes:
        """The object of `row`, which is not chunked. Raises CorruptError unless it has the stated size and hash."""
        content = bytes(payload) if row.codec is Codec.RAW else self._decompress(row, payload)
        if len(content) != row.raw_size or blake3(content).digest() != row.oid:
            raise corrupt(row.oid)
        return content

    def open_frame(self, row: Row, frame: bytes | memoryview) -> tuple[Row, bytes]:
        """Verify a whole `frame` that `row` (with checksum 0) describes. Raises CorruptError.

        Returns the row with the checksum of the frame, and the object, or the encoded recipe of a chunked one. Verifies
        header, XXH3, sizes and BLAKE3, so the frame may be copied. A recipe has the stated size; only assembling its
        chunks verifies its hash.
        """
        view = memoryview(frame)
        fields = frame_fields(row)
        payload = view[FRAME_HEADER_SIZE:]
        if view[:FIELDS_SIZE] != fields or len(payload) != row.stored_size:
            raise corrupt(row.oid)
        summed = xxh3_64(payload)
        summed.update(fields)
        stated = view[FIELDS_SIZE:FRAME_HEADER_SIZE]
        if summed.digest()[::-1] != stated:
            raise corrupt(row.oid)
        checked = row._replace(checksum=int.from_bytes(stated, "little"))
        if row.codec is Codec.CHUNKED:
            decode_recipe(row, payload)
            return checked, bytes(payload)
        return checked, self.decode(row, payload)

    def _decompress(self, row: Row, payload: bytes | memoryview) -> bytes:
        # The size in the header of zstd decides how much memory zstd allocates: it must be the stated one.
        try:
            if row.codec is not Codec.ZSTD or row.raw_size > IN_MEMORY_MAX:
                raise corrupt(row.oid)
            if zstandard.frame_content_size(payload) not in (row.raw_size, _UNKNOWN):
                raise corrupt(row.oid)
            return self._decompressor.decompress(payload, max_output_size=row.raw_size)
        except zstandard.ZstdError:
            raise corrupt(row.oid) from None


def decode_recipe(row: Row, payload: bytes | memoryview) -> Recipe:
    """The recipe in the frame of `row`. Raises CorruptError unless its blob has the stated size."""
    if row.codec is not Codec.CHUNKED or row.kind is not ObjectKind.BLOB:
        raise corrupt(row.oid)
    found = recipe.decode(payload)
    if found.size != row.raw_size:
        raise corrupt(row.oid)
    return found


def verified(oid: Oid, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """`pieces`, which make the object `oid`. Raises CorruptError at the end if they do not."""
    hasher = large_hash()
    for piece in pieces:
        hasher.update(piece)
        yield piece
    if hasher.digest() != oid:
        raise corrupt(oid)


def corrupt(oid: Oid) -> CorruptError:
    """The error for an object whose bytes do not match its oid."""
    return CorruptError(
        f"object {oid.short} is damaged",
        why="its bytes do not match its hash: the disk, the network or a program changed them",
        fix="`dver pull` replaces it by a good copy from the remote",
    )


def missing(oid: Oid, former: Path | None = None) -> MissingObjectError:
    """The error for an object that is not in the store. `former` is the store that this clone used before."""
    if former is not None:
        return MissingObjectError(
            f"object {oid.short} is not in the store",
            why=f"it may be in the previous store, {os.fspath(former)!r}",
            fix=f"dver fsck --repair --from {quoted(os.fspath(former))}   (or `dver fetch`, from the remote)",
        )
    return MissingObjectError(
        f"object {oid.short} is not in the store", why="it was never fetched, or it was removed", fix="`dver fetch`"
    )
