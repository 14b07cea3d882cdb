"""Reading files of a revision, of this or another repository, without a checkout."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import IO, BinaryIO, Literal, TextIO, cast, overload

from dver.access.addresses import DataAddress
from dver.access.data_urls import data_url
from dver.access.files import FileInfo, Files
from dver.access.objects import Verify
from dver.access.repositories import locate_files, open_files

StrPath = str | os.PathLike[str]

_BUFFER = 256 << 10


def files(
    *,
    rev: str | None = None,
    repo: StrPath | None = None,
    remote: str | None = None,
    verify: Verify | None = None,
) -> Files:
    """The files of a repository at one revision, for many reads: the repository is opened once.

    Git's files and tracked data are listed together. The handle may be shared by threads, pickled, and used after a
    fork; `close` it at the end.

    Args:
        rev: A branch, tag or commit. By default the pointers on disk; of a URL, the default branch.
        repo: A directory, or a URL that Git can clone. By default the project around the current directory.
        remote: The name of the remote to read from, instead of those that the pointers name.
        verify: `full` refuses parts of large files that were never verified as a whole on this machine; `ranges`
            verifies the parts that are read. By default the setting `access.verify`.

    Raises:
        RepositoryError: There is no project, or Git cannot reach the repository.
        UsageError: The revision does not exist.
    """
    return open_files(repo, rev=rev, remote=remote, verify=verify)


@overload
def open(
    path: StrPath,
    mode: Literal["rb"] = "rb",
    *,
    rev: str | None = None,
    repo: StrPath | None = None,
    remote: str | None = None,
    verify: Verify | None = None,
) -> BinaryIO: ...


@overload
def open(
    path: StrPath,
    mode: Literal["r", "rt"],
    *,
    rev: str | None = None,
    repo: StrPath | None = None,
    remote: str | None = None,
    verify: Verify | None = None,
    encoding: str | None = "utf-8",
    errors: str | None = None,
    newline: str | None = None,
) -> TextIO: ...


def open(
    path: StrPath,
    mode: Literal["rb", "r", "rt"] = "rb",
    *,
    rev: str | None = None,
    repo: StrPath | None = None,
    remote: str | None = None,
    verify: Verify | None = None,
    encoding: str | None = "utf-8",
    errors: str | None = None,
    newline: str | None = None,
) -> IO[bytes] | IO[str]:
    """Open a file for reading. It is seekable, and only the parts that are read are downloaded.

    Args:
        path: Relative to `repo`, or to the current directory without `repo`.
        mode: `rb` for bytes, `r` for text.
        rev, repo, remote, verify: See `files`.
        encoding, errors, newline: For text, as in the built-in `open`.

    Raises:
        FileNotFoundError: The revision has no such file.
        IsADirectoryError: The path is a directory.
        MissingObjectError: Neither the store nor the remote has the content.
        CorruptError: A part does not match its hash.
        RemoteError: The remote cannot be reached.
        RepositoryError, UsageError: See `files`.
    """
    if mode not in ("rb", "r", "rt"):
        raise ValueError(f"mode must be 'rb' or 'r', not {mode!r}: data of a revision is read-only")
    opened = files(rev=rev, repo=repo, remote=remote, verify=verify)
    try:
        reader = ClosingReader(opened.open(_relative(path, repo)), opened)
    except BaseException:
        opened.close()
        raise
    if mode == "rb":
        return cast(BinaryIO, reader)
    return io.TextIOWrapper(reader, encoding=encoding, errors=errors, newline=newline)


def read_bytes(
    path: StrPath, *, rev: str | None = None, repo: StrPath | None = None, remote: str | None = None
) -> bytes:
    """The content of a file, verified as a whole. Arguments and errors as in `open`."""
    with closing(files(rev=rev, repo=repo, remote=remote)) as opened:
        return opened.read(_relative(path, repo))


def read_text(
    path: StrPath,
    *,
    rev: str | None = None,
    repo: StrPath | None = None,
    remote: str | None = None,
    encoding: str = "utf-8",
    errors: str = "strict",
) -> str:
    """The content of a text file, with line ends as they are. Arguments and errors as in `open`."""
    return read_bytes(path, rev=rev, repo=repo, remote=remote).decode(encoding, errors)


def ls(
    path: StrPath = "", *, rev: str | None = None, repo: StrPath | None = None, remote: str | None = None
) -> Sequence[FileInfo]:
    """The entries of a directory, sorted by name. Downloads directory listings at most, and no files.

    The arguments are as in `open`.

    Raises:
        FileNotFoundError, NotADirectoryError: There is no such directory.
        MissingObjectError, RemoteError, RepositoryError, UsageError: See `open`.
    """
    with closing(files(rev=rev, repo=repo, remote=remote)) as opened:
        return opened.ls(_relative(path, repo))


def walk(
    path: StrPath = "", *, rev: str | None = None, repo: StrPath | None = None, remote: str | None = None
) -> Iterator[FileInfo]:
    """Everything below a directory, each directory before its entries. Arguments and errors as in `ls`."""
    with closing(files(rev=rev, repo=repo, remote=remote)) as opened:
        yield from opened.walk(_relative(path, repo))


def url_for(path: StrPath, *, rev: str | None = None, repo: StrPath | None = None) -> str:
    """The URL `dver://REPO@COMMIT/PATH` of a file or directory. It always stands for the same content.

    fsspec opens such URLs, and so do pandas, polars, Dask and others. An object of dver's has no URL of its own on a
    remote: small files share packs, and large ones are in parts.

    Args:
        path, repo: See `open`. The URL of a path in a directory works on this machine.
        rev: A branch, tag or commit; by default HEAD, or the default branch of a URL.

    Raises:
        FileNotFoundError: The revision has no such path.
        RepositoryError, UsageError: See `files`.
    """
    located = locate_files(repo, rev=rev or "HEAD")
    name = _relative(path, repo)
    with closing(located()) as opened:
        opened.info(name)
    return data_url(DataAddress(located.repo, located.commit, name))


class ClosingReader(io.BufferedReader):
    """A buffered file that closes its repository too."""

    def __init__(self, raw: io.RawIOBase, opened: Files) -> None:
        super().__init__(raw, _BUFFER)
        self._opened = opened

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._opened.close()


def _relative(path: StrPath, repo: StrPath | None) -> str:
    """The path for `Files`: relative to `repo`, or to the current directory."""
    text = os.fspath(path)
    if repo is None and os.path.isabs(text):
        return os.path.relpath(os.path.realpath(text), os.path.realpath(os.getcwd()))
    return text
