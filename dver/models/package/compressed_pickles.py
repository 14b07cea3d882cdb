"""Compressed pickles, as joblib writes them, as files to read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from typing import IO, Any, Final, cast

_PIECE: Final = 1 << 18


def decompressed(file: IO[bytes]) -> IO[bytes] | None:
    """`file` without its compression; None if it has none that is known. Reads raise `DecompressionErrors`."""
    start = file.read(6)
    file.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    if start.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if start.startswith((b"\xfd7zXZ\x00", b"\x5d\x00\x00")):
        return lzma.LZMAFile(file)
    if start[:1] == b"\x78" and len(start) > 1 and int.from_bytes(start[:2], "big") % 31 == 0:
        return io.BufferedReader(_ZlibFile(file))
    return None


DecompressionErrors: Final = (zlib.error, lzma.LZMAError, EOFError, OSError)


class _ZlibFile(io.RawIOBase):
    """Reads a stream of zlib. It can only be rewound to its start."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._stream = zlib.decompressobj()
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._stream.eof:
            compressed = self._stream.unconsumed_tail or self._file.read(_PIECE)
            content = self._stream.decompress(compressed, len(buffer))
            if content:
                buffer[: len(content)] = content
                self._at += len(content)
                return len(content)
            if not compressed:
                break
        return 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and offset == 0:
            self._file.seek(0)
            self._stream = zlib.decompressobj()
            self._at = 0
        elif (whence, offset) != (io.SEEK_CUR, 0):
            raise io.UnsupportedOperation("seek")
        return self._at

    def tell(self) -> int:
        return self._at
