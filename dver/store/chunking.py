"""Cutting content into chunks where the content says so."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Final

from pyfastcdc import FastCDC

MINIMUM: Final = 64 << 10
AVERAGE: Final = 256 << 10
MAXIMUM: Final = 1 << 20
_BUFFERED: Final = 8 << 20


def cut(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks of the content that `pieces` make up. Where they are cut does not depend on the pieces."""
    cutter = FastCDC(avg_size=AVERAGE, min_size=MINIMUM, max_size=MAXIMUM)
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        if len(buffer) >= _BUFFERED:
            buffer = yield from _emit(cutter, buffer, MAXIMUM)
    yield from _emit(cutter, buffer, 0)


def _emit(cutter: FastCDC, buffer: bytearray, rest: int) -> Generator[bytes, None, bytearray]:
    at = 0
    for chunk in cutter.cut_buf(buffer):
        if len(buffer) - chunk.offset <= rest:
            break
        yield bytes(chunk.data)
        at = chunk.offset + chunk.length
    return bytearray(memoryview(buffer)[at:])
