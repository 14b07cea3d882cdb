"""Bodies of pack uploads: whole local packs, and new packs of frames, chunks of loose blobs, and recipes.

All content is verified on the way. The code runs in upload threads: it uses no database, opens the files that it
needs, and stops soon when the upload is stopped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event, Lock
from typing import Final, NamedTuple

from dver.core.errors import CorruptError, MissingObjectError, RemoteError
from dver.core.oid import Oid
from dver.formats import pack, recipe
from dver.formats.pack import Codec, ObjectKind, Row
from dver.formats.recipe import Recipe
from dver.store.objects.codec import Decoder, Encoder, corrupt
from dver.store.objects.frames import ObjectLocation, neighbours
from dver.store.objects.loose_chunks import ChunkLocation
from dver.store.objects.packs import PackReader, PackWriter
from dver.store.repair.salvage import by_offset, runs

_ONE_AT_A_TIME: Final = Lock()
"""Held while many small frames are verified. Without it, threads compete for the GIL and take twice as long."""


class PackFrames(NamedTuple):
    """Frames of one local pack."""

    path: Path
    found: tuple[ObjectLocation, ...]


class LooseChunks(NamedTuple):
    """Chunks of the loose blob at `path`."""

    path: Path
    places: tuple[ChunkLocation, ...]


class NewRecipe(NamedTuple):
    """The recipe of a loose blob."""

    oid: Oid
    recipe: Recipe


PackSource = PackFrames | LooseChunks | NewRecipe


class UploadStopped(RemoteError):
    """The upload was stopped by the failure of another one, which is the error that the user sees."""

    def __init__(self) -> None:
        super().__init__("the transfer was stopped")


class StoppableBody:
    """A body that raises UploadStopped once `stop` is set."""

    def __init__(self, size: int, pieces: Callable[[], Iterator[bytes]], stop: Event) -> None:
        self.size: Final = size
        self._pieces = pieces
        self._stop = stop

    def chunks(self) -> Iterator[bytes]:
        """The content, in pieces of a few MiB."""
        for piece in self._pieces():
            if self._stop.is_set():
                raise UploadStopped
            yield piece


def whole_pack_rows(path: Path, name: Oid) -> list[Row]:
    """The footer of a local pack. Raises CorruptError, or MissingObjectError if the pack was deleted meanwhile."""
    try:
        with PackReader(path) as reader:
            return reader.rows(name)
    except FileNotFoundError:
        raise _removed() from None


def whole_pack_pieces(path: Path, rows: Sequence[Row]) -> Iterator[bytes]:
    """The bytes of the local pack at `path`. Each frame is verified before it is yielded."""
    try:
        reader = PackReader(path)
    except FileNotFoundError:
        raise _removed() from None
    with reader:
        header = reader.read(0, len(pack.HEADER))
        if header != pack.HEADER:
            raise CorruptError(f"the pack {path.name} is damaged", why="its header is not that of a pack")
        yield header
        for run in runs(by_offset(rows)):
            data = reader.read(run[0].offset, run[-1].end - run[0].offset)
            with _ONE_AT_A_TIME:
                _verify(run, data)
            yield data
    footer = pack.encode_footer(rows)
    yield footer + pack.encode_trailer(footer)


def build_pack(sources: Sequence[PackSource], writer: PackWriter, *, salt: bytes = b"") -> Oid:
    """Write `sources` with `writer`, each verified. Seals the pack and returns its name. See `add_salt`."""
    if salt:
        add_salt(writer, salt)
    for source in sources:
        try:
            _write(source, writer)
        except FileNotFoundError:
            raise _removed() from None
    return writer.seal(durable=False)


def add_salt(writer: PackWriter, salt: bytes) -> None:
    """Give the pack another name, by a frame that contains `salt` and that nothing references.

    The name of a condemned pack must not be used again, since a gc may be about to delete it.
    """
    writer.add(Oid.of(salt), ObjectKind.BLOB, Codec.RAW, len(salt), salt)


def _write(source: PackSource, writer: PackWriter) -> None:
    if isinstance(source, NewRecipe):
        payload = recipe.encode(source.recipe.chunks)
        writer.add(source.oid, ObjectKind.BLOB, Codec.CHUNKED, source.recipe.size, payload)
    elif isinstance(source, PackFrames):
        _copy_frames(source, writer)
    else:
        _cut_out(source, writer)


def _copy_frames(source: PackFrames, writer: PackWriter) -> None:
    decoder = Decoder()
    with PackReader(source.path) as reader:
        for run in neighbours(source.found):
            start = run[0].offset
            view = memoryview(reader.read(start, run[-1].end - start))
            with _ONE_AT_A_TIME:
                for one in run:
                    frame = view[one.offset - start : one.end - start]
                    row, _ = decoder.open_frame(one.row(), frame)
                    writer.add_frame(row, frame)


def _cut_out(source: LooseChunks, writer: PackWriter) -> None:
    encoder = Encoder()
    with open(source.path, "rb", buffering=0) as file:
        for place in source.places:
            content = os.pread(file.fileno(), place.size, place.offset)
            if Oid.of(content) != place.oid:
                raise corrupt(place.blob)
            codec, payload = encoder.encode(content)
            writer.add(place.oid, ObjectKind.BLOB, codec, len(content), payload)


def _verify(run: Sequence[Row], data: bytes) -> None:
    """Raise CorruptError unless every frame has the checksum that the footer states.

    The pack's name is the BLAKE3 of the footer, and so covers the checksums. A fetch compares each object with its oid.
    Hashing each object here as well would double the time of a push.
    """
    view = memoryview(data)
    start = run[0].offset
    for row in run:
        pack.check_frame(row, view[row.offset - start : row.end - start])


def _removed() -> MissingObjectError:
    return MissingObjectError(
        "an object was deleted from the store during the push", why="another process deleted it", fix="try again"
    )
