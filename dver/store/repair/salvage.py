"""Salvaging the good frames of a corrupt pack: by its footer, the index database, or a search of the whole file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from dver.core.errors import CorruptError, NewerVersionError
from dver.core.oid import Oid
from dver.formats import pack
from dver.formats.pack import FRAME_HEADER_SIZE, Row
from dver.store.objects.codec import Decoder
from dver.store.objects.packs import PackReader

RUN: Final = 4 << 20
"""Bytes of adjacent frames that are read with one call."""
_MAGIC: Final = b"FR"


class Salvage(NamedTuple):
    """The good and lost frames of a pack, by offset."""

    whole: list[Row]
    """Good frames, with their checksums; `read_frame` reads them."""
    lost: list[Row]
    """Corrupt or missing frames. The checksum is 0 without a footer."""
    complete: bool
    """Does the name of the pack prove that these are all its frames?"""


def salvage(
    reader: PackReader, name: Oid, remembered: Sequence[Row] = (), wrong: frozenset[Oid] = frozenset()
) -> Salvage:
    """Check every frame of the pack `name`.

    `remembered` has the rows of the index database, for a corrupt footer. `wrong` are bad objects in good frames.
    Raises CorruptError for a pack of a newer version.
    """
    try:
        rows = reader.rows(name)
    except CorruptError as error:
        if isinstance(error, NewerVersionError):
            raise
        return _without_footer(reader, name, remembered, wrong)
    decoder = Decoder()
    whole: list[Row] = []
    lost: list[Row] = []
    for row in by_offset(rows):
        good = row.oid not in wrong and read_good_frame(reader, row, decoder) is not None
        (whole if good else lost).append(row)
    return Salvage(whole, lost, complete=True)


def read_frame(reader: PackReader, row: Row) -> bytes | None:
    """The frame of `row`, which has a checksum; None if its payload is corrupt. Repairs a corrupt header."""
    payload = reader.read(row.offset + FRAME_HEADER_SIZE, row.stored_size)
    frame = pack.frame_header_bytes(row) + payload
    try:
        pack.check_frame(row, frame)
    except CorruptError:
        return None
    return frame


def read_good_frame(reader: PackReader, row: Row, decoder: Decoder) -> bytes | None:
    """The frame of `row`, as `read_frame`; also None if the object in it is corrupt."""
    frame = read_frame(reader, row)
    try:
        if frame is not None:
            decoder.open_frame(row, frame)
    except CorruptError:
        return None
    return frame


def runs(rows: Sequence[Row], size: int = RUN) -> Iterator[list[Row]]:
    """Runs of adjacent frames of at most `size` bytes, or single frames. `rows` is sorted by offset."""
    run: list[Row] = []
    for row in rows:
        if run and (row.end - run[0].offset > size or row.offset != run[-1].end):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def by_offset(rows: Sequence[Row]) -> list[Row]:
    """`rows` in the order of the pack."""
    return sorted(rows, key=lambda row: row.offset)


def size_of(reader: PackReader) -> int:
    """The size of the file in bytes."""
    return os.stat(reader.path).st_size


def _without_footer(reader: PackReader, name: Oid, remembered: Sequence[Row], wrong: frozenset[Oid]) -> Salvage:
    decoder = Decoder()
    known = {row.offset: row for row in remembered}
    found: dict[Oid, Row] = {}
    at, end = len(pack.HEADER), size_of(reader)
    while at + FRAME_HEADER_SIZE <= end:
        row = _frame_at(reader, at, end, decoder)
        if row is not None:
            found.setdefault(row.oid, row)
            at = row.end
        elif at in known:
            at = known[at].end
        else:
            at = _next_candidate(reader, at + 1, end)
    complete = Oid.of(pack.encode_footer(list(found.values()))) == name
    whole = [row for row in found.values() if row.oid not in wrong]
    lost = [row for row in found.values() if row.oid in wrong]
    if not complete:
        lost += [row for row in remembered if row.oid not in found]
    return Salvage(by_offset(whole), by_offset(lost), complete)


def _frame_at(reader: PackReader, at: int, end: int, decoder: Decoder) -> Row | None:
    """The row of a good frame at the offset `at`, or None."""
    try:
        row = pack.decode_frame_header(reader.read(at, FRAME_HEADER_SIZE), at)
        if row.end > end or not pack.fits_in_memory(row.codec, row.raw_size, row.stored_size):
            return None
        return decoder.open_frame(row, reader.read(at, row.frame_size))[0]
    except CorruptError:
        return None


def _next_candidate(reader: PackReader, at: int, end: int) -> int:
    """The offset of the next possible start of a frame; `end` if there is none."""
    while at < end:
        piece = reader.read(at, RUN)
        found = piece.find(_MAGIC)
        if found >= 0:
            return at + found
        if len(piece) < len(_MAGIC):
            return end
        at += len(piece) - 1
    return end
