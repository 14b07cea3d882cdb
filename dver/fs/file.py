"""Open files of the filesystem."""

from __future__ import annotations

import atexit
import io
import time
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from dver.fs.errors import as_os_errors

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from dver.fs.filesystem import DverFileSystem

_BUFFER: Final = 64 << 10
_PATIENCE: Final = 0.05
"""Seconds that the end of the process waits for other threads to release files."""


class DverFile(io.BufferedReader):
    """An open file of `fs`. Pickled, it is opened again at the same position."""

    def __init__(self, fs: DverFileSystem, path: str, raw: io.RawIOBase) -> None:
        super().__init__(_TranslatedFile(raw), _BUFFER)
        self.fs: Final = fs
        self.path: Final = path
        self.size: Final = self.seek(0, io.SEEK_END)
        self.seek(0)
        _open_files.add(self)

    def close(self) -> None:
        """See `io.IOBase`."""
        super().close()
        _open_files.discard(self)

    @property
    def full_name(self) -> str:
        """The URL of the file."""
        return str(self.fs.unstrip_protocol(self.path))

    @property
    def details(self) -> dict[str, Any]:
        """What `fs.info` returns for the file."""
        found: dict[str, Any] = self.fs.info(self.path)
        return found

    def info(self) -> dict[str, Any]:
        """See `details`."""
        return self.details

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self.fs, self.path, self.tell())


_open_files: Final[WeakSet[DverFile]] = WeakSet()


@atexit.register
def _wait_for_other_threads() -> None:
    """Let other threads release their files before Python shuts down.

    PyArrow's do so a moment after a read has returned. In a shutdown, they would abort the process.
    """
    end = time.monotonic() + _PATIENCE
    while _open_files and time.monotonic() < end:
        time.sleep(0.0005)


class _TranslatedFile(io.RawIOBase):
    """A raw file whose errors are OSErrors."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self.mode = "rb"

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._raw.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._raw.seek(offset, whence)

    def readinto(self, target: WriteableBuffer, /) -> int | None:
        with as_os_errors():
            count: int | None = self._raw.readinto(target)
            return count

    def readall(self) -> bytes:
        with as_os_errors():
            return self._raw.readall() or b""

    def close(self) -> None:
        self._raw.close()
        super().close()


def _reopened(fs: DverFileSystem, path: str, position: int) -> DverFile:
    file: DverFile = fs.open(path, "rb")
    file.seek(position)
    return file
