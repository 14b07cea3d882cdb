"""Reading and verifying frames in the packs of the store, neighbours with one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import pack
from dver.formats.pack import Codec, ObjectKind, Row
from dver.formats.recipe import Recipe
from dver.store.objects.codec import Decoder, corrupt, decode_recipe
from dver.store.objects.packs import PackReader

_OPEN_PACKS: Final = 64
_RUN: Final = 4 << 20
_HEADER: Final = pack.FRAME_HEADER_SIZE


class ObjectLocation(NamedTuple):
    """The location of an object in the pack with a database id. Sorted locations are read forward on the disk."""

    pack: int
    offset: int
    oid: Oid
    kind: ObjectKind
    codec: Codec
    raw_size: int
    stored_size: int

    @property
    def end(self) -> int:
        """The offset of the end of its frame."""
        return self.offset + _HEADER + self.stored_size

    def row(self) -> Row:
        """The row in the footer of the pack. The checksum is 0, since the database does not have it."""
        return Row(self.oid, self.kind, self.codec, self.offset, self.raw_size, self.stored_size, 0)


def location_of(number: int, row: Row) -> ObjectLocation:
    """The location in `row` of the footer of the pack with the database id `number`."""
    return ObjectLocation(number, row.offset, row.oid, row.kind, row.codec, row.raw_size, row.stored_size)


class FrameReader:
    """Reads frames. `pack_of` returns the name and the file of the pack with a database id."""

    def __init__(self, pack_of: Callable[[int], tuple[Oid, Path]]) -> None:
        self._pack_of = pack_of
        self._decoder = Decoder()
        self._open: dict[Oid, PackReader] = {}

    def close(self) -> None:
        for reader in self._open.values():
            reader.close()
        self._open.clear()

    def forget(self, name: Oid) -> None:
        """Close the pack `name`: it has another file now."""
        if name in self._open:
            self._open.pop(name).close()

    def pack(self, number: int) -> PackReader:
        """The open pack with a database id. Raises FileNotFoundError if it has been removed."""
        name, path = self._pack_of(number)
        reader = self._open.get(name)
        if reader is None:
            if len(self._open) >= _OPEN_PACKS:
                self._open.pop(next(iter(self._open))).close()
            reader = self._open[name] = PackReader(path)
        return reader

    def content(self, found: ObjectLocation) -> bytes:
        """The verified content of an object that is not chunked."""
        return self._decoder.decode(found.row(), self._payload(found, self._frame(found)))

    def contents(self, found: Sequence[ObjectLocation]) -> Iterator[tuple[ObjectLocation, bytes | CorruptError]]:
        """The verified contents of objects that are not chunked, in the order of `found`.

        Reads neighbours with one call. Yields the error of a corrupt object, and continues with the others.
        """
        for run in neighbours(found):
            start = run[0].offset
            data = memoryview(self.pack(run[0].pack).read(start, run[-1].end - start))
            for one in run:
                try:
                    payload = self._payload(one, data[one.offset - start : one.end - start])
                    yield one, self._decoder.decode(one.row(), payload)
                except CorruptError as error:
                    yield one, error

    def recipe(self, found: ObjectLocation) -> Recipe:
        """The recipe of a chunked blob, verified by the checksum of its frame."""
        row, payload = self._decoder.open_frame(found.row(), self._frame(found))
        return decode_recipe(row, payload)

    def _frame(self, found: ObjectLocation) -> memoryview:
        if not pack.fits_in_memory(found.codec, found.raw_size, found.stored_size):
            raise corrupt(found.oid)
        return memoryview(self.pack(found.pack).read(found.offset, found.end - found.offset))

    def _payload(self, found: ObjectLocation, frame: memoryview) -> memoryview:
        # A checkout reads thousands of frames: comparing bytes is several times faster than decoding headers.
        if frame[: pack.FIELDS_SIZE] != pack.frame_fields(found.row()):
            raise corrupt(found.oid)
        return frame[_HEADER:]


def neighbours(found: Sequence[ObjectLocation]) -> Iterator[Sequence[ObjectLocation]]:
    """Runs of adjacent frames of one pack, of a few MiB at most."""
    start = 0
    for at in range(1, len(found) + 1):
        first = found[start]
        if (
            at == len(found)
            or found[at].pack != first.pack
            or found[at].offset != found[at - 1].end
            or found[at].end - first.offset > _RUN
        ):
            yield found[start:at]
            start = at
