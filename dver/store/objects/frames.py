"""Reading frames from the packs of this machine: in runs, verified, whatever tells where they lie."""

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
    """Where an object lies: in the pack with this database id, sorted so that reading goes forward on the disk."""

    pack: int
    offset: int
    oid: Oid
    kind: ObjectKind
    codec: Codec
    raw_size: int
    stored_size: int

    @property
    def end(self) -> int:
        """Where its frame ends."""
        return self.offset + _HEADER + self.stored_size

    def row(self) -> Row:
        """The same as a pack's footer has it. The checksum, which the database does not keep, is 0."""
        return Row(self.oid, self.kind, self.codec, self.offset, self.raw_size, self.stored_size, 0)


def location_of(number: int, row: Row) -> ObjectLocation:
    """The object that `row` of the footer of the pack with this number lists."""
    return ObjectLocation(number, row.offset, row.oid, row.kind, row.codec, row.raw_size, row.stored_size)


class FrameReader:
    """Reads frames. `pack_of` answers with the name and the file of the pack that has a number."""

    def __init__(self, pack_of: Callable[[int], tuple[Oid, Path]]) -> None:
        self._pack_of = pack_of
        self._decoder = Decoder()
        self._open: dict[Oid, PackReader] = {}

    def close(self) -> None:
        """Let go of all open packs."""
        for reader in self._open.values():
            reader.close()
        self._open.clear()

    def forget(self, name: Oid) -> None:
        """The file of the pack `name` is another one now."""
        if name in self._open:
            self._open.pop(name).close()

    def pack(self, number: int) -> PackReader:
        """The open pack with a number. Raises FileNotFoundError if it has been removed."""
        name, path = self._pack_of(number)
        reader = self._open.get(name)
        if reader is None:
            if len(self._open) >= _OPEN_PACKS:
                self._open.pop(next(iter(self._open))).close()
            reader = self._open[name] = PackReader(path)
        return reader

    def content(self, found: ObjectLocation) -> bytes:
        """The content of an object that is not chunked, checked against its oid."""
        return self._decoder.decode(found.row(), self._payload(found, self._frame(found)))

    def contents(self, found: Sequence[ObjectLocation]) -> Iterator[tuple[ObjectLocation, bytes | CorruptError]]:
        """The contents of objects that are not chunked, in the order of `found`: neighbours are read with one call.

        A damaged object yields its error, and the others follow.
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
        """The recipe of a chunked blob, checked against its frame's checksum."""
        row, payload = self._decoder.open_frame(found.row(), self._frame(found))
        return decode_recipe(row, payload)

    def _frame(self, found: ObjectLocation) -> memoryview:
        if not pack.fits_in_memory(found.codec, found.raw_size, found.stored_size):
            raise corrupt(found.oid)
        return memoryview(self.pack(found.pack).read(found.offset, found.end - found.offset))

    def _payload(self, found: ObjectLocation, frame: memoryview) -> memoryview:
        # Comparing bytes is several times faster than decoding the header, for the thousands of a checkout.
        if frame[: pack.FIELDS_SIZE] != pack.frame_fields(found.row()):
            raise corrupt(found.oid)
        return frame[_HEADER:]


def neighbours(found: Sequence[ObjectLocation]) -> Iterator[Sequence[ObjectLocation]]:
    """Runs of frames that lie side by side in one pack, of a few MiB at most."""
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
