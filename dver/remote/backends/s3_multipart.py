"""Multipart uploads to S3, a few parts at a time, which resume after a killed push.

An incomplete upload of the same key is continued: keys are named by their content, so its parts are the same. Existing
parts are compared by MD5. Two clients that continue one upload send the same parts; the second one to complete it finds
it complete.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from dver.core.errors import RemoteError
from dver.remote.backends.s3_client import Pulse, S3Client, S3Request, UploadStream
from dver.remote.failures import RefusedError
from dver.remote.storage import Body, Meter, OnBytes, UnfinishedUpload, checked_chunks, regrouped

PART: Final = 8 * 2**20
_PARTS_IN_FLIGHT: Final = 2
_MOST_PARTS: Final = 9_000  # the protocol's limit is 10,000
_GONE: Final = "NoSuchUpload"


class MultipartPut:
    """One put of `body` in parts to the bucket and key of `target`. `key` is for messages."""

    def __init__(
        self, client: S3Client, key: str, target: dict[str, Any], body: Body, on_bytes: OnBytes | None
    ) -> None:
        self._client: Final = client
        self._action: Final = f"write {key!r}"
        self._target: Final = target
        self._body: Final = body
        self._on_bytes: Final = on_bytes

    def send(self, condition: dict[str, str], *, exists: Callable[[], bool]) -> None:
        """Send all parts and complete the upload with `condition`. `exists` checks whether the object is complete."""
        if (begun := self._begun()) is not None:
            try:
                self._send(self._target | {"UploadId": begun}, condition, self._parts(begun), exists)
                return
            except RefusedError as error:
                # Another client completed or aborted the upload, or its parts cannot be replaced.
                if error.code == _GONE and exists():
                    return
        upload = self._target | {"UploadId": self._create()}
        try:
            self._send(upload, condition, {}, exists)
        except BaseException:
            with suppress(RemoteError):  # keep the first error
                abandon(self._client, upload)
            raise

    def _send(
        self, upload: dict[str, Any], condition: dict[str, str], uploaded: dict[int, str], exists: Callable[[], bool]
    ) -> None:
        tags = self._send_parts(upload, uploaded)
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]

        async def complete(client: Any, pulse: Pulse) -> None:
            await client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload, **condition)

        try:
            self._client.call(complete, self._action)
        except RefusedError as error:
            # After a lost response to the first try, the upload is gone because it is complete.
            if error.code != _GONE or not exists():
                raise

    def _send_parts(self, upload: dict[str, Any], uploaded: dict[int, str]) -> Sequence[str]:
        """Send the parts that are not in `uploaded`, a few at a time; return the entity tags of all parts in order."""
        size = max(PART, -(-self._body.size // _MOST_PARTS))
        most = _PARTS_IN_FLIGHT if size == PART else 1
        tags: dict[int, str] = {}
        running: deque[tuple[int, S3Request[str]]] = deque()
        try:
            for number, piece in enumerate(regrouped(checked_chunks(self._body), size), 1):
                if (tag := uploaded.get(number)) is not None and tag.strip('"') == _md5(piece):
                    tags[number] = tag
                    Meter(self._on_bytes).at(len(piece))
                    continue
                if len(running) == most:
                    done, request = running.popleft()
                    tags[done] = request.result()
                running.append((number, self._begin_part(upload | {"PartNumber": number}, piece)))
            while running:
                done, request = running.popleft()
                tags[done] = request.result()
        finally:
            for _, request in running:
                request.cancel()
        return [tags[number] for number in sorted(tags)]

    def _begin_part(self, request: dict[str, Any], piece: memoryview) -> S3Request[str]:
        meter = Meter(self._on_bytes)

        async def work(client: Any, pulse: Pulse) -> str:
            return str((await client.upload_part(Body=UploadStream(piece, pulse, meter), **request))["ETag"])

        return self._client.begin(work, self._action)

    def _create(self) -> str:
        async def work(client: Any, pulse: Pulse) -> str:
            return str((await client.create_multipart_upload(**self._target))["UploadId"])

        return self._client.call(work, self._action)

    # -- incomplete uploads --------------------------------------------------------------------------------------

    def _begun(self) -> str | None:
        """The id of the latest incomplete upload of this key; None if there is none or the server lists none."""
        try:
            found = unfinished(self._client, self._target["Bucket"], self._target["Key"])
        except RefusedError:
            return None
        same = [one for one in found if one.key == self._target["Key"]]
        return max(same, key=lambda one: one.begun).id if same else None

    def _parts(self, begun: str) -> dict[int, str]:
        """The entity tags of the uploaded parts, by number."""
        request = self._target | {"UploadId": begun}

        async def work(client: Any, pulse: Pulse) -> dict[str, Any]:
            page: dict[str, Any] = await client.list_parts(**request)
            return page

        found: dict[int, str] = {}
        while True:
            page = self._client.call(work, self._action)
            found |= {part["PartNumber"]: part["ETag"] for part in page.get("Parts", ())}
            marker = page.get("NextPartNumberMarker")
            if not page.get("IsTruncated") or not marker or marker == request.get("PartNumberMarker"):
                return found
            request = request | {"PartNumberMarker": marker}


def unfinished(client: S3Client, bucket: str, prefix: str) -> list[UnfinishedUpload]:
    """The incomplete uploads of keys with this prefix. Raises RefusedError, RemoteError."""
    request: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}

    async def work(api: Any, pulse: Pulse) -> dict[str, Any]:
        page: dict[str, Any] = await api.list_multipart_uploads(**request)
        return page

    found: list[UnfinishedUpload] = []
    while True:
        try:
            page = client.call(work, "list unfinished uploads")
        except RefusedError as error:
            if error.code == _GONE:  # rclone's response if there never was one
                return found
            raise
        named = [one for one in page.get("Uploads", ()) if one["Key"].startswith(prefix)]
        found += [UnfinishedUpload(one["Key"], one["UploadId"], one["Initiated"].timestamp()) for one in named]
        after = {"KeyMarker": page.get("NextKeyMarker"), "UploadIdMarker": page.get("NextUploadIdMarker")}
        if not page.get("IsTruncated") or not after["KeyMarker"] or after.items() <= request.items():
            return found
        request = request | {name: value for name, value in after.items() if value}


def abandon(client: S3Client, upload: dict[str, Any]) -> None:
    """Delete the parts of the upload with this bucket, key and id. Raises RemoteError."""

    async def work(api: Any, pulse: Pulse) -> None:
        await api.abort_multipart_upload(**upload)

    try:
        client.call(work, "abort an upload")
    except RefusedError as error:
        if error.code != _GONE:
            raise


def _md5(piece: memoryview) -> str:
    return hashlib.md5(piece, usedforsecurity=False).hexdigest()
