"""S3 and servers that speak it, as a remote.

Small bodies go as one PUT, larger ones as multipart uploads: both appear whole or not at all. Memory per put is bounded
by one small body or a few parts, whatever the size.

`put(if_absent=True)` uses a conditional write (`If-None-Match: *`). Servers that do not know that header either say so
(501), or ignore it and overwrite; so until a server has once answered "precondition failed", a look (HEAD) goes first.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from dver.core.files import temporary_name
from dver.remote.backends.s3_client import Pulse, S3Client, UploadStream
from dver.remote.backends.s3_errors import (
    NO_OBJECT,
    NO_RANGE,
    NOT_IMPLEMENTED,
    PRECONDITION,
    READ_ONLY,
    S3Address,
    S3Error,
)
from dver.remote.backends.s3_multipart import MultipartPut, abandon, unfinished
from dver.remote.failures import check_length, parse_http_date
from dver.remote.retry import RetryPolicy
from dver.remote.storage import (
    RESERVED,
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
    range_length,
    regrouped,
    reserve,
)

if TYPE_CHECKING:
    from dver.remote.settings import RemoteSettings

SINGLE_PUT: Final = 34 * 2**20
"""Bodies up to this many bytes are sent in one request: a pack of 32 MiB and what is added to it."""
_PIECE: Final = 2**18


class S3Storage:
    """The bucket and prefix that `settings.url` (s3://bucket/prefix) names."""

    def __init__(self, settings: RemoteSettings, *, timeout: float = 60.0, policy: RetryPolicy | None = None) -> None:
        """`timeout`: seconds without a byte after which a request is given up and made again."""
        bucket, _, prefix = settings.url.partition("://")[2].partition("/")
        self._bucket: Final = bucket
        self._prefix: Final = f"{prefix.strip('/')}/".lstrip("/")
        self._url: Final = settings.url.rstrip("/")
        server = settings.endpoint_url or "Amazon S3"
        own_key = settings.access_key_id is not None
        place = S3Address(name=settings.name, url=self._url, bucket=bucket, server=server, has_own_key=own_key)
        self._client: Final = S3Client(settings, place, timeout=timeout, policy=policy)
        self._skew: float | None = None
        self._sends_ranges: bool | None = None
        self._conditional: bool | None = None
        self._absent: set[str] = set()
        """Keys that `stat` did not find, so that a put that follows need not look again."""

    @property
    def url(self) -> str:
        return self._url

    def __repr__(self) -> str:
        return f"S3Storage({self._url!r})"

    def put(self, key: str, body: Body, *, if_absent: bool = False, on_bytes: OnBytes | None = None) -> bool:
        where = self._where(key)
        if not if_absent:
            self._send(key, where, body, {}, on_bytes)
            return True
        if not self._conditional and not self._just_absent(key) and self.stat(key) is not None:
            return False
        self._absent.discard(key)
        if self._conditional is not False:
            try:
                self._send(key, where, body, {"IfNoneMatch": "*"}, on_bytes)
                return True
            except S3Error as error:
                if error.code in PRECONDITION:
                    self._conditional = True
                    return False
                if error.code not in NOT_IMPLEMENTED:
                    raise
                self._conditional = False
        self._send(key, where, body, {}, on_bytes)
        return True

    def get(self, key: str, start: int = 0, length: int | None = None, *, on_bytes: OnBytes | None = None) -> bytes:
        checked_range(start, length)
        if length == 0:
            if self.stat(key) is None:
                raise MissingKey(self.url, key)
            return b""
        end = "" if length is None else start + length - 1
        whole, meter = start == 0 and length is None, Meter(on_bytes)
        request = self._where(key) | ({} if whole else {"Range": f"bytes={start}-{end}"})

        async def work(client: Any, pulse: Pulse) -> bytes:
            answer = await client.get_object(**request)
            self._sends_ranges = self._sends_ranges if whole else "ContentRange" in answer
            content = await _drain(answer, pulse, meter)
            content = _checked(self.url, key, answer, content, start=start, length=length)
            meter.at(len(content))
            return content

        try:
            return self._client.call(work, f"read {key!r}")
        except S3Error as error:
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
                # Some tools make empty objects that stand for folders.
                if not item["Key"].endswith("/"):
                    yield ObjectInfo(item["Key"].removeprefix(self._prefix), item["Size"])
            if not page.get("IsTruncated"):
                return
            request = request | {"ContinuationToken": page["NextContinuationToken"]}

    def stat(self, key: str) -> ObjectInfo | None:
        where = self._where(key)

        async def work(client: Any, pulse: Pulse) -> int:
            return int((await client.head_object(**where))["ContentLength"])

        try:
            return ObjectInfo(key, self._client.call(work, f"look for {key!r}"))
        except S3Error as error:
            if error.code in NO_OBJECT:
                self._absent.add(key)
                return None
            raise

    def delete(self, key: str) -> None:
        where = self._where(key)

        async def work(client: Any, pulse: Pulse) -> None:
            await client.delete_object(**where)

        try:
            self._client.call(work, f"delete {key!r}")
        except S3Error as error:
            if error.code not in NO_OBJECT:
                raise

    def probe(self) -> Capabilities:
        self._page({"Bucket": self._bucket, "Prefix": self._prefix, "MaxKeys": 1})
        key = f"probe-{temporary_name().removeprefix(RESERVED)}"
        body = BytesBody(b"dver")
        try:
            self.put(key, body)
        except S3Error as error:
            if error.code in READ_ONLY:
                return Capabilities(writable=False, conditional_put=False)
            raise
        deletable = False
        try:
            self._conditional = self._refuses_second(key, body)
        finally:
            # Where writing is allowed but deleting is not (an append-only bucket), four bytes stay.
            deletable = self._delete_if_allowed(key)
        return Capabilities(writable=True, conditional_put=self._conditional, deletable=deletable)

    # -- what `dver remote check` asks ----------------------------------------------------------------------------

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the server's clock was ahead of ours at the last list; None if it did not tell."""
        return self._skew

    @property
    def sends_ranges(self) -> bool | None:
        """Does the server send the part asked for alone? None before it was asked."""
        return self._sends_ranges

    def unfinished(self) -> Sequence[UnfinishedUpload]:
        """The uploads below this remote that were begun and never completed. Raises S3Error where that is not told."""
        found = unfinished(self._client, self._bucket, self._prefix)
        return [one._replace(key=one.key.removeprefix(self._prefix)) for one in found]

    def abandon(self, upload: UnfinishedUpload) -> None:
        """Have the server forget what has come of an upload."""
        where = {"Bucket": self._bucket, "Key": self._prefix + upload.key, "UploadId": upload.id}
        abandon(self._client, where)

    # -- requests ------------------------------------------------------------------------------------------------

    def _where(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._prefix + checked_key(key)}

    def _just_absent(self, key: str) -> bool:
        """Has a look just shown that there is nothing under `key`? True but once."""
        try:
            self._absent.remove(key)
        except KeyError:
            return False
        return True

    def _page(self, request: dict[str, Any]) -> dict[str, Any]:
        async def work(client: Any, pulse: Pulse) -> dict[str, Any]:
            answer: dict[str, Any] = await client.list_objects_v2(**request)
            return answer

        answer = self._client.call(work, "list objects")
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        if (there := parse_http_date(headers.get("date", ""))) is not None:
            self._skew = there - time.time()
        return answer

    def _refuses_second(self, key: str, body: Body) -> bool:
        """Whether the server honours a conditional write to `key`, which exists."""
        try:
            self._send(key, self._where(key), body, {"IfNoneMatch": "*"}, None)
        except S3Error as error:
            if error.code in PRECONDITION:
                return True
            if error.code not in NOT_IMPLEMENTED:
                raise
        return False

    def _delete_if_allowed(self, key: str) -> bool:
        try:
            self.delete(key)
        except S3Error as error:
            if error.code not in READ_ONLY:
                raise
            return False
        return True

    def _send(
        self, key: str, where: dict[str, Any], body: Body, condition: dict[str, str], on_bytes: OnBytes | None
    ) -> None:
        if body.size <= SINGLE_PUT:
            self._send_whole(key, where | condition, body, on_bytes)
        else:
            put = MultipartPut(self._client, key, where, body, on_bytes)
            put.send(condition, is_there=lambda: self.stat(key) == ObjectInfo(key, body.size))

    def _send_whole(self, key: str, request: dict[str, Any], body: Body, on_bytes: OnBytes | None) -> None:
        content, meter = _joined(body), Meter(on_bytes)

        async def work(client: Any, pulse: Pulse) -> None:
            await client.put_object(Body=UploadStream(content, pulse, meter), **request)

        self._client.call(work, f"write {key!r}")


def _joined(body: Body) -> bytes | memoryview:
    """The whole body in one piece of memory."""
    if isinstance(body, BytesBody):
        return body.content
    # Exhausted, and not only asked for its first piece: a body that is longer than it said must be noticed.
    pieces = list(regrouped(checked_chunks(body), max(1, body.size)))
    return pieces[0] if pieces else b""


async def _drain(answer: dict[str, Any], pulse: Pulse, meter: Meter) -> bytes:
    buffer = io.BytesIO()
    reserve(buffer, answer.get("ContentLength", 0))
    async with answer["Body"] as stream:
        while piece := await stream.read(_PIECE):
            pulse.beat()
            buffer.write(piece)
            meter.at(buffer.tell())
    buffer.truncate()
    return buffer.getvalue()


def _checked(url: str, key: str, answer: dict[str, Any], content: bytes, *, start: int, length: int | None) -> bytes:
    """`content` cut to the range asked for; TransientError unless that is all that the object has of it."""
    if "ContentRange" in answer:
        wanted = range_length(int(answer["ContentRange"].rpartition("/")[2]), start, length)
    else:
        # A server that does not do ranges sends the whole; one that sends it in chunks does not say how long it is.
        wanted = answer.get("ContentLength", len(content))
        if len(content) == wanted:
            return content[start : None if length is None else start + length]
    check_length(url, key, wanted=wanted, got=len(content))
    return content
