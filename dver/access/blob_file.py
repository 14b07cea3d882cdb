"""Tracked files as Python's file objects: seekable, with read-ahead while they are read in order."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_FIRST: Final = 64 << 10
_MOST: Final = 16 << 20

ReadRange = Callable[[int, int], bytes]
"""Reads a number of bytes from an offset."""


class BlobFile(io.RawIOBase):
    """A read-only file of `size` bytes, read through `read_range`.

    Reads in order request more and more bytes, up to 16 MiB; a read elsewhere starts small again. `read_whole` reads a
    file that is wanted as a whole, and verifies it. For one thread.
    """

    def __init__(
        self, read_range: ReadRange, size: int, name: str, read_whole: Callable[[], bytes] | None = None
    ) -> None:
        super().__init__()
        self.name: Final = name
        self._read_range = read_range
        self._read_whole = read_whole
        self._size = size
        self._position = 0
        self._window = _FIRST
        self._buffer = b""
        self._buffer_start = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._check_open()
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative position {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, target: WriteableBuffer, /) -> int:
        self._check_open()
        view = memoryview(target).cast("B")
        content = self._next(len(view))
        view[: len(content)] = content
        return len(content)

    def readall(self) -> bytes:
        self._check_open()
        if self._position == 0 and self._read_whole is not None:
            content = self._read_whole()
        else:
            content = self._read_range(self._position, max(0, self._size - self._position))
        self._position += len(content)
        return content

    def _next(self, length: int) -> bytes:
        offset = self._position - self._buffer_start
        if not 0 <= offset < len(self._buffer):
            in_order = offset == len(self._buffer) and self._buffer
            self._window = min(self._window * 2, _MOST) if in_order else _FIRST
            self._buffer = self._read_range(self._position, max(self._window, length))
            self._buffer_start, offset = self._position, 0
        content = self._buffer[offset : offset + length]
        self._position += len(content)
        return content

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on a closed file")
