"""Encoding an object for a frame, and getting it back: compressed where a sample says that it pays."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from io import RawIOBase
from typing import IO, Final, cast

import zstandard
from blake3 import blake3
from xxhash import xxh3_64

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats.pack import FIELDS_SIZE, FRAME_HEADER_SIZE, Codec, Row, checksum_of, frame_fields

LEVEL: Final = 3
"""zstd's own default: on text it gives most of what higher levels give, at hundreds of MB/s."""
SAMPLE_SIZE: Final = 1024
"""Bytes of the middle of an object that are compressed to see whether the whole is worth it."""
PAYS: Final = 0.9
"""A payload is kept compressed if it is at most this fraction of the raw size."""
STREAM_PIECE: Final = 4 << 20

_FASTEST: Final = -3
_UNKNOWN: Final = -1
"""The content size of a zstd frame that was written as a stream: then `max_output_size` is the limit."""


class Encoder:
    """Encodes contents, one after the other. Keeps its compressors, which cost more to make than to use."""

    def __init__(self) -> None:
        self._sampler = zstandard.ZstdCompressor(level=_FASTEST, write_content_size=False)
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)

    def pays(self, content: bytes) -> bool:
        """Does a sample of `content` compress?"""
        middle = len(content) // 2
        sample = content[max(0, middle - SAMPLE_SIZE // 2) : middle + SAMPLE_SIZE // 2]
        return len(sample) > 64 and len(self._sampler.compress(sample)) <= PAYS * len(sample)

    def encode(self, content: bytes) -> tuple[Codec, bytes]:
        """The codec to use for `content`, and the payload."""
        if self.pays(content):
            packed = self._compressor.compress(content)
            if len(packed) <= PAYS * len(content):
                return Codec.ZSTD, packed
        return Codec.RAW, content


class Decoder:
    """Decodes payloads, one after the other, and vouches for what it returns."""

    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor()

    def decode(self, row: Row, payload: bytes | memoryview) -> bytes:
        """The object of `row`. Raises CorruptError unless it has the promised size and hash."""
        content = bytes(payload) if row.codec is Codec.RAW else self._decompress(row, payload)
        if len(content) != row.raw_size or blake3(content).digest() != row.oid:
            raise corrupt(row.oid)
        return content

    def open_frame(self, row: Row, frame: bytes | memoryview) -> tuple[Row, bytes]:
        """The row with the frame's checksum, and the object, of the whole frame that `row` (checksum 0) describes.

        Everything is compared: header, XXH3, sizes and BLAKE3, so that the frame may be passed on. Raises CorruptError.
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
        oid, kind, codec, offset, raw_size, stored_size, _ = row
        checked = Row(oid, kind, codec, offset, raw_size, stored_size, int.from_bytes(stated, "little"))
        return checked, self.decode(row, payload)

    def verified_payload(self, row: Row, payload: Iterator[bytes]) -> Iterator[bytes]:
        """The `payload` of a large frame piece by piece as it is, decoded and compared on the way.

        The check comes after the last piece: what was yielded must be thrown away if this raises CorruptError.
        """
        passing: deque[bytes] = deque()
        summed = xxh3_64()
        seen = 0

        def watched() -> Iterator[bytes]:
            nonlocal seen
            for piece in payload:
                seen += len(piece)
                summed.update(piece)
                passing.append(piece)
                yield piece

        for _ in self.decode_stream(row, watched()):
            while passing:
                yield passing.popleft()
        yield from passing
        if seen != row.stored_size or checksum_of(row, summed) != row.checksum:
            raise corrupt(row.oid)

    def _decompress(self, row: Row, payload: bytes | memoryview) -> bytes:
        # The size in zstd's own header decides what zstd allocates: it has to be the one that was promised.
        try:
            if zstandard.frame_content_size(payload) not in (row.raw_size, _UNKNOWN):
                raise corrupt(row.oid)
            return self._decompressor.decompress(payload, max_output_size=row.raw_size)
        except zstandard.ZstdError:
            raise corrupt(row.oid) from None

    def decode_stream(self, row: Row, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same piece by piece, for objects too large for memory.

        The check comes with the last piece: what was yielded must be thrown away if this raises.
        """
        hasher = blake3(max_threads=blake3.AUTO)
        seen = 0
        for piece in pieces if row.codec is Codec.RAW else self._decompress_stream(row, pieces):
            seen += len(piece)
            if seen > row.raw_size:
                raise corrupt(row.oid)
            hasher.update(piece)
            yield piece
        if seen != row.raw_size or hasher.digest() != row.oid:
            raise corrupt(row.oid)

    def _decompress_stream(self, row: Row, pieces: Iterator[bytes]) -> Iterator[bytes]:
        reader = self._decompressor.stream_reader(cast(IO[bytes], _Readable(pieces)), read_size=STREAM_PIECE)
        try:
            while piece := reader.read(STREAM_PIECE):
                yield piece
        except zstandard.ZstdError:
            raise corrupt(row.oid) from None


class _Readable(RawIOBase):
    """An iterator of bytes, as the file object that zstandard reads from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        taken = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(taken) :]
        return taken


def corrupt(oid: Oid) -> CorruptError:
    """The error for an object whose bytes are not those that its oid names."""
    return CorruptError(
        f"object {oid} is damaged",
        why="its bytes do not match its hash: the disk, the network or a program changed them",
        fix="`dver pull` replaces it by a good copy from the remote",
    )
