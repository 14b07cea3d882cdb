"""Remotes on any protocol that fsspec supports: sftp://, webdav://, gs://, az://, ftp://, smb://, memory://…

`fsspec_protocols` has the rules of single protocols. Plugins give few guarantees. So an object is written under a
temporary name and then moved, and a reader never sees half of it. In object stores a move is a copy and a plain upload
is atomic, so they get small bodies in one call. fsspec has no conditional write that all plugins support: `if_absent`
checks first and writes then, and `Capabilities.conditional_put` is False.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from dver.core.errors import RemoteError
from dver.core.files import temporary_name
from dver.remote.backends.fsspec_errors import READ_ONLY, plugin_failures, translate
from dver.remote.backends.fsspec_plugins import Plugin
from dver.remote.backends.fsspec_protocols import PLUGINS
from dver.remote.failures import TransientError, check_length
from dver.remote.retry import Retrier, RetryPolicy
from dver.remote.settings import RemoteSettings
from dver.remote.storage import (
    RESERVED,
    Body,
    BytesBody,
    Capabilities,
    Meter,
    MissingKey,
    ObjectInfo,
    OnBytes,
    checked_chunks,
    checked_key,
    checked_range,
    is_allowed,
    probe_key,
    range_length,
)

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

T = TypeVar("T")


class _Connection(NamedTuple):
    """A file system, and the path of the remote's root in it."""

    fs: AbstractFileSystem
    root: str


class _Source:
    """The chunks of a body; keeps the error that they raise, since it is not the remote's."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.failure: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        except Exception as error:
            self.failure = error
            raise


class FsspecStorage:
    """The directory or prefix at `url`, through fsspec's plugin for the protocol, which the first call imports."""

    def __init__(self, settings: RemoteSettings, *, policy: RetryPolicy | None = None) -> None:
        self._settings: Final = settings
        self.url: Final = settings.url.rstrip("/")
        self._protocol: Final = self.url.partition("://")[0]
        self.plugin: Final = PLUGINS.get(self._protocol) or Plugin()
        self._retry: Final = Retrier(policy or RetryPolicy())
        self._lock: Final = threading.RLock()
        self._shared: list[_Connection] = []
        self._own: Final = threading.local()
        self._made: set[str] = set()

    def __repr__(self) -> str:
        return f"FsspecStorage({self.url!r})"

    def put(self, key: str, body: Body, *, if_absent: bool = False, on_bytes: OnBytes | None = None) -> bool:
        path = self._path(key)
        if if_absent and self.stat(key) is not None:
            return False
        if body.size < self.plugin.single_put:
            content = b"".join(checked_chunks(body))
            self.call(lambda fs: fs.pipe_file(path, content), f"write {key!r}")
            Meter(on_bytes).at(len(content))
            return True
        temporary = self.path_of(f"{RESERVED}tmp/{temporary_name('put')}")
        meter = Meter(on_bytes)
        try:
            self._retry(lambda: self._write(temporary, body, meter, f"write {key!r}"))
            self.call(lambda fs: self._rename(fs, temporary, path), f"write {key!r}")
        except BaseException:
            with suppress(RemoteError):
                self.call(self._removing(temporary), "clean up")
            raise
        return True

    def get(self, key: str, start: int = 0, length: int | None = None, *, on_bytes: OnBytes | None = None) -> bytes:
        checked_range(start, length)
        path = self._path(key)
        end = None if length is None else start + length

        def read(fs: AbstractFileSystem) -> bytes:
            try:
                content = self.plugin.read(fs, path, start, end) if length != 0 else b""
            except (FileNotFoundError, IsADirectoryError):
                raise
            except plugin_failures():
                # Some plugins refuse a range that begins at or after the end, or fail to read a directory.
                info = fs.info(path)
                if info["type"] != "file":
                    raise IsADirectoryError(path) from None
                if start < info["size"]:
                    raise
                content = b""
            if len(content) != length or length == 0:
                wanted = range_length(fs.info(path)["size"], start, length)
                check_length(self.url, key, wanted=wanted, got=len(content))
            return content

        try:
            content = self.call(read, f"read {key!r}")
        except RemoteError as error:
            if isinstance(error.__cause__, (FileNotFoundError, IsADirectoryError)):
                raise MissingKey(self.url, key) from None
            raise
        Meter(on_bytes).at(len(content))
        return content

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        directory = prefix.rpartition("/")[0]
        path = self._path(directory) if directory else self.path_of("")
        # Paths come back with or without a leading slash, depending on the plugin.
        skip = len(root) + 1 if (root := self.path_of("").strip("/")) else 0

        def find(fs: AbstractFileSystem) -> dict[str, dict[str, Any]]:
            fs.invalidate_cache()
            try:
                found: dict[str, dict[str, Any]] = fs.find(path, detail=True)
            except FileNotFoundError:
                return {}
            return found

        for name, info in self.call(find, "list objects").items():
            key = name.strip("/")[skip:]
            if key.startswith(prefix) and not any(part.startswith(RESERVED) for part in key.split("/")):
                yield ObjectInfo(key, info["size"])

    def stat(self, key: str) -> ObjectInfo | None:
        path = self._path(key)

        def info_of(fs: AbstractFileSystem) -> ObjectInfo | None:
            fs.invalidate_cache()
            try:
                info = fs.info(path)
            except (FileNotFoundError, NotADirectoryError):
                return None
            return ObjectInfo(key, info["size"]) if info["type"] == "file" else None

        return self.call(info_of, f"find {key!r}")

    def delete(self, key: str) -> None:
        path = self._path(key)
        self.call(self._removing(path), f"delete {key!r}")

    def probe(self) -> Capabilities:
        self.call(_list_top(self.path_of("")), "list objects")
        key = probe_key()
        if not is_allowed(lambda: self.put(key, BytesBody(b"dver")), _is_read_only):
            return Capabilities(writable=False, conditional_put=False)
        deletable = is_allowed(lambda: self.delete(key), _is_read_only)
        return Capabilities(writable=True, conditional_put=False, deletable=deletable)

    # -- paths ---------------------------------------------------------------------------------------------------

    def _path(self, key: str) -> str:
        return self.path_of(checked_key(key))

    def path_of(self, name: str) -> str:
        """The path of a file in the file system."""
        root = self._connection().root
        return f"{root}/{name}" if name else root

    # -- the file system -----------------------------------------------------------------------------------------

    def _connection(self) -> _Connection:
        """The connection of this thread. Opened at the first call, and again after it was lost."""
        held: list[_Connection] = (
            self._shared if self.plugin.threads_share else self._own.__dict__.setdefault("held", [])
        )
        with self._lock:
            if not held:
                held.append(self._load())
            return held[0]

    def _forget(self, lost: AbstractFileSystem) -> None:
        """Make the next call open a new connection in place of `lost`."""
        for held in (self._shared, self._own.__dict__.get("held", [])):
            with self._lock:
                if held and held[0].fs is lost:
                    held.clear()

    def _load(self) -> _Connection:
        from fsspec.registry import known_implementations

        for name in self.plugin.loggers:
            logging.getLogger(name).addHandler(logging.NullHandler())
        try:
            fs, root = self.plugin.open(self._settings)
        except ImportError as error:
            hint = known_implementations.get(self._protocol, {}).get("err", str(error))
            package = self.plugin.package
            raise RemoteError(
                f"cannot use {self.url}",
                why=f"the package for {self._protocol}:// is not installed: {hint}",
                fix=f"pip install '{package}'" if package else "install it, then run the same command again",
            ) from error
        except plugin_failures() as error:
            if self._protocol not in known_implementations and self._protocol not in PLUGINS:
                raise _unknown(self.url, self._protocol, [*PLUGINS, *known_implementations]) from error
            raise translate(error, "connect", self._settings) from error
        return _Connection(fs, root.rstrip("/"))

    # -- calls ---------------------------------------------------------------------------------------------------

    def call(self, work: Callable[[AbstractFileSystem], T], action: str) -> T:
        """Return `work(file system)`. Raises RemoteError; `action` completes its "cannot …"."""
        return self._retry(lambda: self._attempt(work, action))

    def _attempt(self, work: Callable[[AbstractFileSystem], T], action: str) -> T:
        fs = self._connection().fs
        try:
            return work(fs)
        except plugin_failures() as error:
            translated = translate(error, action, self._settings)
            if isinstance(translated, TransientError):
                self._forget(fs)
            raise translated from error

    def _write(self, path: str, body: Body, meter: Meter, action: str) -> None:
        """Try once to write `body` to `path`. Errors of the body itself pass through."""
        meter.at(0)
        source = _Source(checked_chunks(body, meter))

        def write(fs: AbstractFileSystem) -> None:
            self._make_directory(fs, path)
            self.plugin.write(fs, path, iter(source), body.size)

        try:
            self._attempt(write, action)
        except RemoteError:
            if source.failure is not None:
                raise source.failure from None
            raise

    def _rename(self, fs: AbstractFileSystem, source: str, target: str) -> None:
        self._make_directory(fs, target)
        self.plugin.move(fs, source, target)

    def _removing(self, path: str) -> Callable[[AbstractFileSystem], None]:
        def remove(fs: AbstractFileSystem) -> None:
            with suppress(FileNotFoundError, NotADirectoryError):
                self.plugin.remove(fs, path)

        return remove

    def _make_directory(self, fs: AbstractFileSystem, path: str) -> None:
        directory = path.rpartition("/")[0]
        if directory not in self._made and self.plugin.has_directories:
            fs.makedirs(directory, exist_ok=True)
            self._made.add(directory)


def _is_read_only(error: RemoteError) -> bool:
    return isinstance(error.__cause__, READ_ONLY)


def _list_top(root: str) -> Callable[[AbstractFileSystem], None]:
    def list_root(fs: AbstractFileSystem) -> None:
        fs.invalidate_cache()
        with suppress(FileNotFoundError):
            fs.ls(root, detail=False)

    return list_root


def _unknown(url: str, protocol: str, known: list[str]) -> RemoteError:
    near = get_close_matches(protocol, known, n=1)
    return RemoteError(
        f"cannot use {url}",
        why=f"unknown protocol {protocol}://",
        fix=f"did you mean {near[0]}://?" if near else "use a directory, s3://, or a protocol that fsspec supports",
    )
