"""The user's object cache: verified contents that were read from remotes, for all projects and processes of a user."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.config import Config
from dver.core.cache_dir import user_cache_dir
from dver.core.display import Displayed
from dver.core.files import delete_any, new_temporary
from dver.core.oid import Oid
from dver.core.platform import filelock

_COUNTER: Final = "added"
"""The file whose length says how many blocks were added since the last cleanup."""
_BLOCK: Final = 4096
_PARTS: Final = 16
"""A cleanup frees one part in this number of the limit. The next one is due when that part is filled."""
_RECENT: Final = 3600.0
"""Seconds in which a further use is not recorded."""


@dataclass(frozen=True, slots=True, repr=False)
class CachedObjects(Displayed):
    """What an object cache has: the number of files, their bytes, and the time of the last use (None: empty)."""

    count: int = 0
    size: int = 0
    last_used: float | None = None


@dataclass(frozen=True, slots=True)
class _CachedFile:
    last_used: float
    size: int
    path: str


class ObjectCache:
    """The files of verified contents in `directory`, at most `limit` bytes. Safe among threads and processes.

    See `dver.access.content_cache.ContentCache`. Contents are verified again when they are read. Errors of the disk are
    no errors here: without space or permission, nothing is cached.
    """

    def __init__(self, directory: Path, limit: int) -> None:
        self.directory = directory
        self.limit = limit
        self._writable = limit > 0

    @classmethod
    def of_user(cls) -> ObjectCache:
        """The cache in the user's cache directory, with the limit `user_cache.size`."""
        return cls(user_cache_dir() / "objects", Config.load_user().user_cache_size)

    def get(self, oid: Oid) -> bytes | None:
        """The content of a tree, chunk or small blob, verified; None if it is not cached."""
        path = self._path(oid)
        content = _read(path)
        if content is None or Oid.of(content) == oid:
            return content
        delete_any(path)
        return None

    def put(self, oid: Oid, content: bytes) -> None:
        """Cache a verified content."""
        self._write(self._path(oid), content)

    def get_recipe(self, oid: Oid) -> bytes | None:
        """The encoded recipe of the blob `oid`; None if it is not cached."""
        path = self._path(oid, ".recipe")
        stored = _read(path)
        if stored is None:
            return None
        digest, content = stored[: len(oid)], stored[len(oid) :]
        if Oid.of(oid + content) == digest:
            return content
        delete_any(path)
        return None

    def put_recipe(self, oid: Oid, content: bytes) -> None:
        """Cache the encoded recipe of the blob `oid`."""
        self._write(self._path(oid, ".recipe"), Oid.of(oid + content) + content)

    def forget_recipe(self, oid: Oid) -> None:
        """Drop a recipe that turned out to be wrong."""
        delete_any(self._path(oid, ".recipe"))

    def is_proved(self, oid: Oid, recipe: bytes) -> bool:
        """Whether the blob `oid` was once hashed as a whole with this recipe."""
        return _read(self._path(oid, ".proved")) == Oid.of(oid + recipe)

    def prove(self, oid: Oid, recipe: bytes) -> None:
        """Record that the blob `oid` was hashed as a whole with this recipe."""
        self._write(self._path(oid, ".proved"), Oid.of(oid + recipe))

    def summary(self) -> CachedObjects:
        """The number, size and last use of all files."""
        return _total(list(self._files()))

    def clear(self, unused_since: float | None = None) -> CachedObjects:
        """Delete all files, or those last used before the time `unused_since`. Returns what was deleted."""
        gone = [one for one in self._files() if unused_since is None or one.last_used < unused_since]
        for one in gone:
            delete_any(one.path)
        return _total(gone)

    def _path(self, oid: Oid, suffix: str = "") -> str:
        digits = oid.hex()
        return f"{self.directory}/{digits[:2]}/{digits[2:]}{suffix}"

    # -- writing

    def _write(self, path: str, content: bytes) -> None:
        if not self._writable or len(content) > self.limit // _PARTS:
            return
        try:
            _create(path, content)
            self._count(len(content))
        except OSError as error:
            # A clean-up or `dver cache clear` of another process may have deleted the directory or the file.
            self._writable = error.errno == errno.ENOENT

    def _count(self, size: int) -> None:
        """Count an added file, and clean up if it is time."""
        fd = os.open(self.directory / _COUNTER, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, bytes(-(-size // _BLOCK)))
            if os.fstat(fd).st_size * _BLOCK >= self.limit // _PARTS and filelock.try_lock(fd):
                os.ftruncate(fd, 0)
                self._clean_up()
        finally:
            os.close(fd)

    def _clean_up(self) -> None:
        """Delete the files that were not used for the longest time, until there is space for further ones."""
        files = sorted(self._files(), key=lambda one: one.last_used)
        surplus = sum(one.size for one in files) - (self.limit - self.limit // _PARTS)
        for one in files:
            if surplus <= 0:
                break
            delete_any(one.path)
            surplus -= one.size

    def _files(self) -> Iterator[_CachedFile]:
        with suppress(OSError), os.scandir(self.directory) as listing:
            for folder in [entry.path for entry in listing if entry.is_dir(follow_symlinks=False)]:
                with suppress(OSError), os.scandir(folder) as files:
                    for file in files:
                        with suppress(OSError):
                            status = file.stat(follow_symlinks=False)
                            yield _CachedFile(status.st_mtime, status.st_size, file.path)


class ReadOnlyCache:
    """Reads from `cache` and adds no content, for data that goes to the disk anyway."""

    def __init__(self, cache: ObjectCache) -> None:
        self._cache = cache

    def get(self, oid: Oid) -> bytes | None:
        return self._cache.get(oid)

    def put(self, oid: Oid, content: bytes) -> None:
        pass

    def get_recipe(self, oid: Oid) -> bytes | None:
        return self._cache.get_recipe(oid)

    def put_recipe(self, oid: Oid, content: bytes) -> None:
        pass

    def forget_recipe(self, oid: Oid) -> None:
        self._cache.forget_recipe(oid)

    def is_proved(self, oid: Oid, recipe: bytes) -> bool:
        return self._cache.is_proved(oid, recipe)

    def prove(self, oid: Oid, recipe: bytes) -> None:
        self._cache.prove(oid, recipe)


def _total(files: Sequence[_CachedFile]) -> CachedObjects:
    last_used = max((one.last_used for one in files), default=None)
    return CachedObjects(len(files), sum(one.size for one in files), last_used)


def _read(path: str) -> bytes | None:
    """The content of a cached file, whose use is recorded; None if it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            content = file.read()
            if time.time() - os.fstat(file.fileno()).st_mtime > _RECENT:
                with suppress(OSError):
                    os.utime(file.fileno())
            return content
    except OSError:
        return None


def _create(path: str, content: bytes) -> None:
    folder = Path(path).parent
    try:
        temporary, fd = new_temporary(folder, "cached", mode=0o600)
    except FileNotFoundError:
        _make_private(folder)
        temporary, fd = new_temporary(folder, "cached", mode=0o600)
    try:
        with open(fd, "wb", buffering=0) as file:
            file.write(content)
        os.rename(temporary, path)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _make_private(folder: Path) -> None:
    """Make a directory that no other user can read: the cache has contents of private remotes."""
    if not folder.parent.is_dir():
        _make_private(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
