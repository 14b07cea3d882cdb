"""A remote that is read, and never written, through a web server: a public bucket, or a server of static files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import quote, urlsplit

from dver.core.errors import RemoteError
from dver.remote.http_client import WHOLE_MAX, Answer, Client, HttpError
from dver.remote.http_list import Lister
from dver.remote.listing import LISTED
from dver.remote.retry import Policy, TransientError
from dver.remote.storage import (
    Body,
    Capabilities,
    Meter,
    MissingKey,
    Moved,
    ObjectInfo,
    checked_key,
    checked_range,
    short_read,
)

if TYPE_CHECKING:
    from dver.remote.settings import RemoteSettings

_ABSENT: Final = (404, 410)
_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII | re.IGNORECASE)


class HttpStorage:
    """The folder at `settings.url`, http:// or https://."""

    def __init__(self, settings: RemoteSettings, *, timeout: float = 60.0, policy: Policy | None = None) -> None:
        """`timeout`: seconds without a byte after which a request is given up and made again."""
        self._name: Final = settings.name
        self._url: Final = settings.url.rstrip("/")
        self._root: Final = quote(self._url, safe="/%:@!$&'()*+,;=~-._[]")
        self._client: Final = Client(settings.name, self._root, timeout=timeout, policy=policy)
        self._sends_ranges: bool | None = None
        self._lister: Final = Lister(self._client, self._root, settings, self.stat)

    @property
    def url(self) -> str:
        return self._url

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the server's clock was ahead of ours at the last answer; None if it did not tell."""
        return self._client.skew

    @property
    def sends_ranges(self) -> bool | None:
        """Does the server send the part asked for alone? None before it was asked."""
        return self._sends_ranges

    def __repr__(self) -> str:
        return f"HttpStorage({self._url!r})"

    def put(self, key: str, body: Body, *, if_absent: bool = False, moved: Moved | None = None) -> bool:
        self._refuse_to_write(key)

    def delete(self, key: str) -> None:
        self._refuse_to_write(key)

    def get(self, key: str, start: int = 0, length: int | None = None, *, moved: Moved | None = None) -> bytes:
        checked_range(start, length)
        if length == 0:
            if self.stat(key) is None:
                raise MissingKey(self.url, key)
            return b""
        whole, meter = start == 0 and length is None, Meter(moved)
        end = "" if length is None else start + length - 1
        headers = {} if whole else {"Range": f"bytes={start}-{end}"}

        def take(answer: Answer) -> bytes | None:
            meter.at(0)
            if answer.status in (200, 206) and not whole:
                self._sends_ranges = bool(answer.header("Content-Range"))
            if self._is_absent(key, answer):
                return None
            return b"" if answer.status == 416 else self._content(key, answer, start, length, meter)

        content = self._client.call(self._address(key), take, f"read {key!r}", headers=headers)
        if content is None:
            raise MissingKey(self.url, key)
        return content

    def stat(self, key: str) -> ObjectInfo | None:
        try:
            size = self._client.call(
                self._address(key), lambda answer: self._size(key, answer), f"look for {key!r}", method="HEAD"
            )
        except HttpError as error:
            if error.status not in (405, 501):
                raise
            size = None, False
        found, known = size
        if not known:  # some servers do not do HEAD, or do not say the size in it: one byte tells it, too
            found, _ = self._client.call(
                self._address(key),
                lambda answer: self._size(key, answer),
                f"look for {key!r}",
                headers={"Range": "bytes=0-0"},
            )
        return None if found is None else ObjectInfo(key, found)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        if folder := prefix.rpartition("/")[0]:
            checked_key(folder)
        return self._lister.list(prefix)

    def probe(self) -> Capabilities:
        next(self.list(LISTED), None)
        return Capabilities(writable=False, conditional_put=False)

    # -- reading -------------------------------------------------------------------------------------------------

    def _address(self, key: str) -> str:
        return f"{self._root}/{quote(checked_key(key))}"

    def _is_absent(self, key: str, answer: Answer) -> bool:
        """Is there nothing under `key`? A server sends those who ask for a folder to its address with a slash."""
        if answer.status in _ABSENT or urlsplit(answer.url).path.endswith("/"):
            return True
        if answer.is_page and not key.endswith((".html", ".htm")):
            raise RemoteError(
                f"cannot read {key!r} on {self.url}",
                why="the answer is a web page: this is not where the data is, or a login comes first",
                fix=f"open {self.url} in a browser, and correct the address: `dver remote set {self._name} url URL`",
            )
        return False

    def _content(self, key: str, answer: Answer, start: int, length: int | None, meter: Meter) -> bytes:
        """The bytes asked for, whether the server sends those alone or everything."""
        first, total = _content_range(answer)
        if first is not None:
            if first != start or total is None:
                raise self._strange(key, "it sent another range than the one asked for")
            skip = 0
        elif answer.status == 206:
            raise self._strange(key, "it sent a part, and did not say which")
        else:
            skip, total = start, answer.length
        rest = None if total is None else max(0, total - start)
        most = WHOLE_MAX + 1 if length is None else length
        wanted = most if rest is None else min(rest, most)
        content = answer.read(wanted, meter=meter, skip=skip)
        if length is None and len(content) > WHOLE_MAX:
            raise self._strange(key, f"it is larger than {WHOLE_MAX >> 20} MiB, or has no end")
        if rest is not None and len(content) != wanted:
            broken = short_read(self.url, key, wanted=wanted, got=len(content))
            raise TransientError(broken.what, why=broken.why, fix=broken.fix)
        return content

    def _size(self, key: str, answer: Answer) -> tuple[int | None, bool]:
        """The size of the object, None if there is none; and whether the answer told."""
        if self._is_absent(key, answer):
            return None, True
        if answer.status == 206:
            return _content_range(answer)[1], True
        if answer.status == 416:
            return 0, True
        return answer.length, answer.length is not None

    def _strange(self, key: str, why: str) -> RemoteError:
        return RemoteError(
            f"cannot read {key!r} on {self.url}", why=why, fix="check the server and any proxy before it"
        )

    def _refuse_to_write(self, key: str) -> NoReturn:
        checked_key(key)
        raise RemoteError(
            f"cannot write to {self.url}",
            why="through a web server a remote can be read only",
            fix="push to the folder or bucket behind it, as a remote of its own: `dver remote add NAME URL`",
        )


def _content_range(answer: Answer) -> tuple[int | None, int | None]:
    """First byte and total size, if the answer is a part; some servers send one as if it were all (200)."""
    match = _RANGE.fullmatch(answer.header("Content-Range"))
    if match is None:
        return None, None
    first, last = int(match[1]), int(match[2])
    if answer.status != 206 and answer.length != last - first + 1:
        return None, None
    return first, None if match[3] == "*" else int(match[3])
