"""Reading frames from a remote: neighbours in one request, several requests at once, each frame verified."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import Final, NamedTuple

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats.pack import FRAME_HEADER_SIZE, Row, decode_frame_header
from dver.remote.mirror import RemoteFound, pack_key
from dver.remote.pool import in_parallel
from dver.remote.storage import MissingKey, Moved, Storage
from dver.store.codec import Decoder, corrupt

GAP: Final = 64 << 10
"""Bytes between two frames that are read for nothing rather than making another request."""
RANGE: Final = 8 << 20
"""Bytes of one request: what is held in memory is at most this times the jobs, and one more."""


class Range(NamedTuple):
    """A part of a pack, and the wanted frames in it."""

    pack: Oid
    start: int
    end: int
    frames: Sequence[RemoteFound]


class Frame(NamedTuple):
    """A frame that was fetched and verified: as it is, and the object in it."""

    row: Row
    frame: memoryview
    content: bytes


def ranges(found: Sequence[RemoteFound]) -> Iterator[Range]:
    """The requests for `found`, which is sorted by pack and offset and has no frame larger than `RANGE`."""
    start = 0
    for at in range(1, len(found) + 1):
        first, last = found[start], found[at - 1]
        if (
            at == len(found)
            or found[at].pack != first.pack
            or found[at].offset - last.end > GAP
            or found[at].end - first.offset > RANGE
        ):
            yield Range(first.pack, first.offset, last.end, found[start:at])
            start = at


def fetch_frames(
    storage: Storage,
    found: Sequence[RemoteFound],
    *,
    jobs: int,
    received: Callable[[int], None],
    moved: Moved | None = None,
) -> Iterator[tuple[Oid, Frame | CorruptError | MissingKey]]:
    """Fetch small frames. Yields each oid with its frame, or with what is wrong with that or with its pack.

    `received` is told of the bytes of each answer; `moved` as `Storage.get` has it. Raises RemoteError.
    """
    decoder = Decoder()

    def get(part: Range) -> tuple[Range, bytes | MissingKey]:
        try:
            return part, storage.get(pack_key(part.pack), part.start, part.end - part.start, moved=moved)
        except MissingKey as error:
            return part, error

    with closing(in_parallel(get, list(ranges(found)), jobs=jobs)) as answers:
        for part, data in answers:
            if isinstance(data, MissingKey):
                yield from ((one.oid, data) for one in part.frames)
                continue
            received(len(data))
            view = memoryview(data)
            for one in part.frames:
                yield one.oid, _opened(decoder, one, view[one.offset - part.start : one.end - part.start])


def fetch_large(
    storage: Storage,
    found: RemoteFound,
    take: Callable[[Row, Iterator[bytes]], None],
    *,
    jobs: int,
    received: Callable[[int], None],
    moved: Moved,
) -> None:
    """Fetch one large frame: `take` is handed its row and its payload, not verified yet, piece by piece.

    Raises CorruptError, MissingKey if the pack is gone, RemoteError.
    """
    key = pack_key(found.pack)

    def get(start: int) -> bytes:
        return storage.get(key, start, min(RANGE, found.end - start), moved=moved)

    def told(pieces: Iterator[bytes]) -> Iterator[bytes]:
        for start, piece in zip(starts, pieces, strict=True):
            if len(piece) != min(RANGE, found.end - start):
                raise corrupt(found.oid)
            received(len(piece))
            yield piece

    starts = range(found.offset, found.end, RANGE)
    with closing(in_parallel(get, starts, jobs=jobs)) as answers:
        pieces = told(answers)
        first = next(pieces)
        row = decode_frame_header(first[:FRAME_HEADER_SIZE], found.offset)
        if row._replace(checksum=0) != found.row():
            raise corrupt(found.oid)
        take(row, chain((first[FRAME_HEADER_SIZE:],), pieces))


def _opened(decoder: Decoder, found: RemoteFound, frame: memoryview) -> Frame | CorruptError:
    try:
        row, content = decoder.open_frame(found.row(), frame)
    except CorruptError as error:
        return error
    return Frame(row, frame, content)
