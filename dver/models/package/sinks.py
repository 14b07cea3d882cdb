"""Where packages are written: a directory, or a tar file that has the same bytes each time."""

from __future__ import annotations

import hashlib
import io
import os
import posixpath
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol, cast

from dver.core.errors import CorruptError
from dver.core.sparse_files import write_sparsely

_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_IN_MEMORY: Final = 8 << 20
_PIECE: Final = 1 << 20


class PackageSink(Protocol):
    """Takes the files of a package. Names are relative, and each directory comes before its entries."""

    def directory(self, name: str) -> None:
        """Add a directory."""
        ...

    def file(self, name: str, pieces: Iterable[bytes], size: int | None, *, executable: bool = False) -> None:
        """Add a file. Raises the errors of `pieces`, and CorruptError if they do not have `size` bytes."""
        ...

    def move(self, name: str, path: Path) -> None:
        """Add the file at `path`, which is on the same disk and is deleted."""
        ...

    def link(self, name: str, target: bytes) -> None:
        """Add a symbolic link."""
        ...


@dataclass(frozen=True, slots=True)
class DirectorySink:
    """Writes to the new directory `top`."""

    top: bytes

    def directory(self, name: str) -> None:
        os.mkdir(self._path(name))

    def file(self, name: str, pieces: Iterable[bytes], size: int | None, *, executable: bool = False) -> None:
        fd = os.open(self._path(name), _WRITE, 0o777 if executable else 0o666)
        try:
            write_sparsely(fd, pieces)
        finally:
            os.close(fd)

    def move(self, name: str, path: Path) -> None:
        os.rename(path, self._path(name))

    def link(self, name: str, target: bytes) -> None:
        os.symlink(target, self._path(name))

    def _path(self, name: str) -> bytes:
        return os.path.join(self.top, os.fsencode(name))


class TarSink:
    """Writes a tar file: without users, with the times `time` and the modes 644 and 755. `close` ends it."""

    def __init__(self, file: IO[bytes] | HashingFile, time: int, *, below: str = "") -> None:
        written = cast("IO[bytes]", file)  # tarfile only writes to it and asks for its position
        self._tar = tarfile.TarFile(fileobj=written, mode="w", format=tarfile.PAX_FORMAT)
        self._time = time
        self._below = below

    def directory(self, name: str) -> None:
        info = self._info(name, 0o755)
        info.type = tarfile.DIRTYPE
        self._tar.addfile(info)

    def file(self, name: str, pieces: Iterable[bytes], size: int | None, *, executable: bool = False) -> None:
        info = self._info(name, 0o755 if executable else 0o644)
        if size is None:  # a tar file has the size before the content
            with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as whole:
                whole.writelines(pieces)
                info.size = whole.tell()
                whole.seek(0)
                self._tar.addfile(info, whole)
            return
        info.size = size
        reader = _Pieces(pieces)
        try:
            self._tar.addfile(info, reader)
        except OSError as error:
            if reader.is_short:
                raise CorruptError(f"{name!r} has fewer bytes than its commit records") from error
            raise
        if reader.read(1):
            raise CorruptError(f"{name!r} has more bytes than its commit records")

    def move(self, name: str, path: Path) -> None:
        with open(path, "rb") as file:
            self.file(name, iter(lambda: file.read(_PIECE), b""), path.stat().st_size)
        os.unlink(path)

    def link(self, name: str, target: bytes) -> None:
        info = self._info(name, 0o777)
        info.type = tarfile.SYMTYPE
        info.linkname = os.fsdecode(target)
        self._tar.addfile(info)

    def close(self) -> None:
        """Write the end of the tar file."""
        self._tar.close()

    def _info(self, name: str, mode: int) -> tarfile.TarInfo:
        info = tarfile.TarInfo(posixpath.join(self._below, name))
        info.mode = mode
        info.mtime = self._time
        return info


class _Pieces(io.RawIOBase):
    """Pieces as a file to read. Asking for a byte after the last piece ends the pieces, which verifies them."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")
        self.is_short = False

    def read(self, size: int = -1) -> bytes:
        found = bytearray()
        while size < 0 or len(found) < size:
            if not self._rest:
                piece = next(self._pieces, None)
                if piece is None:
                    self.is_short = True
                    break
                self._rest = memoryview(piece)
                continue
            taken = self._rest[: size - len(found)] if size >= 0 else self._rest
            found += taken
            self._rest = self._rest[len(taken) :]
        return bytes(found)


class HashingFile:
    """A file to write that computes the SHA-256 of what is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def write(self, content: bytes) -> int:
        """Write to the file."""
        self._digest.update(content)
        return self._file.write(content)

    def tell(self) -> int:
        """The position in the file."""
        return self._file.tell()

    @property
    def sha256(self) -> str:
        """The digest of what was written, in hexadecimal digits."""
        return self._digest.hexdigest()


@dataclass(slots=True)
class WrittenFile:
    """A file of a package, with the SHA-256 of its content."""

    name: str
    size: int
    sha256: str


class PackageWriter:
    """Writes files to a sink, with the directories above them, and keeps their digests."""

    def __init__(self, sink: PackageSink) -> None:
        self._sink = sink
        self._directories: set[str] = {""}
        self.files: dict[str, WrittenFile] = {}
        """By name, in the order of writing."""
        self.links: dict[str, bytes] = {}
        """The targets of links by name."""

    def directory(self, name: str) -> None:
        """Add a directory and those above it, unless they are there."""
        above = posixpath.dirname(name)
        if name in self._directories:
            return
        self.directory(above)
        self._sink.directory(name)
        self._directories.add(name)

    def file(
        self, name: str, content: bytes | Iterable[bytes], size: int | None = None, *, executable: bool = False
    ) -> None:
        """Add a file. See `PackageSink`."""
        self.directory(posixpath.dirname(name))
        pieces = (content,) if isinstance(content, bytes) else content
        size = len(content) if isinstance(content, bytes) else size
        digest, written = hashlib.sha256(), 0

        def counted() -> Iterator[bytes]:
            nonlocal written
            for piece in pieces:
                digest.update(piece)
                written += len(piece)
                yield piece

        self._sink.file(name, counted(), size, executable=executable)
        self.files[name] = WrittenFile(name, written, digest.hexdigest())

    def move(self, name: str, path: Path, sha256: str) -> None:
        """Add the file at `path`, whose digest is known. It is on the same disk and is deleted."""
        self.directory(posixpath.dirname(name))
        size = path.stat().st_size
        self._sink.move(name, path)
        self.files[name] = WrittenFile(name, size, sha256)

    def link(self, name: str, target: bytes) -> None:
        """Add a symbolic link."""
        self.directory(posixpath.dirname(name))
        self._sink.link(name, target)
        self.links[name] = target
