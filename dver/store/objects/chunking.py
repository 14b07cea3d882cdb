"""Cutting content into chunks where the content says so (docs/decisions/chunker.md)."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyfastcdc import FastCDC

MINIMUM: Final = 64 << 10
AVERAGE: Final = 256 << 10
MAXIMUM: Final = 1 << 20
_NORMALISED: Final = 2
"""How strongly sizes keep to the average. Changing any of these four ends deduplication against all that is stored."""

_BUFFERED: Final = 8 << 20


def cut(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks of the content that `pieces` make up. Where they are cut does not depend on the pieces.

    Only the last one may be smaller than MINIMUM. No content is no chunk. Memory: 8 MiB and the largest piece.
    """
    from pyfastcdc import FastCDC  # takes 40 ms, which no command pays that meets no large file

    cutter = FastCDC(AVERAGE, min_size=MINIMUM, max_size=MAXIMUM, normalized_chunking=_NORMALISED)
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        if len(buffer) >= _BUFFERED:
            buffer = yield from _emit(cutter, buffer, MAXIMUM)
    yield from _emit(cutter, buffer, 0)


def _emit(cutter: FastCDC, buffer: bytearray, rest: int) -> Generator[bytes, None, bytearray]:
    """All chunks that begin more than `rest` bytes before the end: their ends cannot move. Returns what is left."""
    at = 0
    for chunk in cutter.cut_buf(buffer):
        if len(buffer) - chunk.offset <= rest:
            break
        yield bytes(chunk.data)
        at = chunk.offset + chunk.length
    return bytearray(memoryview(buffer)[at:])
