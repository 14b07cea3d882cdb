"""What a remote must be able to do: a handful of calls on named byte strings.

`Storage` is implemented for folders (`local`), S3 (`s3`) and any other fsspec protocol (`fsspec_storage`); one
conformance suite (`tests/remote/backends/test_storage.py`) tests them all. Nothing here knows what is stored.

A *key* is one or more names joined by `/`, such as `packs/ab/abcd.pack`. Keys are written once or replaced whole.
"""

from __future__ import annotations

import io
import mmap
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from dver.core.errors import RemoteError
from dver.remote import concurrency

CHUNK: Final = 8 * 2**20
"""Bytes read from a file at a time."""

_RESERVE: Final = 64 * 2**20
RESERVED: Final = ".dver-"
"""Names that start so are a storage's own temporary files: no key has such a part, `list` shows none."""


Moved = Callable[[int], None]
"""Told of each number of bytes that went over the wire; of a negative one where a try failed and begins again."""


class MissingKey(RemoteError):
    """There is nothing under this key."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(
            f"the remote {url} has no {key!r}",
            why="it was never uploaded, or somebody deleted it",
            fix="run `dver push` from a clone that has the data",
        )
        self.key = key


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What is known about an object without reading it. `size` is in bytes."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What `Storage.probe` found.

    `conditional_put` says that `put(if_absent=True)` has exactly one winner however many clients race. Without it a
    put looks first and writes then, so that two writers who race may both be told True, and the later one's bytes stay.
    """

    writable: bool
    conditional_put: bool
    deletable: bool = False


class Unfinished(NamedTuple):
    """An upload that was begun and never completed: a push was killed, or is at work now. `begun`: Unix seconds."""

    key: str
    id: str
    begun: float


class Body(Protocol):
    """Bytes to upload. Must yield the same bytes each time, since a try that fails is made again."""

    @property
    def size(self) -> int:
        """Bytes that `chunks` yields in all."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """The content from its start, in pieces of any size up to some MiB."""
        ...


@dataclass(frozen=True, slots=True)
class BytesBody:
    """A body that is in memory."""

    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    def chunks(self) -> Iterator[bytes]:
        yield self.content


class FileBody:
    """The content of the file at `path`, as long as it is now; read 8 MiB at a time. Raises OSError."""

    __slots__ = ("path", "size")

    def __init__(self, path: str | bytes | os.PathLike[str]) -> None:
        self.path: Final = path
        self.size: Final[int] = os.stat(path).st_size

    def chunks(self) -> Iterator[bytes]:
        with open(self.path, "rb", buffering=0) as file:
            while piece := file.read(CHUNK):
                yield piece


class Storage(Protocol):
    """A remote. Every call may be made from many threads at once, and raises RemoteError where it fails for good;
    failures that pass (a dropped connection, a busy server) have been retried by then.
    """

    @property
    def url(self) -> str:
        """Where this is, for messages. Never has credentials in it."""
        ...

    def put(self, key: str, body: Body, *, if_absent: bool = False, moved: Moved | None = None) -> bool:
        """Store `body` under `key`. Atomic: a reader sees all of it or what was there before; a put that fails or is
        killed leaves nothing under `key`. On return it is as durable as the remote makes it.

        With `if_absent`, an existing object is left alone and the answer is False; else it is True. After a lost
        answer to a conditional write the retry may find what the first try wrote: False then means "it is there",
        not "somebody else wrote it". Errors that `body.chunks()` raises pass through unchanged. `moved` is told of the
        bytes as they are sent, `body.size` in all; it is called from any thread.
        """
        ...

    def get(self, key: str, start: int = 0, length: int | None = None, *, moved: Moved | None = None) -> bytes:
        """`length` bytes from offset `start` (all that follow, with None), cut at the end of the object as a slice is.

        Held in memory whole: ask for some tens of MiB at a time. Raises MissingKey; a server that sends less than it
        owes is retried, then a RemoteError, never a short answer. `moved` is told of the bytes as they come.
        """
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """All objects whose key starts with `prefix` (a plain string prefix), in any order, with any number of them."""
        ...

    def stat(self, key: str) -> ObjectInfo | None:
        """Size of the object under `key`, None if there is none."""
        ...

    def delete(self, key: str) -> None:
        """Remove `key`. Deleting what is absent is fine."""
        ...

    def probe(self) -> Capabilities:
        """Find out what works, by writing, reading and deleting one tiny key of its own.

        Raises RemoteError where the remote cannot even be read; one that can be read only is not an error.
        """
        ...


class Meter:
    """How far one transfer has come, told to `moved` as differences, and to the pace of the thread that made it."""

    __slots__ = ("_moved", "_pace", "_position")

    def __init__(self, moved: Moved | None) -> None:
        self._moved = moved
        self._pace = concurrency.current()
        self._position = 0

    def at(self, position: int) -> None:
        """`position` bytes have been moved by now; fewer than before where it begins again."""
        change = position - self._position
        self._position = position
        if not change:
            return
        if self._moved is not None:
            self._moved(change)
        if self._pace is not None:
            self._pace.moved(change)


def checked_key(key: str) -> str:
    """`key` itself; ValueError if it is not a plain relative path: a bug of the caller, never a user's mistake."""
    parts = key.split("/")
    bad = {"", ".", ".."}.intersection(parts) or any(part.startswith(RESERVED) for part in parts)
    if bad or not key.isprintable() or "\\" in key:
        raise ValueError(f"not a key: {key!r}")
    return key


def checked_range(start: int, length: int | None) -> None:
    """ValueError for a range that no object has."""
    if start < 0 or (length is not None and length < 0):
        raise ValueError(f"not a range: start {start}, length {length}")


def checked_chunks(body: Body, meter: Meter | None = None) -> Iterator[bytes]:
    """The chunks of `body`; RemoteError unless they add up to the size that it claimed.

    `meter` is told of each once the next one is asked for.
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
            why=f"its source changed meanwhile: {body.size} bytes were promised, {came} came",
            fix="run the same command again",
        )


def regrouped(chunks: Iterable[bytes], size: int) -> Iterator[memoryview]:
    """The same bytes in pieces of exactly `size`, but for a shorter last one. Holds one piece and one chunk at most.

    Each piece is memory mapped for it alone: freed, it goes back to the system, where a heap would keep it, with holes.
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
    """Give `buffer` its final size from the start: grown piece by piece it would end up to an eighth too large.

    Truncate it at its position when all is written. A server's word is not taken for more than 64 MiB.
    """
    if size > 0:
        buffer.seek(min(size, _RESERVE) - 1)
        buffer.write(b"\0")
        buffer.seek(0)


def range_length(total: int, start: int, length: int | None) -> int:
    """The number of bytes that an object of `total` bytes has in a range."""
    rest = max(0, total - start)
    return rest if length is None else min(rest, length)
