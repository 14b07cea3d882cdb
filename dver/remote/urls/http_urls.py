"""Files at http:// and https:// URLs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final
from urllib.parse import urlsplit

from urllib3 import BaseHTTPResponse

from dver.core.errors import RemoteError
from dver.core.traffic import TRAFFIC
from dver.remote.backends.http import content_range
from dver.remote.backends.http_client import HttpClient
from dver.remote.backends.http_connections import body_size
from dver.remote.failures import RefusedError, parse_http_date
from dver.remote.retry import RetryPolicy
from dver.remote.urls.range_pieces import changed_source
from dver.remote.urls.url_info import UrlFile, UrlInfo, UrlNotFound, fingerprint_of, shown

_PIECE: Final = 2**18
_MISSING: Final = (404, 410)


class HttpUrls:
    """Reads files from the web server of `url`, without credentials."""

    def __init__(self, url: str, *, policy: RetryPolicy | None = None) -> None:
        self._client: Final = HttpClient("", url, policy=policy)

    def file_info(self, url: str) -> UrlInfo | None:
        try:
            found = self._info(url, "HEAD", {})
        except RefusedError:
            found = None  # such as a signature that is valid for GET only
        if found is None or (found.size is None and found.fingerprint is None):
            found = self._info(url, "GET", {"Range": "bytes=0-0"})
        return found

    def list(self, url: str) -> list[UrlFile]:
        raise RemoteError(
            f"cannot list {shown(url)}",
            why="web servers do not list the files of a directory",
            fix="use the URL of each file, or an archive of the directory",
        )

    def read(self, url: str, start: int, length: int) -> bytes:
        content = bytearray()
        download = _Download(self._client, url, start, end=start + length)
        with download:
            while len(content) < length and (piece := download.next()):
                content += piece
        return bytes(content[:length])

    def pieces(self, url: str) -> Iterator[bytes]:
        with _Download(self._client, url) as download:
            while piece := download.next():
                yield piece

    def _info(self, url: str, method: str, headers: dict[str, str]) -> UrlInfo:
        def info_of(response: BaseHTTPResponse) -> UrlInfo:
            if response.status in _MISSING:
                raise UrlNotFound(url)
            size = _total(response)
            return UrlInfo(url, "file", size, _fingerprint(response, size))

        return self._client.call(_without_fragment(url), info_of, _action(url), method=method, headers=headers)


class _Download:
    """The body of a GET. After a lost connection, it continues at the position where it stopped."""

    def __init__(self, client: HttpClient, url: str, start: int = 0, *, end: int | None = None) -> None:
        self._client: Final = client
        self._url: Final = url
        self._end: Final = end
        self._position = start
        self._skip = 0
        self._held: tuple[ExitStack, BaseHTTPResponse] | None = None
        self._known: tuple[str | None, int | None] | None = None
        """ETag or time of the first response, and the size if it has one."""

    def __enter__(self) -> _Download:
        return self

    def __exit__(self, *_: object) -> None:
        if self._held is not None:
            self._held[1].close()
            self._held[0].close()

    def next(self) -> bytes:
        """The next piece; empty at the end."""
        return self._client.retry(self._attempt)

    def _attempt(self) -> bytes:
        held, self._held = self._held, None
        with TRAFFIC.request(), ExitStack() if held is None else held[0] as stack:
            response = self._open(stack) if held is None else held[1]
            piece = b"" if response.status == 416 else self._read(response)
            self._held = stack.pop_all(), response
        self._position += len(piece)
        return piece

    def _read(self, response: BaseHTTPResponse) -> bytes:
        while piece := response.read1(_PIECE):
            TRAFFIC.touch()
            skipped = min(self._skip, len(piece))
            self._skip -= skipped
            if skipped < len(piece):
                return piece[skipped:]
        return b""

    def _open(self, stack: ExitStack) -> BaseHTTPResponse:
        ranged = self._position or self._end is not None
        last = "" if self._end is None else self._end - 1
        headers = {"Range": f"bytes={self._position}-{last}"} if ranged else {}
        opened = self._client.open(_without_fragment(self._url), _action(self._url), headers=headers)
        response = stack.enter_context(opened)
        if response.status in _MISSING:
            raise UrlNotFound(self._url)
        self._refuse_change(response)
        first = content_range(response)[0]
        if (first is None and response.status == 206) or first not in (None, self._position):
            raise RemoteError(
                f"cannot read {shown(self._url)}",
                why="the server sent another range than requested",
                fix="check the server and any proxy before it",
            )
        self._skip = self._position if first is None else 0
        return response

    def _refuse_change(self, response: BaseHTTPResponse) -> None:
        tag, total = _fingerprint(response, None), _total(response)
        known_tag, known_total = self._known or (tag, total)
        if tag != known_tag or (None not in (total, known_total) and total != known_total):
            raise changed_source(self._url)
        self._known = known_tag, known_total or total


def _total(response: BaseHTTPResponse) -> int | None:
    """The size of the whole file."""
    first, total = content_range(response)
    if response.status == 416:
        text = response.headers.get("Content-Range", "").rpartition("/")[2]
        return int(text) if text.isascii() and text.isdigit() else 0
    return total if first is not None else body_size(response)


def _fingerprint(response: BaseHTTPResponse, size: int | None) -> str | None:
    changed = parse_http_date(response.headers.get("Last-Modified", ""))
    return fingerprint_of({"etag": response.headers.get("ETag"), "mtime": changed}, size)


def _without_fragment(url: str) -> str:
    return urlsplit(url)._replace(fragment="").geturl()


def _action(url: str) -> str:
    return f"read {urlsplit(url).path or '/'}"
