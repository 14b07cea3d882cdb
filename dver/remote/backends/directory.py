"""Remotes in a directory: on a disk, a mounted share, a USB stick.

fsspec is not used, since it is slow to import and does not fsync. A put writes a temporary file, fsyncs it, renames or
links it to its name, and fsyncs the directory. Temporary files are in `.dver-tmp/` below the root, on the same file
system. A killed put leaves at most one of them, which a later put deletes after a day.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from dver.core.errors import LocalIOError, RemoteError
from dver.core.files import explain, fsync_dir, move_to_free_name, temporary_name
from dver.core.platform import blocks
from dver.remote.failures import OUT_OF_FILES, check_length
from dver.remote.storage import (
    RESERVED,
    Body,
    BytesBody,
    Capabilities,
    Meter,
    MissingKey,
    ObjectInfo,
    OnBytes,
    UnfinishedUpload,
    checked_chunks,
    checked_key,
    checked_range,
    probe_key,
    range_length,
)

_TEMPORARY: Final = f"{RESERVED}tmp"
_STALE_SECONDS: Final = 24 * 3600
_NOT_FOUND: Final = (FileNotFoundError, NotADirectoryError)


class DirectoryStorage:
    """The directory `root`. The first put creates it if its parent exists."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.url: Final = os.path.abspath(root)
        self._made: set[str] = set()
        self._swept = False

    def __repr__(self) -> str:
        return f"DirectoryStorage({self.url!r})"

    def put(self, key: str, body: Body, *, if_absent: bool = False, on_bytes: OnBytes | None = None) -> bool:
        target = self._path(key)
        if if_absent and os.path.lexists(target):
            return False
        with self._explained("write to"):
            self._prepare()
        temporary = os.path.join(self.url, _TEMPORARY, temporary_name("put"))
        try:
            self._write(temporary, body, Meter(on_bytes))
            with self._explained("write to"):
                self._make_directory(os.path.dirname(target))
                return self._publish(temporary, target, if_absent=if_absent)
        finally:
            with suppress(OSError):
                os.unlink(temporary)

    def get(self, key: str, start: int = 0, length: int | None = None, *, on_bytes: OnBytes | None = None) -> bytes:
        checked_range(start, length)
        with self._explained("read"):
            try:
                fd = os.open(self._path(key), os.O_RDONLY | os.O_CLOEXEC)
            except _NOT_FOUND:
                raise self._missing(key) from None
            try:
                content = self._read(fd, key, start, length)
            except IsADirectoryError:
                raise self._missing(key) from None
            finally:
                os.close(fd)
        Meter(on_bytes).at(len(content))
        return content

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        directory = prefix.rpartition("/")[0]
        if directory:
            checked_key(directory)
        with self._explained("list"):
            if not os.path.isdir(self.url):
                self._check_root()
            for info in self._walk(directory):
                if info.key.startswith(prefix):
                    yield info

    def stat(self, key: str) -> ObjectInfo | None:
        path = self._path(key)
        with self._explained("read"):
            try:
                size = os.stat(path).st_size
            except _NOT_FOUND:
                self._check_root()
                return None
        return None if os.path.isdir(path) else ObjectInfo(key, size)

    def delete(self, key: str) -> None:
        path = self._path(key)
        with self._explained("delete from"):
            try:
                os.unlink(path)
            except OSError as error:
                if not (isinstance(error, _NOT_FOUND) or os.path.isdir(path)):
                    raise

    def probe(self) -> Capabilities:
        with self._explained("read"):
            self._check_root()
        key = probe_key()
        try:
            self.put(key, BytesBody(b"dver"))
            self.get(key)
        except RemoteError as error:
            if os.path.isdir(self.url) and isinstance(error.__cause__, OSError):
                return Capabilities(writable=False, conditional_put=False)
            raise
        can_link = self._can_link(self._path(key))
        self.delete(key)
        return Capabilities(writable=True, conditional_put=can_link, deletable=True)

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the disk's clock is ahead of this machine's: they differ on network disks."""
        if not os.path.isdir(self.url):
            return None
        path = os.path.join(self.url, _TEMPORARY, temporary_name("clock"))
        try:
            self._prepare()
            with open(path, "xb") as file:
                return os.fstat(file.fileno()).st_mtime - time.time()
        except OSError:
            return None
        finally:
            with suppress(OSError):
                os.unlink(path)

    def unfinished(self) -> Sequence[UnfinishedUpload]:
        """The temporary files of running and killed puts. A later put deletes them after a day."""
        found: list[UnfinishedUpload] = []
        directory = os.path.join(self.url, _TEMPORARY)
        with self._explained("read"), suppress(*_NOT_FOUND), os.scandir(directory) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    found.append(UnfinishedUpload("", entry.name, entry.stat().st_mtime))
        return found

    def abandon(self, upload: UnfinishedUpload) -> None:
        """Delete the temporary file of a put."""
        with self._explained("delete from"), suppress(FileNotFoundError):
            os.unlink(os.path.join(self.url, _TEMPORARY, upload.id))

    # -- names ---------------------------------------------------------------------------------------------------

    def _path(self, key: str) -> str:
        return os.path.join(self.url, checked_key(key))

    def _missing(self, key: str) -> RemoteError:
        self._check_root()
        return MissingKey(self.url, key)

    def _check_root(self) -> None:
        """Raise RemoteError unless the root is a directory, or can be created."""
        # One stat: between two, another thread may create it.
        try:
            is_directory = stat.S_ISDIR(os.stat(self.url).st_mode)
        except _NOT_FOUND:
            self._check_parent()
            return
        if not is_directory:
            raise RemoteError(
                f"the remote {self.url!r} is not a directory",
                why="a file has that name",
                fix="use another directory: `dver remote set NAME url DIRECTORY`",
            )

    def _check_parent(self) -> None:
        parent = os.path.dirname(self.url)
        if not os.path.isdir(parent):
            raise RemoteError(
                f"the remote directory {self.url!r} cannot be reached",
                why=f"the directory {parent!r} does not exist",
                fix="mount its disk or share, or create the directory",
            )

    # -- writing -------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Create the root and the temporary directory, and once delete old temporary files."""
        directory = os.path.join(self.url, _TEMPORARY)
        if not os.path.isdir(directory):
            self._check_root()
            self._made.clear()
        self._make_directory(directory)
        if not self._swept:
            self._swept = True
            _sweep(directory)

    def _make_directory(self, directory: str) -> None:
        """Create a directory and its parents below the root, durably, with one fsync each."""
        if directory in self._made and os.path.isdir(directory):
            return
        if directory != self.url:
            self._make_directory(os.path.dirname(directory))
        try:
            os.mkdir(directory)
            fsync_dir(os.path.dirname(directory))
        except FileExistsError:
            # Another process may have created it just now, and not fsynced it yet.
            if not os.path.isdir(directory):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), directory) from None
            if directory != self.url:
                fsync_dir(os.path.dirname(directory))
        self._made.add(directory)

    def _write(self, path: str, body: Body, meter: Meter) -> None:
        """Write `body` to the file `path`, durably. Errors of the body itself pass through."""
        with self._explained("write to"):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with open(fd, "wb", buffering=0) as file:
            for chunk in checked_chunks(body, meter):
                with self._explained("write to"):
                    _write_all(file.fileno(), chunk)
            with self._explained("write to"):
                blocks.sync(file.fileno())

    def _publish(self, temporary: str, target: str, *, if_absent: bool) -> bool:
        if not if_absent:
            os.replace(temporary, target)
        elif not move_to_free_name(temporary, target):
            return False
        fsync_dir(os.path.dirname(target))
        return True

    def _can_link(self, path: str) -> bool:
        other = os.path.join(self.url, _TEMPORARY, temporary_name("link"))
        try:
            os.link(path, other)
        except OSError:
            return False
        os.unlink(other)
        return True

    # -- reading -------------------------------------------------------------------------------------------------

    def _read(self, fd: int, key: str, start: int, length: int | None) -> bytes:
        wanted = range_length(os.fstat(fd).st_size, start, length)
        # One call usually reads all, without a copy; the kernel reads at most 2 GiB - 4 KiB.
        content = os.pread(fd, wanted, start)
        while len(content) < wanted:
            more = os.pread(fd, wanted - len(content), start + len(content))
            if not more:
                break
            content += more
        check_length(self.url, key, wanted=wanted, got=len(content))
        return content

    def _walk(self, directory: str) -> Iterator[ObjectInfo]:
        directories = [directory]
        while directories:
            directory = directories.pop()
            try:
                entries = os.scandir(os.path.join(self.url, directory))
            except _NOT_FOUND:
                continue
            with entries:
                for entry in entries:
                    if entry.name.startswith(RESERVED):
                        continue
                    key = f"{directory}/{entry.name}" if directory else entry.name
                    if entry.is_dir():
                        directories.append(key)
                        continue
                    # The file may be deleted after it was listed.
                    with suppress(FileNotFoundError):
                        yield ObjectInfo(key, entry.stat().st_size)

    # -- errors --------------------------------------------------------------------------------------------------

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        """Translate OSError to RemoteError or LocalIOError."""
        try:
            yield
        except OSError as error:
            reason = explain(error)
            kind = LocalIOError if error.errno in OUT_OF_FILES else RemoteError
            raise kind(f"cannot {verb} the remote {self.url!r}", why=reason.why, fix=reason.fix) from error


def _write_all(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def _sweep(directory: str) -> None:
    """Delete temporary files older than a day: no upload of one object takes so long."""
    oldest = time.time() - _STALE_SECONDS
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.stat().st_mtime < oldest:
                    os.unlink(entry.path)
