"""The files below one path of a repository, as a repository of their own."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dver.access.export import find_source
from dver.access.files import FileInfo, Files
from dver.access.repositories import FilesAddress


@dataclass(frozen=True, slots=True)
class RootedAddress:
    """The path `root` of a repository at a commit. See `FilesAddress`."""

    address: FilesAddress
    root: str

    @property
    def repo(self) -> str:
        """See `FilesAddress`."""
        return self.address.repo

    @property
    def commit(self) -> str | None:
        """See `FilesAddress`."""
        return self.address.commit

    def __call__(self) -> RootedFiles:
        """Open its files. Raises PathNotFound if the commit has no such path."""
        files = self.address()
        try:
            return RootedFiles(files, find_source(files, self.root))
        except BaseException:
            files.close()
            raise


class RootedFiles:
    """The file or directory `root` of `files`. See `Files`. Its own path is empty."""

    def __init__(self, files: Files, root: FileInfo) -> None:
        self._files = files
        self._root = "" if root.path == "." else root.path

    @property
    def commit(self) -> str | None:
        """See `Files`."""
        return self._files.commit

    def info(self, path: str) -> FileInfo:
        """See `Files`."""
        return self._inner(self._files.info(self._outer(path)))

    def ls(self, path: str = "") -> Sequence[FileInfo]:
        """See `Files`."""
        return [self._inner(one) for one in self._files.ls(self._outer(path))]

    def walk(self, path: str = "") -> Iterator[FileInfo]:
        """See `Files`."""
        return (self._inner(one) for one in self._files.walk(self._outer(path)))

    def read(self, path: str) -> bytes:
        """See `Files`."""
        return self._files.read(self._outer(path))

    def read_link(self, path: str) -> bytes:
        """See `Files`."""
        return self._files.read_link(self._outer(path))

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """See `Files`."""
        return self._files.read_range(self._outer(path), start, length)

    def pieces(self, path: str) -> Iterator[bytes]:
        """See `Files`."""
        return self._files.pieces(self._outer(path))

    def open(self, path: str) -> io.RawIOBase:
        """See `Files`."""
        return self._files.open(self._outer(path))

    def read_many(self, files: Sequence[FileInfo]) -> Iterator[tuple[FileInfo, bytes]]:
        """See `Files`."""
        outer = [replace(one, path=self._outer(one.path)) for one in files]
        found = self._files.read_many(outer)
        return ((info, content) for info, (_, content) in zip(files, found, strict=True))

    def close(self) -> None:
        """See `Files`."""
        self._files.close()

    def _outer(self, path: str) -> str:
        """The path in the repository. A path that leads out of the root leads nowhere."""
        inside = posixpath.normpath(posixpath.join("/", path)).lstrip("/")
        return posixpath.join(self._root, inside) if inside else self._root

    def _inner(self, info: FileInfo) -> FileInfo:
        if not self._root:
            return info
        path = "" if info.path == self._root else info.path.removeprefix(f"{self._root}/")
        return replace(info, path=path)
