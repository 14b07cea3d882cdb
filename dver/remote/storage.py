"""The interface of remotes: six operations on named byte strings.

`dver.remote.backends` implements it for directories, S3, web servers and fsspec. The conformance suite is
`tests/remote/backends/test_storage.py`. Storages do not know what the objects mean.

A *key* is one or more names joined by `/`, such as `packs/ab/abcd.pack`. Objects are written once or replaced whole.
"""

from __future__ import annotations

import io
import mmap
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from dver.core.errors import RemoteError
from dver.core.files import temporary_name
from dver.remote import concurrency

CHUNK: Final = 8 * 2**20
"""Bytes read from a file at a time."""

_RESERVE: Final = 64 * 2**20
RESERVED: Final = ".dver-"
"""Prefix of a storage's own temporary files. No part of a key has it, and `list` skips such files."""


OnBytes = Callable[[int], None]
"""Called with the number of bytes just sent or received; with a negative number when a failed try starts over."""


class MissingKey(RemoteError):
    """The remote has no object with this key."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(
            f"the remote {url} has no {key!r}",
            why="it was never uploaded, or was deleted",
            fix="run `dver push` from a clone that has the data",
        )
        self.key = key


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object's key and size in bytes."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The operations that work, as `Storage.probe` found.

    With `conditional_put`, exactly one of several simultaneous `put(if_absent=True)` returns True. Without it a put
    checks first and writes then: two may both return True, and the later one's bytes stay.
    """

    writable: bool
    conditional_put: bool
    deletable: bool = False


class UnfinishedUpload(NamedTuple):
    """An upload that is not complete: its push was killed, or still runs. `begun`: Unix seconds."""

    key: str
    id: str
    begun: float


class Body(Protocol):
    """Bytes to upload. `chunks` yields the same bytes each time, since a failed try is repeated."""

    @property
    def size(self) -> int:
        """The total number of bytes."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """The content from its start, in pieces of up to some MiB."""
        ...


@dataclass(frozen=True, slots=True)
class BytesBody:
    """A body in memory, which must not change."""

    content: bytes | bytearray

    @property
    def size(self) -> int:
        return len(self.content)

    def chunks(self) -> Iterator[bytes]:
        yield bytes(self.content)  # no copy, if it is bytes


class FileBody:
    """The content of a file with its present size, read 8 MiB at a time. Raises OSError."""

    __slots__ = ("path", "size")

    def __init__(self, path: str | bytes | os.PathLike[str]) -> None:
        self.path: Final = path
        self.size: Final[int] = os.stat(path).st_size

    def chunks(self) -> Iterator[bytes]:
        with open(self.path, "rb", buffering=0) as file:
            while piece := file.read(CHUNK):
                yield piece


class Storage(Protocol):
    """A remote. Safe to use from many threads. Methods raise RemoteError; they retry transient failures first."""

    @property
    def url(self) -> str:
        """The address for messages, without credentials."""
        ...

    def put(self, key: str, body: Body, *, if_absent: bool = False, on_bytes: OnBytes | None = None) -> bool:
        """Store `body` under `key`, atomically: a reader sees all of it or the object before. A put that fails or is
        killed leaves nothing under `key`. On return it is as durable as the remote makes it.

        With `if_absent`, an existing object is kept and the result is False; else it is True. If the response to a
        conditional write is lost, the retry may find the object of the first try: False means that the object exists,
        not that another client wrote it. Errors of `body.chunks()` pass through unchanged. `on_bytes` is called from
        any thread, with `body.size` bytes in all.
        """
        ...

    def get(self, key: str, start: int = 0, length: int | None = None, *, on_bytes: OnBytes | None = None) -> bytes:
        """Read `length` bytes from offset `start`, or up to the end with None; fewer if the object is shorter.

        The result is in memory: request some tens of MiB at a time. Raises MissingKey. A response that is too short is
        retried, and becomes a RemoteError, never a short result.
        """
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """List all objects whose key starts with `prefix`, a plain string prefix, in any order."""
        ...

    def stat(self, key: str) -> ObjectInfo | None:
        """Key and size of an object; None if it does not exist."""
        ...

    def delete(self, key: str) -> None:
        """Delete an object. A missing one is no error."""
        ...

    def probe(self) -> Capabilities:
        """Find out which operations work, by writing, reading and deleting a tiny object.

        Raises RemoteError if the remote cannot be read; a read-only remote is no error.
        """
        ...


class Meter:
    """The position of one transfer. Reports changes to `on_bytes`, and to the adaptive limit of the thread."""

    __slots__ = ("_limit", "_on_bytes", "_position")

    def __init__(self, on_bytes: OnBytes | None) -> None:
        self._on_bytes = on_bytes
        self._limit = concurrency.current_limit()
        self._position = 0

    def at(self, position: int) -> None:
        """Set the number of transferred bytes; a smaller one when a failed try starts over."""
        change = position - self._position
        self._position = position
        if not change:
            return
        if self._on_bytes is not None:
            self._on_bytes(change)
        if self._limit is not None:
            self._limit.add_bytes(change)


def checked_key(key: str) -> str:
    """Return `key`. Raises ValueError if it is not a plain relative path, which is a bug of the caller."""
    parts = key.split("/")
    bad = {"", ".", ".."}.intersection(parts) or any(part.startswith(RESERVED) for part in parts)
    if bad or not key.isprintable() or "\\" in key:
        raise ValueError(f"not a key: {key!r}")
    return key


def checked_range(start: int, length: int | None) -> None:
    """Raise ValueError for a negative range."""
    if start < 0 or (length is not None and length < 0):
        raise ValueError(f"not a range: start {start}, length {length}")


def checked_chunks(body: Body, meter: Meter | None = None) -> Iterator[bytes]:
    """The chunks of `body`; RemoteError unless their sizes add up to `body.size`.

    `meter` counts each chunk once the next one is requested.
    """
    seen = 0
    for chunk in body.chunks():
        seen += len(chunk)
        if seen > body.size:
            break
        yield chunk
        if meter is not None:
            meter.at(seen)
    if seen != body.size:
        came = "more" if seen > body.size else f"only {seen}"
        raise RemoteError(
            "an upload was stopped",
            why=f"the data changed during the upload: expected {body.size} bytes, got {came}",
            fix="run the same command again",
        )


def regrouped(chunks: Iterable[bytes], size: int) -> Iterator[memoryview]:
    """The same bytes in pieces of `size` bytes; the last one may be shorter. Holds at most one piece and one chunk.

    Each piece is a memory map of its own, which goes back to the system when it is freed; a heap would fragment.
    """
    piece, filled = memoryview(mmap.mmap(-1, size)), 0
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            part = view[: size - filled]
            piece[filled : filled + len(part)] = part
            filled += len(part)
            view = view[len(part) :]
            if filled == size:
                yield piece
                piece, filled = memoryview(mmap.mmap(-1, size)), 0
    if filled:
        yield piece[:filled]


def reserve(buffer: io.BytesIO, size: int) -> None:
    """Give `buffer` its final size in advance: a growing buffer ends up to an eighth too large.

    Truncate it at its position at the end. Reserves at most 64 MiB, since the size comes from the server.
    """
    if size > 0:
        buffer.seek(min(size, _RESERVE) - 1)
        buffer.write(b"\0")
        buffer.seek(0)


def range_length(total: int, start: int, length: int | None) -> int:
    """The number of bytes that an object of `total` bytes has in a range."""
    rest = max(0, total - start)
    return rest if length is None else min(rest, length)


def probe_key() -> str:
    """A key for a test object, which no other client uses."""
    return f"probe-{temporary_name().removeprefix(RESERVED)}"


def is_allowed(operation: Callable[[], object], is_refusal: Callable[[RemoteError], bool]) -> bool:
    """Run `operation`. Returns False after an error that `is_refusal` accepts; other errors are raised."""
    try:
        operation()
    except RemoteError as error:
        if not is_refusal(error):
            raise
        return False
    return True
