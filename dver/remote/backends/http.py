"""Read-only remotes on web servers: public buckets, and servers of static files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import quote, urlsplit

from urllib3 import BaseHTTPResponse

from dver.core.errors import RemoteError
from dver.remote.backends.http_client import HttpClient, read_body
from dver.remote.backends.http_connections import body_size
from dver.remote.backends.http_listing import HttpListing
from dver.remote.failures import RefusedError, check_length
from dver.remote.index.keys import INDEXES
from dver.remote.retry import RetryPolicy
from dver.remote.storage import (
    Body,
    Capabilities,
    Meter,
    MissingKey,
    ObjectInfo,
    OnBytes,
    checked_key,
    checked_range,
    range_length,
)

if TYPE_CHECKING:
    from dver.remote.settings import RemoteSettings

WHOLE_MAX: Final = 2**26
"""Bytes that are read of a file whose size the caller does not know."""
_NOT_FOUND: Final = (404, 410)
_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII | re.IGNORECASE)


class HttpStorage:
    """The directory at `settings.url`, http:// or https://."""

    def __init__(self, settings: RemoteSettings, *, timeout: float = 60.0, policy: RetryPolicy | None = None) -> None:
        """`timeout`: seconds without a byte after which a request is retried."""
        self.url: Final = settings.url.rstrip("/")
        self.sends_ranges: bool | None = None
        """Does the server send only the range that a request asks for? None before the first such request."""
        self._client: Final = HttpClient(settings.name, self.url, timeout=timeout, policy=policy)
        self._lister: Final = HttpListing(self._client)

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the server's clock was ahead of ours at the last response, if it has a date."""
        return self._client.skew

    def __repr__(self) -> str:
        return f"HttpStorage({self.url!r})"

    def put(self, key: str, body: Body, *, if_absent: bool = False, on_bytes: OnBytes | None = None) -> bool:
        self._refuse_to_write(key)

    def delete(self, key: str) -> None:
        self._refuse_to_write(key)

    def get(self, key: str, start: int = 0, length: int | None = None, *, on_bytes: OnBytes | None = None) -> bytes:
        checked_range(start, length)
        if length == 0:
            if self.stat(key) is None:
                raise MissingKey(self.url, key)
            return b""
        whole, meter = start == 0 and length is None, Meter(on_bytes)
        end = "" if length is None else start + length - 1
        headers = {} if whole else {"Range": f"bytes={start}-{end}"}

        def read(response: BaseHTTPResponse) -> bytes | None:
            meter.at(0)
            if response.status in (200, 206) and not whole:
                self.sends_ranges = "Content-Range" in response.headers
            if self._is_missing(key, response):
                return None
            return b"" if response.status == 416 else self._content(key, response, start, length, meter)

        content = self._client.call(self._address(key), read, f"read {key!r}", headers=headers)
        if content is None:
            raise MissingKey(self.url, key)
        return content

    def stat(self, key: str) -> ObjectInfo | None:
        def size(response: BaseHTTPResponse) -> tuple[int | None, bool]:
            """The size, None for a missing object; and whether the response has it."""
            if self._is_missing(key, response):
                return None, True
            if response.status == 206:
                return content_range(response)[1], True
            found = 0 if response.status == 416 else body_size(response)
            return found, found is not None

        address, action = self._address(key), f"find {key!r}"
        try:
            found, known = self._client.call(address, size, action, method="HEAD")
        except RefusedError as error:
            if error.code not in ("405", "501"):
                raise
            found, known = None, False
        if not known:  # some servers do not support HEAD, or send no size with it
            found, _ = self._client.call(address, size, action, headers={"Range": "bytes=0-0"})
        return None if found is None else ObjectInfo(key, found)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        if directory := prefix.rpartition("/")[0]:
            checked_key(directory)
        return self._lister.list(prefix)

    def probe(self) -> Capabilities:
        next(self.list(INDEXES), None)
        return Capabilities(writable=False, conditional_put=False)

    def _address(self, key: str) -> str:
        return f"{self.url}/{quote(checked_key(key))}"

    def _is_missing(self, key: str, response: BaseHTTPResponse) -> bool:
        """Is there no object `key`? Servers redirect a request for a directory to its URL with a slash."""
        if response.status in _NOT_FOUND or urlsplit(response.url or "").path.endswith("/"):
            return True
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml") and not key.endswith((".html", ".htm")):
            raise RemoteError(
                f"cannot read {key!r} on {self.url}",
                why="the response is a web page: the data is elsewhere, or the server wants a login first",
                fix=f"open it in a browser, and correct the address: `dver remote set {self._client.name} url URL`",
            )
        return False

    def _content(self, key: str, response: BaseHTTPResponse, start: int, length: int | None, meter: Meter) -> bytes:
        """The bytes of the range, from a response that has the range or the whole object."""
        first, total = content_range(response)
        if first is not None:
            if first != start or total is None:
                raise self._unusable(key, "it sent another range than requested")
            skip = 0
        elif response.status == 206:
            raise self._unusable(key, "it sent a range, and not which one")
        else:
            skip, total = start, body_size(response)
        limit = WHOLE_MAX + 1 if length is None else length
        wanted = limit if total is None else range_length(total, start, limit)
        content = read_body(response, wanted, skip=skip, meter=meter)
        if length is None and len(content) > WHOLE_MAX:
            raise self._unusable(key, f"the object is larger than {WHOLE_MAX >> 20} MiB, or has no end")
        if total is not None:
            check_length(self.url, key, wanted=wanted, got=len(content))
        return content

    def _unusable(self, key: str, why: str) -> RemoteError:
        return RemoteError(
            f"cannot read {key!r} on {self.url}", why=why, fix="check the server and any proxy before it"
        )

    def _refuse_to_write(self, key: str) -> NoReturn:
        checked_key(key)
        raise RemoteError(
            f"cannot write to {self.url}",
            why="a remote on a web server is read only",
            fix="push to the directory or bucket behind it, as another remote: `dver remote add NAME URL`",
        )


def content_range(response: BaseHTTPResponse) -> tuple[int | None, int | None]:
    """First byte and total size of a response with a range; some servers send one with status 200."""
    match = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if match is None:
        return None, None
    first, last = int(match[1]), int(match[2])
    if response.status != 206 and body_size(response) != last - first + 1:
        return None, None
    return first, None if match[3] == "*" else int(match[3])
