"""The interface of a repository's files at one revision: Git's files and tracked data together."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from dver.core.display import Displayed
from dver.core.oid import Oid

FileKind = Literal["file", "directory", "link"]


@dataclass(frozen=True, slots=True, repr=False)
class FileInfo(Displayed):
    """A file, directory or symbolic link. `path` is relative to the base of its `Files`, separated by `/`.

    Names that are not UTF-8 have surrogates, as `os.fsdecode` makes them.
    """

    path: str
    kind: FileKind
    size: int | None
    """Bytes of a file, of a link's target, or of all tracked data below a directory.

    None for a file of Git whose content is not on this machine yet."""
    oid: Oid | None = None
    """The object, for tracked data; None for files of Git."""
    executable: bool = False
    tracked: bool = False
    """Does dver track it? Git has all other files."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


class Files(Protocol):
    """The files of a repository at one revision.

    Safe to use from many threads, and after a fork. Pickled, it has the address of the repository and the commit, and
    opens both again. Paths are relative to its base: the top of the repository, or the directory that was opened.

    Methods raise PathNotFound, NotAFile and NotADirectory for wrong paths; RemoteError, MissingObjectError and
    CorruptError for data that cannot be read.
    """

    @property
    def commit(self) -> str | None:
        """The full id of the commit; None for the pointers on disk and the workspace."""
        ...

    def info(self, path: str) -> FileInfo:
        """The file, directory or link at `path`. Links are not followed."""
        ...

    def ls(self, path: str = "") -> Sequence[FileInfo]:
        """The entries of a directory, sorted by name."""
        ...

    def walk(self, path: str = "") -> Iterator[FileInfo]:
        """Everything below a directory, each directory before its entries."""
        ...

    def read(self, path: str) -> bytes:
        """The content of a file, verified as a whole. Follows links inside of the repository."""
        ...

    def read_link(self, path: str) -> bytes:
        """The target of the link at `path`. Links are not followed."""
        ...

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """`length` bytes of a file from the offset `start`; fewer at its end. See docs/decisions/range-reads.md."""
        ...

    def pieces(self, path: str) -> Iterator[bytes]:
        """The content of a file in order. Raises CorruptError with the last piece if it was wrong."""
        ...

    def open(self, path: str) -> io.RawIOBase:
        """The file at `path`, seekable, with read-ahead."""
        ...

    def read_many(self, files: Sequence[FileInfo]) -> Iterator[tuple[FileInfo, bytes]]:
        """The contents of files, in the given order, read ahead in parallel with bounded memory."""
        ...

    def close(self) -> None:
        """Close open files. A later call opens them again."""
        ...
