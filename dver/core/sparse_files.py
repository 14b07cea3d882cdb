"""Writing sparse files: long runs of zeros become holes, which need no disk space."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

_BLOCK: Final = 64 << 10
"""The smallest hole. File systems have blocks of 4 KiB and more."""
_ZEROS: Final = bytes(_BLOCK)


def write_sparsely(fd: int, pieces: Iterable[bytes]) -> None:
    """Write `pieces` to the new, empty file `fd`, and skip long runs of zeros."""
    size = written = 0
    for piece in pieces:
        for start, end in _runs_of_data(piece):
            _write_all(fd, memoryview(piece)[start:end], size + start)
            written = size + end
        size += len(piece)
    if written < size:  # it ends with a hole
        os.ftruncate(fd, size)


def _runs_of_data(piece: bytes) -> Iterator[tuple[int, int]]:
    """The start and the end of each run that is not zeros."""
    start = 0
    for at in range(0, len(piece), _BLOCK):
        # The first byte rules out most blocks.
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
