"""What is uploaded: local packs as they are, packs made of frames from several, loose blobs. All verified on the way.

These run in the threads of the upload: no database, each opens the files it needs, and stops soon once told to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event, Lock
from typing import Final, NamedTuple

from xxhash import xxh3_64

from dver.core.errors import CorruptError, MissingObjectError, RemoteError
from dver.core.oid import Oid
from dver.formats import pack
from dver.formats.pack import Codec, ObjectKind, Row
from dver.remote.storage import FileBody
from dver.store.codec import Decoder, Encoder, corrupt
from dver.store.frames import Found, neighbours
from dver.store.packs import ContentHash, PackReader, PackWriter
from dver.store.writer import OWN_PACK, encoded_pieces

_PIECE: Final = 4 << 20
_ONE_AT_A_TIME: Final = Lock()
"""Held while many small frames are verified: threads that pass Python's own lock to and fro take twice as long."""


class Source(NamedTuple):
    """Frames in one local pack."""

    path: Path
    found: tuple[Found, ...]


class Stopped(RemoteError):
    """The upload was told to stop. Never shown: what stopped it is."""

    def __init__(self) -> None:
        super().__init__("the transfer was stopped")


class Watched:
    """A body that breaks off once `stop` is set."""

    def __init__(self, size: int, pieces: Callable[[], Iterator[bytes]], stop: Event) -> None:
        self.size: Final = size
        self._pieces = pieces
        self._stop = stop

    def chunks(self) -> Iterator[bytes]:
        """The content, in pieces of a few MiB."""
        for piece in self._pieces():
            if self._stop.is_set():
                raise Stopped
            yield piece


def whole_pack_rows(path: Path, name: Oid) -> list[Row]:
    """The footer of a local pack. Raises CorruptError, or MissingObjectError if it has just been removed."""
    try:
        with PackReader(path) as reader:
            return reader.rows(name)
    except FileNotFoundError:
        raise _removed() from None


def whole_pack_pieces(path: Path, rows: Sequence[Row]) -> Iterator[bytes]:
    """The local pack at `path` from its first byte to its last; each frame is verified before, or as, it is yielded."""
    try:
        reader = PackReader(path)
    except FileNotFoundError:
        raise _removed() from None
    with reader:
        header = reader.read(0, len(pack.HEADER))
        if header != pack.HEADER:
            raise CorruptError(f"the pack {path.name} is damaged", why="it does not begin as a pack does")
        yield header
        decoder = Decoder()
        for run in _runs(rows):
            if run[0].raw_size >= OWN_PACK:
                if reader.header(run[0].offset) != run[0]:
                    raise corrupt(run[0].oid)
                yield pack.frame_header_bytes(run[0])
                yield from decoder.verified_payload(run[0], reader.payload_pieces(run[0]))
                continue
            data = reader.read(run[0].offset, run[-1].end - run[0].offset)
            with _ONE_AT_A_TIME:
                _verify(run, data)
            yield data
    footer = pack.encode_footer(rows)
    yield footer + pack.encode_trailer(footer)


def build_pack(sources: Sequence[Source], writer: PackWriter) -> Oid:
    """Copy the frames of `sources` into `writer`, each verified; seals it and returns the pack's name."""
    decoder = Decoder()
    for source in sources:
        try:
            reader = PackReader(source.path)
        except FileNotFoundError:
            raise _removed() from None
        with reader:
            for run in neighbours(source.found):
                if len(run) == 1 and run[0].raw_size >= OWN_PACK:
                    row = _large_row(reader, run[0])
                    writer.add_frame_stream(row, decoder.verified_payload(row, reader.payload_pieces(row)))
                    continue
                data = reader.read(run[0].offset, run[-1].end - run[0].offset)
                with _ONE_AT_A_TIME:
                    for row, frame in _opened(decoder, run, data):
                        writer.add_frame(row, frame)
    return writer.seal(durable=False)


def build_loose_pack(oid: Oid, path: Path, writer: PackWriter) -> Oid:
    """A pack of one frame, from the loose blob `oid` at `path`: compressed if a sample says that it pays."""
    content = ContentHash()
    try:
        first = next(FileBody(path).chunks(), b"")
    except FileNotFoundError:
        raise _removed() from None
    codec = Codec.ZSTD if Encoder().pays(first) else Codec.RAW
    pieces = encoded_pieces(codec, FileBody(path).chunks(), content)
    if writer.add_payload_stream(ObjectKind.BLOB, codec, pieces, content) != oid:
        raise corrupt(oid)
    return writer.seal(durable=False)


def _opened(decoder: Decoder, run: Sequence[Found], data: bytes) -> Iterator[tuple[Row, memoryview]]:
    view = memoryview(data)
    start = run[0].offset
    for one in run:
        frame = view[one.offset - start : one.end - start]
        row, _ = decoder.open_frame(one.row(), frame)
        yield row, frame


def _large_row(reader: PackReader, found: Found) -> Row:
    row = reader.header(found.offset)
    if row._replace(checksum=0) != found.row():
        raise corrupt(found.oid)
    return row


def _runs(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Frames in the order of the pack, a few MiB at a time; a large one alone."""
    run: list[Row] = []
    for row in sorted(rows, key=lambda row: row.offset):
        if run and (row.raw_size >= OWN_PACK or run[0].raw_size >= OWN_PACK or row.end - run[0].offset > _PIECE):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _verify(run: Sequence[Row], data: bytes) -> None:
    """Raise CorruptError unless every frame has the checksum that the footer states.

    The pack's name, a BLAKE3, vouches for the footer and so for the checksums; whoever fetches the frame compares the
    object with its oid again. Hashing each object here as well would double the time of a push.
    """
    view = memoryview(data)
    start = run[0].offset
    for row in run:
        at = row.offset - start
        header = pack.frame_header_bytes(row)
        body = at + len(header)
        payload = view[body : body + row.stored_size]
        if view[at:body] != header or len(payload) != row.stored_size:
            raise corrupt(row.oid)
        summed = xxh3_64(payload)
        summed.update(header[: pack.FIELDS_SIZE])
        if summed.intdigest() != row.checksum:
            raise corrupt(row.oid)


def _removed() -> MissingObjectError:
    return MissingObjectError(
        "an object was removed from the store during the push", why="another process did it", fix="try again"
    )
