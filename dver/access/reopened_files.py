"""Files that survive pickling and a fork: they are opened again in the other process."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dver.access.files import FileInfo, Files


class ReopenedFiles:
    """Files that `open_files` opens, once in each process. See `dver.access.files.Files`.

    `open_files` is picklable, and always opens the same commit.
    """

    def __init__(self, open_files: Callable[[], Files]) -> None:
        self._open_files = open_files
        self._lock = threading.Lock()
        self._opened: Files | None = None
        self._process = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return ReopenedFiles, (self._open_files,)

    def __repr__(self) -> str:
        return f"<Files of {self._open_files}>"

    @property
    def _files(self) -> Files:
        with self._lock:
            if self._opened is None or self._process != os.getpid():
                self._opened, self._process = self._open_files(), os.getpid()
            return self._opened

    @property
    def commit(self) -> str | None:
        return self._files.commit

    def info(self, path: str) -> FileInfo:
        return self._files.info(path)

    def ls(self, path: str = "") -> Sequence[FileInfo]:
        return self._files.ls(path)

    def walk(self, path: str = "") -> Iterator[FileInfo]:
        return self._files.walk(path)

    def read(self, path: str) -> bytes:
        return self._files.read(path)

    def read_link(self, path: str) -> bytes:
        return self._files.read_link(path)

    def read_range(self, path: str, start: int, length: int) -> bytes:
        return self._files.read_range(path, start, length)

    def pieces(self, path: str) -> Iterator[bytes]:
        return self._files.pieces(path)

    def open(self, path: str) -> io.RawIOBase:
        return self._files.open(path)

    def read_many(self, files: Sequence[FileInfo]) -> Iterator[tuple[FileInfo, bytes]]:
        return self._files.read_many(files)

    def close(self) -> None:
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None and self._process == os.getpid():
            opened.close()
