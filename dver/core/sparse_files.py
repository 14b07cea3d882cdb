"""Writing files that keep holes: where the content is zeros, a file system with sparse files need not store it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

_BLOCK: Final = 64 << 10
"""Zeros that are worth a hole. File systems have blocks of 4 KiB and more."""
_ZEROS: Final = bytes(_BLOCK)


def write_sparsely(fd: int, pieces: Iterable[bytes]) -> None:
    """Write `pieces` to the new, empty file `fd`, and leave out long runs of zeros."""
    size = 0
    for piece in pieces:
        for start, end in _runs_of_data(piece):
            _write_all(fd, memoryview(piece)[start:end], size + start)
        size += len(piece)
    os.ftruncate(fd, size)


def _runs_of_data(piece: bytes) -> Iterator[tuple[int, int]]:
    """Where what is to be written begins and ends."""
    start = 0
    for at in range(0, len(piece), _BLOCK):
        # Most blocks are told apart by their first byte.
        if not piece[at] and piece[at : at + _BLOCK] == _ZEROS:
            if start < at:
                yield start, at
            start = at + _BLOCK
    if start < len(piece):
        yield start, len(piece)


def _write_all(fd: int, view: memoryview, offset: int) -> None:
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written
