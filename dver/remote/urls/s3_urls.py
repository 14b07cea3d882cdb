"""Files at s3:// URLs: objects and prefixes of buckets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from dver.remote.backends.s3 import checked_content, drain
from dver.remote.backends.s3_client import Pulse, S3Client
from dver.remote.backends.s3_errors import NO_OBJECT, NO_RANGE, S3Address
from dver.remote.failures import RefusedError
from dver.remote.retry import RetryPolicy
from dver.remote.settings import RemoteSettings
from dver.remote.storage import Meter
from dver.remote.urls.range_pieces import range_pieces
from dver.remote.urls.url_info import UrlFile, UrlInfo, UrlNotFound, checked_listing, fingerprint_of


class S3Urls:
    """Reads the bucket of `settings.url`."""

    def __init__(self, settings: RemoteSettings, *, policy: RetryPolicy | None = None) -> None:
        bucket = _parts(settings.url)[0]
        server = settings.endpoint_url or "the S3 server"
        own_key = settings.access_key_id is not None
        self._bucket: Final = bucket
        self._top: Final = f"s3://{bucket}"
        address = S3Address(settings.name, self._top, bucket, server, has_own_key=own_key)
        self._client: Final = S3Client(settings, address, policy=policy)

    def file_info(self, url: str) -> UrlInfo | None:
        _, key = _parts(url)
        if key and not key.endswith("/") and (found := self._head(key)) is not None:
            size = int(found["ContentLength"])
            return UrlInfo(url, "file", size, fingerprint_of(found, size))
        return None

    def list(self, url: str) -> list[UrlFile]:
        key = _parts(url)[1].rstrip("/")
        prefix = f"{key}/" if key else ""
        files = checked_listing(url, self._files_below(prefix))
        if not files:
            raise UrlNotFound(url)
        return files

    def read(self, url: str, start: int, length: int) -> bytes:
        key = _parts(url)[1]
        if length == 0:
            return b""
        request = {"Bucket": self._bucket, "Key": key, "Range": f"bytes={start}-{start + length - 1}"}

        async def work(client: Any, pulse: Pulse) -> bytes:
            response = await client.get_object(**request)
            content = await drain(response, pulse, Meter(None))
            return checked_content(self._top, key, response, content, start=start, length=length)

        try:
            return self._client.call(work, f"read {key!r}")
        except RefusedError as error:
            if error.code in NO_OBJECT:
                raise UrlNotFound(url) from None
            if error.code in NO_RANGE:
                return b""
            raise

    def pieces(self, url: str) -> Iterator[bytes]:
        found = self._head(_parts(url)[1])
        if found is None:
            raise UrlNotFound(url)
        return range_pieces(self.read, url, int(found["ContentLength"]))

    def _head(self, key: str) -> dict[str, Any] | None:
        async def work(client: Any, pulse: Pulse) -> dict[str, Any]:
            response: dict[str, Any] = await client.head_object(Bucket=self._bucket, Key=key)
            return response

        try:
            return self._client.call(work, f"find {key!r}")
        except RefusedError as error:
            if error.code in NO_OBJECT:
                return None
            raise

    def _files_below(self, prefix: str) -> Iterator[UrlFile]:
        request: dict[str, Any] = {"Bucket": self._bucket, "Prefix": prefix}
        while True:
            page = self._page(request)
            for item in page.get("Contents", ()):
                # Some tools create empty objects that stand for directories.
                if not (key := item["Key"]).endswith("/"):
                    name = key.removeprefix(prefix).encode(errors="surrogateescape")
                    yield UrlFile(name, f"{self._top}/{key}", item["Size"], fingerprint_of(item, item["Size"]))
            if not page.get("IsTruncated"):
                return
            request = request | {"ContinuationToken": page["NextContinuationToken"]}

    def _page(self, request: dict[str, Any]) -> dict[str, Any]:
        async def work(client: Any, pulse: Pulse) -> dict[str, Any]:
            response: dict[str, Any] = await client.list_objects_v2(**request)
            return response

        return self._client.call(work, "list objects")


def _parts(url: str) -> tuple[str, str]:
    """The bucket and the key of `url`."""
    bucket, _, key = url.partition("://")[2].partition("/")
    return bucket, key
