"""Remotes on S3 and compatible servers.

Small bodies are sent in one PUT, larger ones as multipart uploads; both are atomic. Memory per put is bounded by one
small body or a few parts.

`put(if_absent=True)` uses a conditional write (`If-None-Match: *`). Some servers refuse that header (501), others
ignore it and overwrite. So a HEAD request comes first until the server has once answered "precondition failed".
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from dver.core.errors import RemoteError
from dver.remote.backends.s3_client import Pulse, S3Client, UploadStream
from dver.remote.backends.s3_errors import (
    NO_OBJECT,
    NO_RANGE,
    NOT_IMPLEMENTED,
    PRECONDITION,
    READ_ONLY,
    S3Address,
)
from dver.remote.backends.s3_multipart import MultipartPut, abandon, unfinished
from dver.remote.failures import RefusedError, check_length, parse_http_date
from dver.remote.retry import RetryPolicy
from dver.remote.storage import (
    Body,
    BytesBody,
    Capabilities,
    Meter,
    MissingKey,
    ObjectInfo,
    OnBytes,
    UnfinishedUpload,
    checked_chunks,
    checked_key,
    checked_range,
    is_allowed,
    probe_key,
    range_length,
    regrouped,
    reserve,
)

if TYPE_CHECKING:
    from dver.remote.settings import RemoteSettings

SINGLE_PUT: Final = 34 * 2**20
"""The largest body that is sent in one request: a pack of 32 MiB and its index."""
_PIECE: Final = 2**18


class S3Storage:
    """The bucket and prefix of `settings.url`, s3://bucket/prefix."""

    def __init__(self, settings: RemoteSettings, *, timeout: float = 60.0, policy: RetryPolicy | None = None) -> None:
        """`timeout`: seconds without a byte after which a request is retried."""
        bucket, _, prefix = settings.url.partition("://")[2].partition("/")
        self._bucket: Final = bucket
        self._prefix: Final = f"{prefix.strip('/')}/".lstrip("/")
        self.url: Final = settings.url.rstrip("/")
        server = settings.endpoint_url or "Amazon S3"
        own_key = settings.access_key_id is not None
        address = S3Address(name=settings.name, url=self.url, bucket=bucket, server=server, has_own_key=own_key)
        self._client: Final = S3Client(settings, address, timeout=timeout, policy=policy)
        self.clock_skew: float | None = None
        """Seconds by which the server's clock was ahead of ours at the last list, if known."""
        self.sends_ranges: bool | None = None
        """Does the server send only the range that a request asks for? None before the first such request."""
        self._conditional: bool | None = None
        self._absent: set[str] = set()
        """Keys that `stat` did not find: the next put of one needs no second HEAD request."""

    def __repr__(self) -> str:
        return f"S3Storage({self.url!r})"

    def put(self, key: str, body: Body, *, if_absent: bool = False, on_bytes: OnBytes | None = None) -> bool:
        target = self._target(key)
        if not if_absent:
            self._send(key, target, body, {}, on_bytes)
            return True
        if not self._conditional and key not in self._absent and self.stat(key) is not None:
            return False
        self._absent.discard(key)
        if self._conditional is not False:
            sent = self._send_if_absent(key, target, body, on_bytes)
            if sent is False:
                self._conditional = True
            if sent is not None:
                return sent
            self._conditional = False
        self._send(key, target, body, {}, on_bytes)
        return True

    def get(self, key: str, start: int = 0, length: int | None = None, *, on_bytes: OnBytes | None = None) -> bytes:
        checked_range(start, length)
        if length == 0:
            if self.stat(key) is None:
                raise MissingKey(self.url, key)
            return b""
        end = "" if length is None else start + length - 1
        whole, meter = start == 0 and length is None, Meter(on_bytes)
        request = self._target(key) | ({} if whole else {"Range": f"bytes={start}-{end}"})

        async def work(client: Any, pulse: Pulse) -> bytes:
            response = await client.get_object(**request)
            self.sends_ranges = self.sends_ranges if whole else "ContentRange" in response
            content = await drain(response, pulse, meter)
            content = checked_content(self.url, key, response, content, start=start, length=length)
            meter.at(len(content))
            return content

        try:
            return self._client.call(work, f"read {key!r}")
        except RefusedError as error:
            if error.code in NO_OBJECT:
                raise MissingKey(self.url, key) from None
            if error.code in NO_RANGE:
                return b""
            raise

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        request: dict[str, Any] = {"Bucket": self._bucket, "Prefix": self._prefix + prefix}
        while True:
            page = self._page(request)
            for item in page.get("Contents", ()):
                # Some tools create empty objects that stand for directories.
                if not item["Key"].endswith("/"):
                    yield ObjectInfo(item["Key"].removeprefix(self._prefix), item["Size"])
            if not page.get("IsTruncated"):
                return
            request = request | {"ContinuationToken": page["NextContinuationToken"]}

    def stat(self, key: str) -> ObjectInfo | None:
        target = self._target(key)

        async def work(client: Any, pulse: Pulse) -> int:
            return int((await client.head_object(**target))["ContentLength"])

        try:
            return ObjectInfo(key, self._client.call(work, f"find {key!r}"))
        except RefusedError as error:
            if error.code in NO_OBJECT:
                self._absent.add(key)
                return None
            raise

    def delete(self, key: str) -> None:
        target = self._target(key)

        async def work(client: Any, pulse: Pulse) -> None:
            await client.delete_object(**target)

        try:
            self._client.call(work, f"delete {key!r}")
        except RefusedError as error:
            if error.code not in NO_OBJECT:
                raise

    def probe(self) -> Capabilities:
        self._page({"Bucket": self._bucket, "Prefix": self._prefix, "MaxKeys": 1})
        key, body = probe_key(), BytesBody(b"dver")
        if not is_allowed(lambda: self.put(key, body), _is_read_only):
            return Capabilities(writable=False, conditional_put=False)
        try:
            self._conditional = self._send_if_absent(key, self._target(key), body, None) is False
        finally:
            # In an append-only bucket, the four bytes stay.
            deletable = is_allowed(lambda: self.delete(key), _is_read_only)
        return Capabilities(writable=True, conditional_put=self._conditional, deletable=deletable)

    # -- for `dver remote check` --------------------------------------------------------------------------------

    def unfinished(self) -> Sequence[UnfinishedUpload]:
        """The incomplete uploads of this remote. Raises RefusedError if the server does not list them."""
        found = unfinished(self._client, self._bucket, self._prefix)
        return [one._replace(key=one.key.removeprefix(self._prefix)) for one in found]

    def abandon(self, upload: UnfinishedUpload) -> None:
        """Delete the parts of an incomplete upload."""
        abandon(self._client, {"Bucket": self._bucket, "Key": self._prefix + upload.key, "UploadId": upload.id})

    # -- requests ------------------------------------------------------------------------------------------------

    def _target(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._prefix + checked_key(key)}

    def _page(self, request: dict[str, Any]) -> dict[str, Any]:
        async def work(client: Any, pulse: Pulse) -> dict[str, Any]:
            response: dict[str, Any] = await client.list_objects_v2(**request)
            return response

        response = self._client.call(work, "list objects")
        headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        if (server_time := parse_http_date(headers.get("date", ""))) is not None:
            self.clock_skew = server_time - time.time()
        return response

    def _send_if_absent(self, key: str, target: dict[str, Any], body: Body, on_bytes: OnBytes | None) -> bool | None:
        """Send `body` unless `key` exists. False if it does; None if the server has no conditional writes."""
        try:
            self._send(key, target, body, {"IfNoneMatch": "*"}, on_bytes)
        except RefusedError as error:
            if error.code in PRECONDITION:
                return False
            if error.code in NOT_IMPLEMENTED:
                return None
            raise
        return True

    def _send(
        self, key: str, target: dict[str, Any], body: Body, condition: dict[str, str], on_bytes: OnBytes | None
    ) -> None:
        if body.size > SINGLE_PUT:
            put = MultipartPut(self._client, key, target, body, on_bytes)
            put.send(condition, exists=lambda: self.stat(key) == ObjectInfo(key, body.size))
            return
        content, meter = _joined(body), Meter(on_bytes)

        async def work(client: Any, pulse: Pulse) -> None:
            await client.put_object(Body=UploadStream(content, pulse, meter), **target, **condition)

        self._client.call(work, f"write {key!r}")


def _is_read_only(error: RemoteError) -> bool:
    return isinstance(error, RefusedError) and error.code in READ_ONLY


def _joined(body: Body) -> bytes | bytearray | memoryview:
    """The whole body as one buffer."""
    if isinstance(body, BytesBody):
        return body.content
    # `list` reads to the end, so that a body longer than its size raises.
    pieces = list(regrouped(checked_chunks(body), max(1, body.size)))
    return pieces[0] if pieces else b""


async def drain(response: dict[str, Any], pulse: Pulse, meter: Meter) -> bytes:
    """The body of a response."""
    buffer = io.BytesIO()
    reserve(buffer, response.get("ContentLength", 0))
    async with response["Body"] as stream:
        while piece := await stream.read(_PIECE):
            pulse.beat()
            buffer.write(piece)
            meter.at(buffer.tell())
    buffer.truncate()
    return buffer.getvalue()


def checked_content(
    url: str, key: str, response: dict[str, Any], content: bytes, *, start: int, length: int | None
) -> bytes:
    """The range in `content`. Raises TransientError if the response was too short."""
    if "ContentRange" in response:
        wanted = range_length(int(response["ContentRange"].rpartition("/")[2]), start, length)
    else:
        # A server without ranges sends the whole object; with chunked encoding, its size is unknown.
        wanted = response.get("ContentLength", len(content))
        if len(content) == wanted:
            return content[start : None if length is None else start + length]
    check_length(url, key, wanted=wanted, got=len(content))
    return content
