"""Files on this machine's disks: paths, and file:// URLs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from dver.core.errors import DverError, LocalIOError, UsageError
from dver.core.files import explain, read_pieces
from dver.remote.urls.url_info import (
    UrlFile,
    UrlInfo,
    UrlNotFound,
    checked_listing,
    mtime_fingerprint,
)


class DiskUrls:
    """Reads paths relative to `base`, absolute ones and file:// URLs. Links are followed to files only."""

    def __init__(self, base: Path) -> None:
        self._base: Final = base

    def file_info(self, url: str) -> UrlInfo | None:
        try:
            status = os.stat(self._path(url))
        except OSError as error:
            raise _failure(url, error) from error
        if stat.S_ISDIR(status.st_mode):
            return None
        _refuse_special(url, status)
        return UrlInfo(url, "file", status.st_size, mtime_fingerprint(status.st_mtime_ns, status.st_size))

    def list(self, url: str) -> list[UrlFile]:
        top = os.fsencode(self._path(url))
        try:
            return checked_listing(url, _files_below(top))
        except OSError as error:
            raise _failure(url, error) from error

    def read(self, url: str, start: int, length: int) -> bytes:
        try:
            with open(self._path(url), "rb", buffering=0) as file:
                file.seek(start)
                return file.read(length)
        except OSError as error:
            raise _failure(url, error) from error

    def pieces(self, url: str) -> Iterator[bytes]:
        try:
            with open(self._path(url), "rb", buffering=0) as file:
                yield from read_pieces(file.fileno())
        except OSError as error:
            raise _failure(url, error) from error

    def _path(self, url: str) -> Path:
        if not url.startswith("file://"):
            return self._base / Path(url).expanduser()
        host, _, path = url.removeprefix("file://").partition("/")
        if host not in ("", "localhost"):
            raise UsageError(
                f"{url} names another machine: {host!r}",
                why="file:// reaches only this machine's disks",
                fix="use file:///an/absolute/path, or the path of the file",
            )
        return Path("/", unquote(path, errors="surrogateescape"))


def _files_below(top: bytes) -> Iterator[UrlFile]:
    pending = [top]
    while pending:
        directory = pending.pop()
        with os.scandir(directory) as entries:
            for entry in entries:
                shown = os.fsdecode(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                    continue
                status = entry.stat()
                _refuse_special(shown, status)
                fingerprint = mtime_fingerprint(status.st_mtime_ns, status.st_size)
                yield UrlFile(os.path.relpath(entry.path, top), shown, status.st_size, fingerprint)


def _refuse_special(url: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a link to a directory" if stat.S_ISDIR(status.st_mode) else "neither a file nor a directory"
        raise LocalIOError(f"cannot read {url}", why=f"it is {kind}", fix="remove it, or use another directory")


def _failure(url: str, error: OSError) -> DverError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return UrlNotFound(url if error.filename is None else os.fsdecode(error.filename))
    reason = explain(error)
    return LocalIOError(f"cannot read {url}", why=reason.why, fix=reason.fix)
