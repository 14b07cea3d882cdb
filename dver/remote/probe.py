"""Probe of a remote for `dver remote check`: working operations, speed, and incomplete uploads."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar, runtime_checkable

from dver.core.display import Displayed
from dver.core.errors import RemoteError
from dver.remote.clock import HasClock
from dver.remote.index.contents import contents_of
from dver.remote.index.keys import INDEX_SUFFIX, INDEXES
from dver.remote.index.repositories import ID_DIGITS, read_entries
from dver.remote.storage import BytesBody, Storage, UnfinishedUpload, probe_key

T = TypeVar("T")

SAMPLE: Final = 2**20
"""Bytes that are written and read to measure the speed."""
DAY_SECONDS: Final = 24 * 3600
"""An upload that began longer ago has been killed."""
_LATENCY_SAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class RegisteredRepository:
    """A Git repository that uses the remote. `id` is what `dver gc --forget` takes."""

    id: str
    name: str
    url: str


@dataclass(frozen=True, slots=True, repr=False)
class ProbeReport(Displayed):
    """The result of a probe. None: unknown.

    `latency` is in seconds a request; rates are in bytes a second for one small object (parallel transfers are faster).
    `clock_skew`: seconds by which the server's clock is ahead. `unfinished`: the number of incomplete uploads;
    `oldest_upload`: the age of the oldest in seconds; `abandoned`: the number of uploads that were deleted.
    """

    writable: bool
    deletable: bool
    conditional_put: bool
    ranges: bool | None
    indexes: int
    latency: float
    upload_rate: float | None
    download_rate: float | None
    clock_skew: float | None
    unfinished: int | None
    oldest_upload: float | None
    abandoned: int = 0
    repositories: tuple[RegisteredRepository, ...] = ()


@runtime_checkable
class ReportsServer(HasClock, Protocol):
    """A storage on a server, with facts from the server's responses."""

    @property
    def sends_ranges(self) -> bool | None:
        """Does the server send only the range that a request asks for? None before the first such request."""
        ...


@runtime_checkable
class KeepsUploads(Protocol):
    """A storage that keeps the parts of incomplete uploads."""

    def unfinished(self) -> Sequence[UnfinishedUpload]:
        """The incomplete uploads."""
        ...

    def abandon(self, upload: UnfinishedUpload) -> None:
        """Delete one of them."""
        ...


def probe_remote(storage: Storage, *, abort_uploads: bool = False) -> ProbeReport:
    """Probe `storage` by writing, reading and deleting objects of its own. Other objects are not touched.

    With `abort_uploads`, incomplete uploads older than a day are deleted. Raises RemoteError if the storage cannot be
    reached or read.
    """
    found = storage.probe()
    listed = list(storage.list(INDEXES))
    seen = contents_of(listed)
    indexes = [info.key for info in listed if info.key.endswith(INDEX_SUFFIX)]
    latency = min(_timed(lambda: storage.stat(probe_key()))[1] for _ in range(_LATENCY_SAMPLES))
    upload, download = (_round_trip if found.deletable else _read_index)(storage, indexes)
    skew, ranges = (storage.clock_skew, storage.sends_ranges) if isinstance(storage, ReportsServer) else (None, True)
    left, abandoned = _uploads(storage, abort=abort_uploads)
    return ProbeReport(
        writable=found.writable,
        deletable=found.deletable,
        conditional_put=found.conditional_put,
        ranges=ranges,
        indexes=len(indexes),
        latency=latency,
        upload_rate=upload,
        download_rate=download,
        clock_skew=skew,
        unfinished=None if left is None else len(left),
        oldest_upload=max([time.time() - one.begun for one in left], default=None) if left else None,
        abandoned=abandoned,
        repositories=tuple(
            RegisteredRepository(name.hex()[:ID_DIGITS], entry.name, entry.url)
            for name, entry in read_entries(storage, seen.repositories).items()
        ),
    )


def _round_trip(storage: Storage, indexes: Sequence[str]) -> tuple[float | None, float | None]:
    """Write, read and delete a sample; the upload and download rate in bytes a second."""
    key, content = probe_key(), os.urandom(SAMPLE)
    try:
        _, sending = _timed(lambda: storage.put(key, BytesBody(content)))
        received, getting = _timed(lambda: storage.get(key, 0, SAMPLE))
        part = storage.get(key, SAMPLE // 2, 100)
    finally:
        storage.delete(key)
    if received != content or part != content[SAMPLE // 2 : SAMPLE // 2 + 100]:
        raise RemoteError(
            f"{storage.url} returns other bytes than were written",
            why="the server, or a proxy before it, is broken",
            fix="use another remote until it is repaired",
        )
    return SAMPLE / sending, SAMPLE / getting


def _read_index(storage: Storage, indexes: Sequence[str]) -> tuple[float | None, float | None]:
    """Read an index; no upload rate, and the download rate if the index is large enough."""
    if not indexes:
        return None, None
    content, seconds = _timed(lambda: storage.get(indexes[0], 0, SAMPLE))
    storage.get(indexes[0], 1, 1)
    return None, len(content) / seconds if len(content) * 4 >= SAMPLE else None


def _uploads(storage: Storage, *, abort: bool) -> tuple[list[UnfinishedUpload] | None, int]:
    """The incomplete uploads, and the number of deleted ones: with `abort`, those older than a day."""
    if not isinstance(storage, KeepsUploads):
        return None, 0
    try:
        found = storage.unfinished()
    except RemoteError:  # a separate permission on S3, which nothing else needs
        return None, 0
    old = [one for one in found if abort and time.time() - one.begun > DAY_SECONDS]
    for one in old:
        storage.abandon(one)
    return [one for one in found if one not in old], len(old)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    result = work()
    return result, max(1e-6, time.perf_counter() - start)
