"""S3 and servers that speak it, as a remote.

Small bodies go as one PUT, larger ones as multipart uploads: both appear whole or not at all. Memory per put is bounded
by one small body or a few parts, whatever the size.

`put(if_absent=True)` uses a conditional write (`If-None-Match: *`). Servers that do not know that header either say so
(501), or ignore it and overwrite; so until a server has once answered "precondition failed", a look (HEAD) goes first.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from dver.core.errors import RemoteError
from dver.core.fsutil import temporary_name
from dver.remote.retry import Policy, TransientError
from dver.remote.s3_client import Client, Pulse, Request, Upload
from dver.remote.s3_errors import NO_OBJECT, NO_RANGE, NOT_IMPLEMENTED, PRECONDITION, READ_ONLY, Place, S3Error
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
    regrouped,
    reserve,
    short_read,
)

if TYPE_CHECKING:
    from dver.remote.settings import RemoteSettings

SINGLE_PUT: Final = 34 * 2**20
"""Bodies up to this many bytes are sent in one request: a pack of 32 MiB and what is added to it."""
PART: Final = 8 * 2**20
_PARTS_IN_FLIGHT: Final = 2
_MOST_PARTS: Final = 9_000  # the protocol's limit is 10,000
_PIECE: Final = 2**18


class S3Storage:
    """The bucket and prefix that `settings.url` (s3://bucket/prefix) names."""

    def __init__(self, settings: RemoteSettings, *, timeout: float = 60.0, policy: Policy | None = None) -> None:
        """`timeout`: seconds without a byte after which a request is given up and made again."""
        bucket, _, prefix = settings.url.partition("://")[2].partition("/")
        self._bucket: Final = bucket
        self._prefix: Final = f"{prefix.strip('/')}/".lstrip("/")
        self._url: Final = settings.url.rstrip("/")
        server = settings.endpoint_url or "Amazon S3"
        place = Place(name=settings.name, url=self._url, bucket=bucket, server=server)
        self._client: Final = Client(settings, place, timeout=timeout, policy=policy)
        self._conditional: bool | None = None
        self._absent: set[str] = set()
        """Keys that `stat` did not find, so that a put that follows need not look again."""

    @property
    def url(self) -> str:
        return self._url

    def __repr__(self) -> str:
        return f"S3Storage({self._url!r})"

    def put(self, key: str, body: Body, *, if_absent: bool = False, moved: Moved | None = None) -> bool:
        where = self._where(key)
        if not if_absent:
            self._send(key, where, body, {}, moved)
            return True
        if not self._conditional and not self._just_absent(key) and self.stat(key) is not None:
            return False
        self._absent.discard(key)
        if self._conditional is not False:
            try:
                self._send(key, where, body, {"IfNoneMatch": "*"}, moved)
                return True
            except S3Error as error:
                if error.code in PRECONDITION:
                    self._conditional = True
                    return False
                if error.code not in NOT_IMPLEMENTED:
                    raise
                self._conditional = False
        self._send(key, where, body, {}, moved)
        return True

    def get(self, key: str, start: int = 0, length: int | None = None, *, moved: Moved | None = None) -> bytes:
        checked_range(start, length)
        if length == 0:
            if self.stat(key) is None:
                raise MissingKey(self.url, key)
            return b""
        end = "" if length is None else start + length - 1
        whole, meter = start == 0 and length is None, Meter(moved)
        request = self._where(key) | ({} if whole else {"Range": f"bytes={start}-{end}"})

        async def work(client: Any, pulse: Pulse) -> bytes:
            answer = await client.get_object(**request)
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
        try:
            self._conditional = self._refuses_second(key, body)
            return Capabilities(writable=True, conditional_put=self._conditional)
        finally:
            # Where writing is allowed but deleting is not (an append-only bucket), four bytes stay.
            self._delete_if_allowed(key)

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

        return self._client.call(work, "list objects")

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

    def _delete_if_allowed(self, key: str) -> None:
        try:
            self.delete(key)
        except S3Error as error:
            if error.code not in READ_ONLY:
                raise

    def _send(
        self, key: str, where: dict[str, Any], body: Body, condition: dict[str, str], moved: Moved | None
    ) -> None:
        if body.size <= SINGLE_PUT:
            self._send_whole(key, where | condition, body, moved)
        else:
            self._send_parts(key, where, body, condition, moved)

    def _send_whole(self, key: str, request: dict[str, Any], body: Body, moved: Moved | None) -> None:
        content, meter = _joined(body), Meter(moved)

        async def work(client: Any, pulse: Pulse) -> None:
            await client.put_object(Body=Upload(content, pulse, meter), **request)

        self._client.call(work, f"write {key!r}")

    # -- multipart -----------------------------------------------------------------------------------------------

    def _send_parts(
        self, key: str, where: dict[str, Any], body: Body, condition: dict[str, str], moved: Moved | None
    ) -> None:
        async def create(client: Any, pulse: Pulse) -> str:
            return str((await client.create_multipart_upload(**where))["UploadId"])

        upload = where | {"UploadId": self._client.call(create, f"write {key!r}")}
        try:
            tags = self._upload_parts(key, upload, body, moved)
            self._complete(key, upload | condition, tags, body.size)
        except BaseException:
            self._abort(upload)
            raise

    def _upload_parts(self, key: str, upload: dict[str, Any], body: Body, moved: Moved | None) -> Sequence[str]:
        """Send all parts, a few at a time; their entity tags in order."""
        size = max(PART, -(-body.size // _MOST_PARTS))
        tags: list[str] = []
        running: deque[Request[str]] = deque()
        try:
            for number, piece in enumerate(regrouped(checked_chunks(body), size), 1):
                if len(running) == (_PARTS_IN_FLIGHT if size == PART else 1):
                    tags.append(running.popleft().result())
                running.append(self._begin_part(key, upload | {"PartNumber": number}, piece, moved))
            while running:
                tags.append(running.popleft().result())
        finally:
            for request in running:
                request.cancel()
        return tags

    def _begin_part(self, key: str, request: dict[str, Any], piece: memoryview, moved: Moved | None) -> Request[str]:
        meter = Meter(moved)

        async def work(client: Any, pulse: Pulse) -> str:
            return str((await client.upload_part(Body=Upload(piece, pulse, meter), **request))["ETag"])

        return self._client.begin(work, f"write {key!r}")

    def _complete(self, key: str, upload: dict[str, Any], tags: Sequence[str], size: int) -> None:
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]

        async def work(client: Any, pulse: Pulse) -> None:
            await client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload)

        try:
            self._client.call(work, f"write {key!r}")
        except S3Error as error:
            # The answer to a first try was lost: the upload is gone because it is complete.
            if error.code != "NoSuchUpload" or self.stat(key) != ObjectInfo(key, size):
                raise

    def _abort(self, upload: dict[str, Any]) -> None:
        """Drop the parts sent so far. Best effort: the error that led here matters more."""

        async def work(client: Any, pulse: Pulse) -> None:
            await client.abort_multipart_upload(**upload)

        with suppress(RemoteError):
            self._client.call(work, "give up an upload")


def _joined(body: Body) -> bytes | memoryview:
    """The whole body in one piece of memory."""
    if isinstance(body, BytesBody):
        return body.content
    # Exhausted, and not only asked for its first piece: a body that is longer than it said must be noticed.
    pieces = list(regrouped(checked_chunks(body), max(1, body.size)))
    return pieces[0] if pieces else b""


async def _drain(answer: dict[str, Any], pulse: Pulse, meter: Meter) -> bytes:
    buffer = io.BytesIO()
    reserve(buffer, answer["ContentLength"])
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
        total = int(answer["ContentRange"].rpartition("/")[2])
        rest = max(0, total - start)
        wanted = rest if length is None else min(rest, length)
    else:
        # A server that does not do ranges sends the whole.
        if len(content) == answer["ContentLength"]:
            return content[start : None if length is None else start + length]
        wanted = answer["ContentLength"]
    if len(content) != wanted:
        broken = short_read(url, key, wanted=wanted, got=len(content))
        raise TransientError(broken.what, why=broken.why, fix=broken.fix)
    return content
