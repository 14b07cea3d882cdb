"""Finding out what a remote can do, how fast it is, and what lies about there. For `dver remote check`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar, runtime_checkable

from dver.core.errors import RemoteError
from dver.core.files import temporary_name
from dver.remote.index.contents import contents_of
from dver.remote.index.keys import INDEX_SUFFIX
from dver.remote.index.listing_file import LISTED
from dver.remote.index.repositories import ID_DIGITS, read_entries
from dver.remote.storage import RESERVED, BytesBody, Storage, UnfinishedUpload

T = TypeVar("T")

SAMPLE: Final = 2**20
"""Bytes that are written and read to see how fast it goes."""
DAY_SECONDS: Final = 24 * 3600
"""Uploads that were begun longer ago are not at work any more."""
_LOOKS: Final = 3


@dataclass(frozen=True, slots=True)
class RegisteredRepository:
    """A Git repository that uses the remote. `id` is what `dver gc --forget` takes."""

    id: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What was found. None: it could not be found out here.

    `latency` is in seconds a request; rates are in bytes a second, of one small object alone: several transfers at
    once are faster. `clock_skew`: seconds by which the server's clock is ahead. `unfinished`: uploads begun and not
    completed, the oldest `oldest_upload` seconds ago; `abandoned`: those that were dropped.
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
class Server(Protocol):
    """A storage that is a server: what its answers told by the way."""

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which its clock is ahead of ours."""
        ...

    @property
    def sends_ranges(self) -> bool | None:
        """Does it send the part asked for alone? None before it was asked."""
        ...


@runtime_checkable
class KeepsUploads(Protocol):
    """A storage that keeps what it has of an upload that was broken off."""

    def unfinished(self) -> Sequence[UnfinishedUpload]:
        """The uploads that were begun and not completed."""
        ...

    def abandon(self, upload: UnfinishedUpload) -> None:
        """Drop one of them."""
        ...


def probe_remote(storage: Storage, *, abort_uploads: bool = False) -> ProbeReport:
    """Find out what `storage` can do. Writes, reads and deletes keys of its own; what was there is not touched, but
    for unfinished uploads older than a day, with `abort_uploads`.

    Raises RemoteError where it cannot be reached or read.
    """
    found = storage.probe()
    listed = list(storage.list(LISTED))
    seen = contents_of(listed)
    indexes = [info.key for info in listed if info.key.endswith(INDEX_SUFFIX)]
    latency = min(_timed(lambda: storage.stat(_own_key()))[1] for _ in range(_LOOKS))
    upload, download = (_round_trip if found.deletable else _read_some)(storage, indexes)
    skew, ranges = (storage.clock_skew, storage.sends_ranges) if isinstance(storage, Server) else (None, True)
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
    """Write, read and delete a sample: bytes a second each way."""
    key, content = _own_key(), os.urandom(SAMPLE)
    try:
        _, sending = _timed(lambda: storage.put(key, BytesBody(content)))
        received, getting = _timed(lambda: storage.get(key, 0, SAMPLE))
        part = storage.get(key, SAMPLE // 2, 100)
    finally:
        storage.delete(key)
    if received != content or part != content[SAMPLE // 2 : SAMPLE // 2 + 100]:
        raise RemoteError(
            f"{storage.url} gives back other bytes than it was given",
            why="the server, or a proxy before it, is out of order",
            fix="use another remote until that is mended",
        )
    return SAMPLE / sending, SAMPLE / getting


def _read_some(storage: Storage, indexes: Sequence[str]) -> tuple[float | None, float | None]:
    """Read some of what is there already: the rate, if that was enough to tell."""
    if not indexes:
        return None, None
    content, seconds = _timed(lambda: storage.get(indexes[0], 0, SAMPLE))
    storage.get(indexes[0], 1, 1)
    return None, len(content) / seconds if len(content) * 4 >= SAMPLE else None


def _uploads(storage: Storage, *, abort: bool) -> tuple[list[UnfinishedUpload] | None, int]:
    """The uploads that are unfinished; those older than a day are dropped if told so, and counted."""
    if not isinstance(storage, KeepsUploads):
        return None, 0
    try:
        found = storage.unfinished()
    except RemoteError:  # a right of its own on S3, which nothing else needs
        return None, 0
    old = [one for one in found if abort and time.time() - one.begun > DAY_SECONDS]
    for one in old:
        storage.abandon(one)
    return [one for one in found if one not in old], len(old)


def _own_key() -> str:
    return f"probe-{temporary_name().removeprefix(RESERVED)}"


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    result = work()
    return result, max(1e-6, time.perf_counter() - start)
