"""Reading and writing pack files."""

from __future__ import annotations

import errno
import os
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from dver.core.errors import CorruptError, LocalIOError
from dver.core.files import name_path
from dver.core.hashing import large_hash
from dver.core.oid import Oid
from dver.core.platform import blocks
from dver.formats import pack
from dver.formats.pack import Codec, ObjectKind, Row
from dver.store.objects.file_creation import ScratchDirectory

SUFFIX: Final = ".pack"
_BUFFER: Final = 1 << 20
_DAMAGED: Final = (errno.EIO, errno.EISDIR)
"""Errors of a read that count as a corrupt pack."""


def pack_file_name(name: Oid) -> str:
    """The file name of the pack called `name`."""
    return name.hex() + SUFFIX


def parse_pack_file_name(file_name: str) -> Oid | None:
    """The pack with this file name, or None for another file."""
    stem, suffix = os.path.splitext(file_name)
    return Oid.from_hex(stem) if suffix == SUFFIX else None


def list_packs(folder: Path) -> set[Oid]:
    """The packs in `folder`; none if it is missing."""
    with suppress(FileNotFoundError):
        return {name for name in map(parse_pack_file_name, os.listdir(folder)) if name is not None}
    return set()


class PackWriter:
    """Writes a pack to a temporary file in `scratch`."""

    def __init__(self, scratch: ScratchDirectory) -> None:
        self._scratch = scratch
        self.path, fd = scratch.create("pack")
        self._file: BinaryIO = open(fd, "wb", buffering=_BUFFER)  # noqa: SIM115 - closed by move_to and discard
        self._file.write(pack.HEADER)
        self.rows: list[Row] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        name_path(error, self.path.parent)
        self.discard()

    @property
    def size(self) -> int:
        """Bytes written so far, without the footer. A frame counts once its row is in `rows`."""
        return self.rows[-1].end if self.rows else len(pack.HEADER)

    def add(self, oid: Oid, kind: ObjectKind, codec: Codec, raw_size: int, payload: bytes) -> None:
        """Append an object with the encoded form `payload`."""
        header, checksum = pack.frame_header(oid, kind, codec, raw_size, payload)
        self._file.write(header)
        self._file.write(payload)
        self.rows.append(Row(oid, kind, codec, self.size, raw_size, len(payload), checksum))

    def add_frame(self, row: Row, frame: bytes | memoryview) -> None:
        """Append a verbatim frame of another pack. The caller has verified it."""
        self._file.write(frame)
        self.rows.append(row._replace(offset=self.size))

    def seal(self, *, durable: bool = True) -> Oid:
        """Write the footer and make the file durable. Returns the name of the pack. The file is still temporary."""
        footer = pack.encode_footer(self.rows)
        # An interrupted write may have left part of a frame after the last complete one.
        self._file.seek(self.size)
        self._file.truncate()
        self._file.write(footer)
        self._file.write(pack.encode_trailer(footer))
        self._file.flush()
        if durable:
            blocks.sync(self._file.fileno())
        return Oid.of(footer)

    def move_to(self, folder: Path, name: Oid) -> Path:
        """Move a sealed pack to its name in `folder`."""
        target = folder / pack_file_name(name)
        self._scratch.set_final_mode(self._file.fileno())
        try:
            self._scratch.move_into_place(self.path, target)
        except FileNotFoundError:
            raise LocalIOError(
                "a pack vanished while it was being written",
                why="nothing was written to it for a day, so another process cleared it as a leftover",
                fix="run the same command again",
            ) from None
        self._file.close()
        return target

    def discard(self) -> None:
        """Delete a pack that was not moved into place."""
        if not self._file.closed:
            self.path.unlink(missing_ok=True)
            with suppress(OSError):  # a full disk: the buffer cannot be flushed, and need not be
                self._file.close()


class ContentHash:
    """Computes the oid and the size of content in pieces."""

    def __init__(self) -> None:
        self._hash = large_hash()
        self.size = 0

    def update(self, piece: bytes | memoryview) -> None:
        self._hash.update(piece)
        self.size += len(piece)

    def oid(self) -> Oid:
        """The oid of all pieces so far."""
        return Oid(self._hash.digest())


def hashed(pieces: Iterable[bytes], content: ContentHash) -> Iterator[bytes]:
    """`pieces`, which `content` hashes as they pass."""
    for piece in pieces:
        content.update(piece)
        yield piece


class PackReader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDONLY)
        # Closed with the last reference. Not a file object, which refuses to open a directory.
        self._close = weakref.finalize(self, os.close, self._fd)

    def close(self) -> None:
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rows(self, name: Oid) -> list[Row]:
        """The rows of the footer. Raises CorruptError unless `name` is its hash."""
        size = os.fstat(self._fd).st_size
        tail = self.read(max(0, size - pack.TRAILER_SIZE), pack.TRAILER_SIZE)
        length, stated = pack.decode_trailer(tail)
        start = size - pack.TRAILER_SIZE - length
        if start < len(pack.HEADER):
            raise CorruptError("a truncated pack", why=f"{size} bytes cannot hold a footer of {length}")
        footer = self.read(start, length)
        if stated != name or Oid.of(footer) != name:
            raise CorruptError("a pack whose footer is damaged", why="its hash is not the pack's name")
        rows = pack.decode_footer(footer)
        if max((row.end for row in rows), default=len(pack.HEADER)) != start:
            raise CorruptError("a pack whose frames do not reach its footer")
        return rows

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; fewer if the pack is shorter, or the disk cannot read on."""
        try:
            return os.pread(self._fd, length, offset)
        except OSError as error:
            if error.errno not in _DAMAGED:
                raise
            return b""
