"""Downloading frames from packs: one request for neighbouring frames, requests in parallel, each frame verified."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Final, NamedTuple

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats.pack import Row, fits_in_memory
from dver.remote.index.keys import pack_key
from dver.remote.index.mirror import RemoteLocation
from dver.remote.parallel import in_parallel
from dver.remote.storage import MissingKey, OnBytes, Storage
from dver.store.objects.codec import Decoder, corrupt

GAP: Final = 512 << 10
"""Gap between two frames, in bytes, up to which one request reads both."""
RANGE: Final = 4 << 20
"""Size of one request in bytes, unless a single frame is larger. Memory is bounded by this, times the jobs plus one."""


class FrameRange(NamedTuple):
    """A part of a pack that one request reads, and the wanted frames in it."""

    pack: Oid
    start: int
    end: int
    frames: Sequence[RemoteLocation]


class FetchedFrame(NamedTuple):
    """A verified frame: its bytes, and the object in it, or the recipe of a chunked object."""

    row: Row
    frame: memoryview
    content: bytes


def group_ranges(found: Sequence[RemoteLocation]) -> Iterator[FrameRange]:
    """The requests for `found`, which is sorted by pack and offset."""
    start = 0
    for at in range(1, len(found) + 1):
        first, last = found[start], found[at - 1]
        if (
            at == len(found)
            or found[at].pack != first.pack
            or found[at].offset - last.end > GAP
            or found[at].end - first.offset > RANGE
        ):
            yield FrameRange(first.pack, first.offset, last.end, found[start:at])
            start = at


def fetch_frames(
    storage: Storage,
    found: Sequence[RemoteLocation],
    *,
    jobs: int,
    received: Callable[[int], None] | None = None,
    on_bytes: OnBytes | None = None,
) -> Iterator[tuple[Oid, FetchedFrame | CorruptError | MissingKey]]:
    """Download the frames of `found`. Yields each oid with its frame, or with the error for the frame or its pack.

    Calls `received` with the bytes of each answer. `on_bytes` is passed to `Storage.get`. Raises RemoteError.
    """
    decoder = Decoder()
    credible = []
    for one in found:
        if fits_in_memory(one.codec, one.raw_size, one.stored_size):
            credible.append(one)
        else:
            yield one.oid, corrupt(one.oid)

    def get(part: FrameRange) -> tuple[FrameRange, bytes | MissingKey]:
        try:
            return part, storage.get(pack_key(part.pack), part.start, part.end - part.start, on_bytes=on_bytes)
        except MissingKey as error:
            return part, error

    with closing(in_parallel(get, list(group_ranges(credible)), jobs=jobs)) as answers:
        for part, data in answers:
            if isinstance(data, MissingKey):
                yield from ((one.oid, data) for one in part.frames)
                continue
            if received is not None:
                received(len(data))
            view = memoryview(data)
            for one in part.frames:
                yield one.oid, _opened(decoder, one, view[one.offset - part.start : one.end - part.start])


def _opened(decoder: Decoder, found: RemoteLocation, frame: memoryview) -> FetchedFrame | CorruptError:
    try:
        row, content = decoder.open_frame(found.row(), frame)
    except CorruptError as error:
        return error
    return FetchedFrame(row, frame, content)
