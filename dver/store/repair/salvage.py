"""What is left of a damaged pack: the frames that are whole, found by the footer, by what the database remembers, or by
looking for them from the first byte to the last."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import pack
from dver.formats.pack import FRAME_HEADER_SIZE, Row
from dver.store.objects.codec import Decoder
from dver.store.objects.packs import PackReader

RUN: Final = 4 << 20
"""Bytes of neighbouring frames that are read with one call."""
_MAGIC: Final = b"FR"


class Salvage(NamedTuple):
    """What became of the frames of a pack, by offset."""

    whole: list[Row]
    """Frames that can be kept, with their checksums; `read_frame` reads them."""
    lost: list[Row]
    """Frames that were there. The checksum is 0 where the footer is gone."""
    complete: bool
    """Are these all that the pack ever had, by proof of its name?"""


def salvage(
    reader: PackReader, name: Oid, remembered: Sequence[Row] = (), wrong: frozenset[Oid] = frozenset()
) -> Salvage:
    """Look at every frame of the pack `name`. `remembered` is what is known of it where the footer is damaged; `wrong`
    are objects that are no good though their frames are.

    Raises CorruptError for a pack that a newer version wrote.
    """
    try:
        rows = reader.rows(name)
    except CorruptError as error:
        if is_newer(error):
            raise
        return _without_footer(reader, name, remembered, wrong)
    decoder = Decoder()
    whole: list[Row] = []
    lost: list[Row] = []
    for row in by_offset(rows):
        good = row.oid not in wrong and _frame(reader, row, decoder) is not None
        (whole if good else lost).append(row)
    return Salvage(whole, lost, complete=True)


def read_frame(reader: PackReader, row: Row) -> bytes | None:
    """The frame of `row`, whose checksum is known, as it has to be; None if its payload is damaged. A damaged header
    is made again."""
    payload = reader.read(row.offset + FRAME_HEADER_SIZE, row.stored_size)
    frame = pack.frame_header_bytes(row) + payload
    try:
        pack.check_frame(row, frame)
    except CorruptError:
        return None
    return frame


def runs(rows: Sequence[Row], size: int = RUN) -> Iterator[list[Row]]:
    """Neighbouring frames, at most `size` bytes at a time, or a single one. `rows` is sorted by offset."""
    run: list[Row] = []
    for row in rows:
        if run and (row.end - run[0].offset > size or row.offset != run[-1].end):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def by_offset(rows: Sequence[Row]) -> list[Row]:
    """`rows` as they lie in the pack."""
    return sorted(rows, key=lambda row: row.offset)


def is_newer(error: Exception) -> bool:
    """Is this no damage, but what a newer version of dver has written?"""
    return isinstance(error, CorruptError) and error.fix == "upgrade dver"


def size_of(reader: PackReader) -> int:
    """Bytes of the file."""
    return os.stat(reader.path).st_size


def _frame(reader: PackReader, row: Row, decoder: Decoder) -> bytes | None:
    frame = read_frame(reader, row)
    try:
        if frame is not None:
            decoder.open_frame(row, frame)
    except CorruptError:
        return None
    return frame


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
    """The frame that begins at `at`, if one does and it is whole."""
    try:
        row = pack.decode_frame_header(reader.read(at, FRAME_HEADER_SIZE), at)
        if row.end > end or not pack.fits_in_memory(row.codec, row.raw_size, row.stored_size):
            return None
        return decoder.open_frame(row, reader.read(at, row.frame_size))[0]
    except CorruptError:
        return None


def _next_candidate(reader: PackReader, at: int, end: int) -> int:
    """Where the next bytes are with which a frame might begin; `end` if there are none."""
    while at < end:
        piece = reader.read(at, RUN)
        found = piece.find(_MAGIC)
        if found >= 0:
            return at + found
        if len(piece) < len(_MAGIC):
            return end
        at += len(piece) - 1
    return end
