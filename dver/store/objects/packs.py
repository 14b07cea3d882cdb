"""Pack files on this machine: written once, then only read."""

from __future__ import annotations

import errno
import os
import weakref
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
"""What the system says where a pack is damaged, and another one may be good."""


def pack_file_name(name: Oid) -> str:
    """The file name of the pack called `name`."""
    return name.hex() + SUFFIX


def parse_pack_file_name(file_name: str) -> Oid | None:
    """The pack that a file of this name holds, or None if it is no pack."""
    stem, suffix = os.path.splitext(file_name)
    if suffix != SUFFIX or len(stem) != 64:
        return None
    with suppress(ValueError):
        return Oid(bytes.fromhex(stem))
    return None


class PackWriter:
    """A pack that is being written, in a temporary file of `scratch`."""

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
        """Bytes written so far, without the footer. A frame counts, and only then, once its row is in `rows`."""
        return self.rows[-1].end if self.rows else len(pack.HEADER)

    def add(self, oid: Oid, kind: ObjectKind, codec: Codec, raw_size: int, payload: bytes) -> None:
        """Append an object whose encoded form is `payload`."""
        header, checksum = pack.frame_header(oid, kind, codec, raw_size, payload)
        self._append(Row(oid, kind, codec, self.size, raw_size, len(payload), checksum), header, payload)

    def add_frame(self, row: Row, frame: bytes | memoryview) -> None:
        """Append a frame verbatim, as it stands in another pack. The caller has checked it."""
        oid, kind, codec, _, raw_size, stored_size, checksum = row
        self._file.write(frame)
        self.rows.append(Row(oid, kind, codec, self.size, raw_size, stored_size, checksum))

    def _append(self, row: Row, header: bytes | memoryview, payload: bytes | memoryview) -> None:
        self._file.write(header)
        self._file.write(payload)
        self.rows.append(row)

    def seal(self, *, durable: bool = True) -> Oid:
        """Write the footer; make the file durable. Returns the pack's name; the file is still a temporary one."""
        footer = pack.encode_footer(self.rows)
        # An interrupted write may have left part of a frame behind the last one that is whole.
        self._file.seek(self.size)
        self._file.truncate()
        self._file.write(footer)
        self._file.write(pack.encode_trailer(footer))
        self._file.flush()
        if durable:
            blocks.sync(self._file.fileno())
        return Oid.of(footer)

    def move_to(self, folder: Path, name: Oid) -> Path:
        """Give a sealed pack its name in `folder`, for good."""
        target = folder / pack_file_name(name)
        self._scratch.finish(self._file.fileno())
        try:
            self._scratch.place(self.path, target)
        except FileNotFoundError:
            raise LocalIOError(
                "a pack vanished while it was being written",
                why="nothing was written to it for a day, so another process took it for a leftover",
                fix="run the same command again",
            ) from None
        self._file.close()
        return target

    def discard(self) -> None:
        """Throw away what has not been moved to its place."""
        if not self._file.closed:
            self.path.unlink(missing_ok=True)
            with suppress(OSError):  # a full disk: the buffer cannot be flushed, and need not be
                self._file.close()


class ContentHash:
    """The oid and size of content that passes by in pieces."""

    def __init__(self) -> None:
        self._hash = large_hash()
        self.size = 0

    def update(self, piece: bytes | memoryview) -> None:
        """`piece` comes next."""
        self._hash.update(piece)
        self.size += len(piece)

    def oid(self) -> Oid:
        """The id of all that was seen so far."""
        return Oid(self._hash.digest())


class PackReader:
    """An open pack."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDONLY)
        # Whoever forgets a store lets go of its packs. No file object, as that refuses to open what is no file.
        self._close = weakref.finalize(self, os.close, self._fd)

    def close(self) -> None:
        """Let go of the file."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def rows(self, name: Oid) -> list[Row]:
        """The footer's rows. Raises CorruptError unless the footer is the one that `name` vouches for."""
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
        """`length` bytes from `offset`; fewer where the pack ends early, or the disk cannot read on."""
        try:
            return os.pread(self._fd, length, offset)
        except OSError as error:
            if error.errno not in _DAMAGED:
                raise
            return b""
