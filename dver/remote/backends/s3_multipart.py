"""Uploads to S3 in parts: a few at a time, and taken up again where a killed push left off.

An upload that was begun for the same key is continued: keys are named by their content, so the parts are the same. Each
one that is there is compared by its MD5 before it counts. Two who continue one upload at once send the same bytes to
the same places; who comes second to complete it finds it complete.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from dver.core.errors import RemoteError
from dver.remote.backends.s3_client import Pulse, S3Client, S3Request, UploadStream
from dver.remote.backends.s3_errors import S3Error
from dver.remote.storage import Body, Meter, OnBytes, UnfinishedUpload, checked_chunks, regrouped

PART: Final = 8 * 2**20
_PARTS_IN_FLIGHT: Final = 2
_MOST_PARTS: Final = 9_000  # the protocol's limit is 10,000
_GONE: Final = "NoSuchUpload"


class MultipartPut:
    """One put of `body` in parts to the bucket and key in `where`. `key` is for messages."""

    def __init__(self, client: S3Client, key: str, where: dict[str, Any], body: Body, on_bytes: OnBytes | None) -> None:
        self._client: Final = client
        self._action: Final = f"write {key!r}"
        self._where: Final = where
        self._body: Final = body
        self._on_bytes: Final = on_bytes

    def send(self, condition: dict[str, str], *, is_there: Callable[[], bool]) -> None:
        """Send all parts and complete the upload under `condition`. `is_there` looks whether that has happened."""
        if (begun := self._begun()) is not None:
            try:
                self._send(self._where | {"UploadId": begun}, condition, self._parts(begun), is_there)
                return
            except S3Error as error:
                # Whoever began it has completed it meanwhile, or given it up; or its parts cannot be replaced.
                if error.code == _GONE and is_there():
                    return
        upload = self._where | {"UploadId": self._create()}
        try:
            self._send(upload, condition, {}, is_there)
        except BaseException:
            with suppress(RemoteError):  # the error that led here matters more
                abandon(self._client, upload)
            raise

    def _send(
        self, upload: dict[str, Any], condition: dict[str, str], there: dict[int, str], is_there: Callable[[], bool]
    ) -> None:
        tags = self._send_parts(upload, there)
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]

        async def complete(client: Any, pulse: Pulse) -> None:
            await client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload, **condition)

        try:
            self._client.call(complete, self._action)
        except S3Error as error:
            # The answer to a first try was lost: the upload is gone because it is complete.
            if error.code != _GONE or not is_there():
                raise

    def _send_parts(self, upload: dict[str, Any], there: dict[int, str]) -> Sequence[str]:
        """Send the parts that are not `there`, a few at a time; the entity tags of all in order."""
        size = max(PART, -(-self._body.size // _MOST_PARTS))
        most = _PARTS_IN_FLIGHT if size == PART else 1
        tags: dict[int, str] = {}
        running: deque[tuple[int, S3Request[str]]] = deque()
        try:
            for number, piece in enumerate(regrouped(checked_chunks(self._body), size), 1):
                if (tag := there.get(number)) is not None and tag.strip('"') == _md5(piece):
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
            return str((await client.create_multipart_upload(**self._where))["UploadId"])

        return self._client.call(work, self._action)

    # -- what a killed push left ---------------------------------------------------------------------------------

    def _begun(self) -> str | None:
        """The id of the latest upload of this very key; None if there is none, or the server does not tell."""
        try:
            found = unfinished(self._client, self._where["Bucket"], self._where["Key"])
        except S3Error:
            return None
        same = [one for one in found if one.key == self._where["Key"]]
        return max(same, key=lambda one: one.begun).id if same else None

    def _parts(self, begun: str) -> dict[int, str]:
        """The entity tags of the parts that are there, by number."""
        request = self._where | {"UploadId": begun}

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
    """The uploads that were begun for keys with this prefix, and not completed. Raises S3Error, RemoteError."""
    request: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}

    async def work(api: Any, pulse: Pulse) -> dict[str, Any]:
        page: dict[str, Any] = await api.list_multipart_uploads(**request)
        return page

    found: list[UnfinishedUpload] = []
    while True:
        try:
            page = client.call(work, "look for unfinished uploads")
        except S3Error as error:
            if error.code == _GONE:  # what rclone says where there was none ever
                return found
            raise
        named = [one for one in page.get("Uploads", ()) if one["Key"].startswith(prefix)]
        found += [UnfinishedUpload(one["Key"], one["UploadId"], one["Initiated"].timestamp()) for one in named]
        after = {"KeyMarker": page.get("NextKeyMarker"), "UploadIdMarker": page.get("NextUploadIdMarker")}
        if not page.get("IsTruncated") or not after["KeyMarker"] or after.items() <= request.items():
            return found
        request = request | {name: value for name, value in after.items() if value}


def abandon(client: S3Client, upload: dict[str, Any]) -> None:
    """Drop the parts sent so far of the upload, named by bucket, key and id. Raises RemoteError."""

    async def work(api: Any, pulse: Pulse) -> None:
        await api.abort_multipart_upload(**upload)

    try:
        client.call(work, "give up an upload")
    except S3Error as error:
        if error.code != _GONE:
            raise


def _md5(piece: memoryview) -> str:
    return hashlib.md5(piece, usedforsecurity=False).hexdigest()
