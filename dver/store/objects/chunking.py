"""Cutting content into chunks at places that depend on the content (docs/decisions/chunker.md)."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyfastcdc import FastCDC

MINIMUM: Final = 64 << 10
AVERAGE: Final = 256 << 10
MAXIMUM: Final = 1 << 20
_NORMALISED: Final = 2
"""How close sizes are to the average. Changing one of these four ends deduplication with existing data."""

_BUFFERED: Final = 8 << 20


def cut(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks of the content in `pieces`. The sizes of the pieces do not matter.

    Only the last chunk may be smaller than MINIMUM. Empty content has no chunk. Memory: 8 MiB and the largest piece.
    """
    from pyfastcdc import FastCDC  # takes 40 ms, and only large files need it

    cutter = FastCDC(AVERAGE, min_size=MINIMUM, max_size=MAXIMUM, normalized_chunking=_NORMALISED)
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        if len(buffer) >= _BUFFERED:
            buffer = yield from _emit(cutter, buffer, MAXIMUM)
    yield from _emit(cutter, buffer, 0)


def _emit(cutter: FastCDC, buffer: bytearray, rest: int) -> Generator[bytes, None, bytearray]:
    """All chunks that begin more than `rest` bytes before the end: their ends cannot move. Returns the rest."""
    at = 0
    for chunk in cutter.cut_buf(buffer):
        if len(buffer) - chunk.offset <= rest:
            break
        yield bytes(chunk.data)
        at = chunk.offset + chunk.length
    return bytearray(memoryview(buffer)[at:])
