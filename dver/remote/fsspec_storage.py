"""Any protocol that fsspec has a plugin for, as a remote: memory://, sftp://, gs://, abfs://, smb://, webdav://…

Plugins differ in what they promise, so this asks little of them. An object is written under a temporary name and moved
to its own, hence a reader never sees half of one; object stores, where a move is a copy and a plain upload is atomic
anyway, get small bodies in one call. fsspec has no conditional write that all plugins know: `if_absent` looks first and
writes then, and `Capabilities.conditional_put` is False.
"""

from __future__ import annotations

import errno
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, TypeVar

from dver.core.errors import RemoteError
from dver.core.fsutil import temporary_name
from dver.remote.retry import Policy, Retrier, TransientError, UnreachableError
from dver.remote.storage import (
    RESERVED,
    Body,
    BytesBody,
    Capabilities,
    Meter,
    MissingKey,
    Moved,
    ObjectInfo,
    checked_chunks,
    checked_key,
    checked_range,
    short_read,
)

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

T = TypeVar("T")

_OBJECT_STORES: Final = frozenset({"gs", "gcs", "abfs", "abfss", "az", "oci", "oss", "obs", "tos"})
_SINGLE_PUT: Final = 34 * 2**20
_PACKAGES: Final = {
    "gs": "dver[gs]",
    "gcs": "dver[gs]",
    "abfs": "dver[azure]",
    "abfss": "dver[azure]",
    "az": "dver[azure]",
    "sftp": "dver[ssh]",
    "ssh": "dver[ssh]",
    "webdav": "dver[webdav]",
    "smb": "smbprotocol",
    "oss": "ossfs",
    "oci": "ocifs",
    "hdfs": "pyarrow",
}
# What the plugins' own libraries raise beside OSError. Only those already imported are looked up.
_LIBRARY_ERRORS: Final = (
    ("aiohttp", "ClientError"),
    ("asyncssh.misc", "Error"),
    ("azure.core.exceptions", "AzureError"),
    ("gcsfs.retry", "HttpError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("paramiko.ssh_exception", "SSHException"),
    ("smbprotocol.exceptions", "SMBException"),
    ("webdav4.client", "ClientError"),
    ("httpx", "HTTPError"),
)
_PASSING_ERRNOS: Final = frozenset(
    {errno.ECONNABORTED, errno.ECONNRESET, errno.EPIPE, errno.ETIMEDOUT, errno.EBUSY, errno.EAGAIN}
)
_UNREACHABLE_ERRNOS: Final = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH})
_READ_ONLY: Final = (PermissionError, NotImplementedError)


class FsspecStorage:
    """The folder or prefix at `url`, through fsspec's plugin for the protocol. Imported at the first call."""

    def __init__(self, url: str, *, policy: Policy | None = None) -> None:
        self._url: Final = url.rstrip("/")
        self._protocol: Final = url.partition("://")[0]
        self._retry: Final = Retrier(policy or Policy())
        self._lock: Final = threading.Lock()
        self._opened: tuple[AbstractFileSystem, str] | None = None
        self._made: set[str] = set()

    @property
    def url(self) -> str:
        return self._url

    def __repr__(self) -> str:
        return f"FsspecStorage({self._url!r})"

    def put(self, key: str, body: Body, *, if_absent: bool = False, moved: Moved | None = None) -> bool:
        path = self._path(key)
        if if_absent and self.stat(key) is not None:
            return False
        if self._protocol in _OBJECT_STORES and body.size <= _SINGLE_PUT:
            content = b"".join(checked_chunks(body))
            self._call(lambda fs: fs.pipe_file(path, content), f"write {key!r}")
            Meter(moved).at(len(content))
            return True
        temporary = self._path_of(f"{RESERVED}tmp/{temporary_name('put')}")
        meter = Meter(moved)
        try:
            self._retry(lambda: self._write(temporary, body, meter, f"write {key!r}"))
            self._call(lambda fs: self._move(fs, temporary, path), f"write {key!r}")
        except BaseException:
            with suppress(RemoteError):
                self._call(lambda fs: _remove(fs, temporary), "clean up")
            raise
        return True

    def get(self, key: str, start: int = 0, length: int | None = None, *, moved: Moved | None = None) -> bytes:
        checked_range(start, length)
        path = self._path(key)
        end = None if length is None else start + length

        def read(fs: AbstractFileSystem) -> bytes:
            try:
                content = bytes(fs.cat_file(path, start=start, end=end)) if length != 0 else b""
            except (FileNotFoundError, IsADirectoryError):
                raise
            except (OSError, ValueError):
                # Some plugins refuse a range that begins at or after the end.
                if start < fs.info(path)["size"]:
                    raise
                content = b""
            if len(content) != length or length == 0:
                self._check_length(key, fs.info(path)["size"], len(content), start=start, length=length)
            return content

        try:
            content = self._call(read, f"read {key!r}")
        except RemoteError as error:
            if isinstance(error.__cause__, (FileNotFoundError, IsADirectoryError)):
                raise MissingKey(self.url, key) from None
            raise
        Meter(moved).at(len(content))
        return content

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        folder = prefix.rpartition("/")[0]
        path = self._path(folder) if folder else self._path_of("")
        # Paths come back with or without a leading slash, depending on the plugin.
        skip = len(self._path_of("").strip("/")) + 1 if self._path_of("").strip("/") else 0

        def find(fs: AbstractFileSystem) -> dict[str, dict[str, Any]]:
            fs.invalidate_cache()
            try:
                found: dict[str, dict[str, Any]] = fs.find(path, detail=True)
            except FileNotFoundError:
                return {}
            return found

        for name, info in self._call(find, "list objects").items():
            key = name.strip("/")[skip:]
            if key.startswith(prefix) and not any(part.startswith(RESERVED) for part in key.split("/")):
                yield ObjectInfo(key, info["size"])

    def stat(self, key: str) -> ObjectInfo | None:
        path = self._path(key)

        def look(fs: AbstractFileSystem) -> ObjectInfo | None:
            fs.invalidate_cache()
            try:
                info = fs.info(path)
            except (FileNotFoundError, NotADirectoryError):
                return None
            return ObjectInfo(key, info["size"]) if info["type"] == "file" else None

        return self._call(look, f"look for {key!r}")

    def delete(self, key: str) -> None:
        path = self._path(key)
        self._call(lambda fs: _remove(fs, path), f"delete {key!r}")

    def probe(self) -> Capabilities:
        self._call(_list_top(self._path_of("")), "list objects")
        key = f"probe-{temporary_name().removeprefix(RESERVED)}"
        try:
            self.put(key, BytesBody(b"dver"))
        except RemoteError as error:
            if isinstance(error.__cause__, _READ_ONLY):
                return Capabilities(writable=False, conditional_put=False)
            raise
        try:
            self.delete(key)
        except RemoteError as error:
            if not isinstance(error.__cause__, _READ_ONLY):
                raise
            return Capabilities(writable=True, conditional_put=False)
        return Capabilities(writable=True, conditional_put=False, deletable=True)

    # -- paths ---------------------------------------------------------------------------------------------------

    def _path(self, key: str) -> str:
        return self._path_of(checked_key(key))

    def _path_of(self, name: str) -> str:
        root = self._open()[1].rstrip("/")
        return f"{root}/{name}" if name else root

    def _open(self) -> tuple[AbstractFileSystem, str]:
        with self._lock:
            if self._opened is None:
                self._opened = self._load()
            return self._opened

    def _load(self) -> tuple[AbstractFileSystem, str]:
        from fsspec.core import url_to_fs
        from fsspec.registry import known_implementations

        try:
            # No cache of listings and no instance shared with the rest of the process: others write here too.
            fs, root = url_to_fs(self._url, use_listings_cache=False, skip_instance_cache=True)
        except ImportError as error:
            hint = known_implementations.get(self._protocol, {}).get("err", str(error))
            package = _PACKAGES.get(self._protocol)
            raise RemoteError(
                f"cannot use {self._url}",
                why=f"the package for {self._protocol}:// is not installed: {hint}",
                fix=f"pip install '{package}'" if package else "install it, then run the same command again",
            ) from error
        except _failures() as error:
            if self._protocol not in known_implementations:
                raise _unknown(self._url, self._protocol, list(known_implementations)) from error
            raise self._translate(error, "connect") from error
        return fs, str(root)

    # -- calls ---------------------------------------------------------------------------------------------------

    def _call(self, work: Callable[[AbstractFileSystem], T], action: str) -> T:
        return self._retry(lambda: self._attempt(work, action))

    def _attempt(self, work: Callable[[AbstractFileSystem], T], action: str) -> T:
        fs = self._open()[0]
        try:
            return work(fs)
        except _failures() as error:
            raise self._translate(error, action) from error

    def _write(self, path: str, body: Body, meter: Meter, action: str) -> None:
        """One try to write `body` to `path`. What the body itself raises passes through."""
        meter.at(0)
        file = self._attempt(lambda fs: self._create(fs, path), action)
        try:
            for chunk in checked_chunks(body, meter):
                self._attempt(_writing(file, chunk), action)
        finally:
            self._attempt(lambda fs: file.close(), action)

    def _create(self, fs: AbstractFileSystem, path: str) -> Any:
        self._make_folder(fs, path)
        return fs.open(path, "wb")

    def _move(self, fs: AbstractFileSystem, source: str, target: str) -> None:
        from fsspec import AbstractFileSystem

        self._make_folder(fs, target)
        if type(fs).mv is AbstractFileSystem.mv:
            # The default mv takes `[` and `*` in a path for a pattern.
            fs.cp_file(source, target)
            fs.rm_file(source)
            return
        try:
            fs.mv(source, target)
        except FileExistsError:
            # A few plugins (smb) never replace.
            fs.rm_file(target)
            fs.mv(source, target)

    def _make_folder(self, fs: AbstractFileSystem, path: str) -> None:
        folder = path.rpartition("/")[0]
        if folder not in self._made and self._protocol not in _OBJECT_STORES:
            fs.makedirs(folder, exist_ok=True)
            self._made.add(folder)

    def _check_length(self, key: str, size: int, got: int, *, start: int, length: int | None) -> None:
        rest = max(0, size - start)
        wanted = rest if length is None else min(rest, length)
        if got != wanted:
            broken = short_read(self.url, key, wanted=wanted, got=got)
            raise TransientError(broken.what, why=broken.why, fix=broken.fix)

    def _translate(self, error: Exception, action: str) -> RemoteError:
        why = " ".join(str(error).split()) or type(error).__name__
        again = "check the network, then run the same command again"
        number = error.errno if isinstance(error, OSError) else None
        if (
            isinstance(error, ConnectionRefusedError)
            or number in _UNREACHABLE_ERRNOS
            or type(error).__name__ == "gaierror"
        ):
            return UnreachableError(f"cannot reach {self._url}", why=why, fix="check the network and the address")
        if isinstance(error, (ConnectionError, TimeoutError)) or number in _PASSING_ERRNOS:
            return TransientError(f"cannot {action} on {self._url}", why=f"the connection broke off: {why}", fix=again)
        if isinstance(error, _READ_ONLY):
            return RemoteError(
                f"cannot {action} on {self._url}",
                why=f"it is not allowed, or this protocol cannot do it: {why}",
                fix="check your rights there, or use another remote",
            )
        return RemoteError(f"cannot {action} on {self._url}", why=why, fix="see what the server says above")


def _failures() -> tuple[type[Exception], ...]:
    """The exceptions by which fsspec and its plugins tell of a failure."""
    found = [getattr(sys.modules[module], name) for module, name in _LIBRARY_ERRORS if module in sys.modules]
    return (OSError, ValueError, RuntimeError, *found)


def _writing(file: Any, chunk: bytes) -> Callable[[AbstractFileSystem], Any]:
    return lambda fs: file.write(chunk)


def _remove(fs: AbstractFileSystem, path: str) -> None:
    with suppress(FileNotFoundError):
        fs.rm_file(path)


def _list_top(root: str) -> Callable[[AbstractFileSystem], None]:
    def look(fs: AbstractFileSystem) -> None:
        fs.invalidate_cache()
        with suppress(FileNotFoundError):
            fs.ls(root, detail=False)

    return look


def _unknown(url: str, protocol: str, known: list[str]) -> RemoteError:
    near = get_close_matches(protocol, known, n=1)
    return RemoteError(
        f"cannot use {url}",
        why=f"no storage is called {protocol}://",
        fix=f"did you mean {near[0]}://?" if near else "use a folder, s3://, or a protocol that fsspec knows",
    )
