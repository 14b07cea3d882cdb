"""Listing a remote that is read through a web server: S3's list request, else the `catalog` file that pushes write.

The format of that file: docs/format/listing.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, urlencode, urlsplit
from xml.etree import ElementTree

from urllib3 import BaseHTTPResponse

from dver.core.errors import RemoteError
from dver.formats import remote_listing
from dver.remote.backends.http_client import HttpClient, read_body
from dver.remote.failures import RefusedError
from dver.remote.index.keys import INDEXES
from dver.remote.index.listing_file import LISTING_KEY
from dver.remote.storage import ObjectInfo, checked_key

PAGE_MAX: Final = 64 << 20
"""Bytes of the largest page that is read: some hundred thousand names."""
LISTED_MAX: Final = 1_000_000
"""Names that one list may have."""
_PAGES_MAX: Final = 100_000


class BucketPage(NamedTuple):
    """One page of a bucket's list: keys and sizes, and the query parameters for the next page, if there is one."""

    objects: list[tuple[str, int]]
    following: dict[str, str]


class HttpListing:
    """Lists the keys of the remote at the client's URL. The first call finds out how, and later ones do the same."""

    def __init__(self, client: HttpClient) -> None:
        self._client: Final = client
        self._root: Final = client.url
        self._bucket: str | None = None
        """The bucket's URL; "" for a server that has none."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `Storage.list`."""
        if self._bucket is None:
            self._bucket = self._find_bucket()
        found = self._list_bucket(self._bucket, prefix) if self._bucket else self._list_catalog(prefix)
        for number, info in enumerate(found):
            if number == LISTED_MAX:
                raise self._cannot_list(f"its list has more than {LISTED_MAX:,} names, or no end")
            yield info

    def _find_bucket(self) -> str:
        """The URL of the bucket that `root` lies in: `root` itself, or the host's or the path's first name."""
        parts = urlsplit(self._root)
        host = f"{parts.scheme}://{parts.netloc}/"
        first = parts.path.strip("/").partition("/")[0]
        for bucket in dict.fromkeys((f"{self._root}/", host, f"{host}{first}")):
            page = self._page(f"{bucket}?{urlencode({'list-type': 2, 'max-keys': 1})}")
            if page is not None and parse_bucket(page) is not None:
                return bucket
        return ""

    def _list_bucket(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        below = unquote(self._root.removeprefix(bucket.rstrip("/"))).strip("/")
        top = f"{below}/" if below else ""
        query: dict[str, str] = {"list-type": "2", "prefix": top + prefix}
        for _ in range(_PAGES_MAX):
            page = self._page(f"{bucket}?{urlencode(query, quote_via=quote)}")
            found = None if page is None else parse_bucket(page)
            if found is None:
                raise self._cannot_list("the bucket does not allow it any more")
            for name, size in found.objects:
                key = name.removeprefix(top)
                # Some tools create empty objects that stand for directories.
                if name.startswith(top + prefix) and _is_key(key):
                    yield ObjectInfo(key, size)
            if not found.following:
                return
            if found.following.items() <= query.items():
                break
            query |= found.following
        raise self._cannot_list("the server repeats the same part of its list")

    def _list_catalog(self, prefix: str) -> Iterator[ObjectInfo]:
        content = self._page(f"{self._root}/{LISTING_KEY}", remote_listing.SIZE_MAX)
        if content is None or content.lstrip()[:1] == b"<":  # a web page in place of a missing file
            raise self._cannot_list(
                f"the server does not list its files, and there is no file {LISTING_KEY!r}",
                fix=f"push new data to the directory or bucket behind it: this writes {LISTING_KEY!r}",
            )
        if not prefix.startswith(INDEXES):
            raise self._cannot_list(
                f"the server does not list its files, and {LISTING_KEY!r} lists {INDEXES!r} only",
                fix="use the directory or bucket behind it as the remote",
            )
        for name, size in remote_listing.decode(content).items():
            if (INDEXES + name).startswith(prefix):
                yield ObjectInfo(INDEXES + name, size)

    def _page(self, url: str, limit: int = PAGE_MAX) -> bytes | None:
        """A file that may be a list; None if it is missing or not public."""

        def read(response: BaseHTTPResponse) -> bytes | None:
            if response.status != 200:
                return None
            content = read_body(response, limit + 1)
            if len(content) > limit:
                raise self._cannot_list(f"its list is larger than {limit >> 20} MiB")
            return content

        try:
            return self._client.call(url, read, "list", headers={"Cache-Control": "no-cache"})
        except RefusedError:
            return None

    def _cannot_list(self, why: str, *, fix: str | None = None) -> RemoteError:
        correct = f"correct the address: `dver remote set {self._client.name} url URL`"
        return RemoteError(f"cannot list {self._root}", why=why, fix=f"{fix}; or {correct}" if fix else correct)


def parse_bucket(content: bytes) -> BucketPage | None:
    """Parse an S3 server's response to ListObjects, version 1 or 2; None for anything else."""
    try:
        top = ElementTree.fromstring(content)  # noqa: S314 - expat limits the growth of entities
    except (ElementTree.ParseError, LookupError, ValueError):  # the last two for encodings that expat does not know
        return None
    if top.tag.rpartition("}")[2] != "ListBucketResult":
        return None
    found = [(one.findtext("{*}Key", ""), one.findtext("{*}Size", "")) for one in top.iterfind("{*}Contents")]
    objects = [(key, int(size)) for key, size in found if key and re.fullmatch("[0-9]{1,18}", size)]
    following = {}
    if top.findtext("{*}IsTruncated") == "true":
        if token := top.findtext("{*}NextContinuationToken"):
            following = {"continuation-token": token}
        elif marker := top.findtext("{*}NextMarker") or (objects[-1][0] if objects else ""):
            following = {"marker": marker}
    return BucketPage(objects, following)


def _is_key(key: str) -> bool:
    try:
        checked_key(key)
    except ValueError:
        return False
    return True
