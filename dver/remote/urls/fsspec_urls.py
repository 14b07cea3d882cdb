"""Files at URLs of the other protocols that fsspec supports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from dver.core.errors import RemoteError
from dver.remote.backends.fsspec import FsspecStorage
from dver.remote.retry import RetryPolicy
from dver.remote.settings import RemoteSettings
from dver.remote.urls.range_pieces import range_pieces
from dver.remote.urls.url_info import UrlFile, UrlInfo, UrlNotFound, checked_listing, fingerprint_of

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


class FsspecUrls:
    """Reads files from the server or bucket of `settings.url`, a URL without a path."""

    def __init__(self, settings: RemoteSettings, *, policy: RetryPolicy | None = None) -> None:
        self._top: Final = settings.url
        self._storage: Final = FsspecStorage(settings, policy=policy)

    def file_info(self, url: str) -> UrlInfo | None:
        found = self._info(url)
        if found["type"] == "directory":
            return None
        return UrlInfo(url, "file", found["size"], fingerprint_of(found, found["size"]))

    def list(self, url: str) -> list[UrlFile]:
        path = self._path(url)

        def find(fs: AbstractFileSystem) -> dict[str, dict[str, Any]]:
            fs.invalidate_cache()
            found: dict[str, dict[str, Any]] = fs.find(path, detail=True)
            return found

        skip = len(path.strip("/")) + 1 if path.strip("/") else 0
        found = self._storage.call(find, "list files")
        files = [
            _url_file(f"{url.rstrip('/')}/", name.strip("/")[skip:], info)
            for name, info in found.items()
            if info["type"] == "file" and len(name.strip("/")) > skip
        ]
        if not files:
            raise UrlNotFound(url)
        return checked_listing(url, files)

    def read(self, url: str, start: int, length: int) -> bytes:
        path = self._path(url)
        if length == 0:
            return b""
        try:
            return self._storage.call(
                lambda fs: self._storage.plugin.read(fs, path, start, start + length), f"read {path!r}"
            )
        except RemoteError as error:
            raise _not_found(url, error) from error

    def pieces(self, url: str) -> Iterator[bytes]:
        return range_pieces(self.read, url, self._info(url)["size"])

    def _info(self, url: str) -> dict[str, Any]:
        path = self._path(url)

        def info_of(fs: AbstractFileSystem) -> dict[str, Any]:
            fs.invalidate_cache()
            found: dict[str, Any] = fs.info(path)
            return found

        try:
            return self._storage.call(info_of, f"find {path!r}")
        except RemoteError as error:
            raise _not_found(url, error) from error

    def _path(self, url: str) -> str:
        return self._storage.path_of(url.removeprefix(self._top).strip("/"))


def _url_file(directory: str, name: str, info: dict[str, Any]) -> UrlFile:
    encoded = name.encode(errors="surrogateescape")
    return UrlFile(encoded, directory + name, info["size"], fingerprint_of(info, info["size"]))


def _not_found(url: str, error: RemoteError) -> RemoteError:
    missing = isinstance(error.__cause__, FileNotFoundError | NotADirectoryError)
    return UrlNotFound(url) if missing else error
