"""Files at URLs of any protocol: paths, file://, s3://, http://, https://, and what fsspec supports."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from dver.core.errors import UsageError
from dver.remote.settings import RemoteSettings
from dver.remote.urls.disk_urls import DiskUrls
from dver.remote.urls.url_info import UrlFile, UrlInfo, UrlReader, directory_info


class UrlFiles:
    """Reads files at URLs. Safe to use from many threads; connects to each server once.

    `remotes` are the project's: a URL in the bucket or on the server of one is read with its endpoint and credentials,
    any other with those of the environment. Relative paths start at `base`.
    """

    def __init__(self, remotes: Iterable[RemoteSettings] = (), *, base: Path) -> None:
        self._remotes: Final = tuple(remotes)
        self._disk: Final = DiskUrls(base)
        self._lock: Final = threading.Lock()
        self._readers: Final[dict[str, UrlReader]] = {}

    def info(self, url: str) -> UrlInfo:
        """Kind, size and fingerprint of the file or directory at `url`. Raises UrlNotFound."""
        return self.file_info(url) or directory_info(url, self.list(url))

    def file_info(self, url: str) -> UrlInfo | None:
        """The file at `url`; None if only a directory can be there."""
        return self._reader(url).file_info(url)

    def list(self, url: str) -> Sequence[UrlFile]:
        """All files below the directory at `url`, sorted by name. Raises UrlNotFound."""
        return self._reader(url).list(url)

    def read(self, url: str, start: int, length: int) -> bytes:
        """A range of the file at `url`; fewer bytes where the file ends before it."""
        return self._reader(url).read(url, start, length)

    def pieces(self, url: str) -> Iterable[bytes]:
        """The file at `url` from its start, in pieces of some MiB. Lost connections are continued."""
        return self._reader(url).pieces(url)

    def _reader(self, url: str) -> UrlReader:
        scheme, separator, rest = url.partition("://")
        if not separator or scheme == "file":
            return self._disk
        server = rest.partition("/")[0]
        top = f"{scheme}://{server}"
        if not server:
            raise UsageError(
                f"{url!r} is not valid", why="the name of a server or bucket is missing", fix=f"{top}NAME/…"
            )
        with self._lock:
            if top not in self._readers:
                self._readers[top] = _connect(scheme, self._settings(top))
            return self._readers[top]

    def _settings(self, top: str) -> RemoteSettings:
        for remote in self._remotes:
            if f"{remote.url}/".startswith(f"{top}/"):
                return replace(remote, url=top)
        return RemoteSettings(name="", url=top)


def _connect(scheme: str, settings: RemoteSettings) -> UrlReader:
    if scheme in ("s3", "s3a"):
        from dver.remote.urls.s3_urls import S3Urls

        return S3Urls(settings)
    if scheme in ("http", "https"):
        from dver.remote.urls.http_urls import HttpUrls

        return HttpUrls(settings.url)
    from dver.remote.urls.fsspec_urls import FsspecUrls

    return FsspecUrls(settings)
