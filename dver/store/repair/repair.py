"""Repairing the store: corrupt packs are rewritten from their good frames, and from good copies of the others.

A corrupt pack moves to the trash only after the new pack is durable. Usually the new pack is the original one, byte for
byte, with the same name.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import zstandard

from dver.core.errors import CorruptError
from dver.core.files import fsync_dir
from dver.core.oid import Oid
from dver.formats import pack
from dver.formats.pack import Codec, ObjectKind, Row
from dver.formats.recipe import decode as decode_recipe
from dver.store.objects.codec import LEVEL
from dver.store.objects.loose import LinkMode
from dver.store.objects.packs import PackReader, PackWriter, pack_file_name
from dver.store.repair.check import remembered
from dver.store.repair.good_copies import CopySource, ObjectCopy, find_copies
from dver.store.repair.salvage import Salvage, read_frame, salvage
from dver.store.store import Store
from dver.store.trash.trash import batch_name
from dver.store.writer import LARGE, StoreWriter

DAMAGED: Final = "damaged"
"""The directory for corrupt files in a batch of the trash. They are never restored."""


@dataclass(frozen=True, slots=True)
class RepairedObject:
    """A repaired object, and the source of the good copy: "the workspace", a remote, …"""

    oid: Oid
    source: str


class StoreRepair:
    """Repairs a store with copies from `sources`. `wrong` are bad objects in good frames."""

    def __init__(self, store: Store, sources: Sequence[CopySource], wrong: Collection[Oid] = ()) -> None:
        self._store = store
        self._sources = sources
        self._wrong = frozenset(wrong)
        self._trash_batch = store.trash / batch_name(int(time.time()))
        self.repaired: list[RepairedObject] = []
        self.lost: set[Oid] = set()
        """Objects of corrupt packs that are in no pack now."""

    def repair_pack(self, name: Oid) -> None:
        """Write the good frames of the pack `name`, and good copies of the others, to a new pack."""
        path = self._store.packs / pack_file_name(name)
        new = None
        with PackReader(path) as reader:
            left = salvage(reader, name, remembered(self._store, name), self._wrong)
            copies = find_copies(self._sources, [row.oid for row in left.lost])
            with PackWriter(self._store.scratch) as writer:
                self._write(reader, writer, left, copies)
                if writer.rows:
                    new = writer.seal()
                    if path.is_dir():  # it occupies the name
                        self.move_to_trash(path)
                    writer.move_to(self._store.packs, new)
                    self._store.index.register(new, writer.rows)
        if new != name:
            self.move_to_trash(path)
            self._store.refresh()
            self._store.present(())  # removes the old pack from the index

    def remove_recipes(self, blobs: Collection[Oid]) -> None:
        """Remove the recipes of `blobs` from the store: a recipe must not be there without its chunks."""
        self._wrong |= set(blobs)
        for name in sorted({self._store.index.pack_name(one.pack) for one in self._store.locate(blobs)}):
            self.repair_pack(name)

    def repair_loose(self, oid: Oid) -> None:
        """Replace a corrupt loose blob. Without a good copy it stays: the workspace may be linked to it."""
        path = self._store.loose.path(oid)

        def keep(writer: StoreWriter, pieces: Iterator[bytes]) -> None:
            if path.is_dir() or path.is_symlink():
                self.move_to_trash(path)
            writer.add_loose(oid, pieces)

        self.lost.add(oid)
        with StoreWriter(self._store) as writer:
            self._copy_whole(oid, self._sources, lambda pieces: keep(writer, pieces))

    def add_missing(self, oids: Collection[Oid], sources: Sequence[CopySource], mode: LinkMode) -> set[Oid]:
        """Add those of `oids` that the store lacks and a source has. Returns the added ones."""
        missing = set(oids) - self._store.present(oids)
        added: set[Oid] = set()
        loose = mode.wants_loose(self._store.scratch)
        with StoreWriter(self._store) as writer:
            for oid, (label, copy) in find_copies(sources, missing).items():
                if copy.codec is Codec.CHUNKED or copy.raw_size > LARGE:
                    continue
                if copy.kind is ObjectKind.TREE:
                    writer.add_tree(oid, copy.content())
                else:
                    writer.add_blobs([(oid, copy.content())])
                added.add(oid)
                self._record(oid, label)
            for oid in sorted(missing - added):
                if self._copy_whole(oid, sources, partial(_keep_large, writer, oid, loose)):
                    added.add(oid)
        return added

    def _copy_whole(self, oid: Oid, sources: Sequence[CopySource], keep: Callable[[Iterator[bytes]], object]) -> bool:
        """Pass a blob of any size from the first source with a good copy to `keep`. Is there one?"""
        for source in sources:
            try:
                pieces = source.pieces(oid) if source.present([oid]) else None
                if pieces is not None:
                    keep(pieces)
                    self._record(oid, source.label)
                    return True
            except CorruptError:  # the chunks that were stored are valid objects of their own
                continue
        return False

    def _record(self, oid: Oid, label: str) -> None:
        self.repaired.append(RepairedObject(oid, label))
        self.lost.discard(oid)

    def move_to_trash(self, path: Path) -> None:
        """Move a corrupt file to the trash."""
        folder = self._trash_batch / DAMAGED
        with suppress(FileNotFoundError):  # a gc has moved it
            self._store.scratch.within(folder, lambda: os.rename(path, folder / path.name))
        fsync_dir(folder)
        fsync_dir(path.parent)

    def _write(
        self, reader: PackReader, writer: PackWriter, left: Salvage, copies: Mapping[Oid, tuple[str, ObjectCopy]]
    ) -> None:
        lost = {row.oid for row in left.lost}
        for row in sorted((*left.whole, *left.lost), key=lambda row: row.offset):
            if row.oid not in lost:
                frame = read_frame(reader, row)
                assert frame is not None
                writer.add_frame(row, frame)
            elif row.oid in copies and self._is_good(row.oid, copies[row.oid][1]):
                label, copy = copies[row.oid]
                codec, payload = original_encoding(row, copy)
                writer.add(row.oid, copy.kind, codec, copy.raw_size, payload)
                self._record(row.oid, label)
            else:
                self.lost.add(row.oid)

    def _is_good(self, oid: Oid, copy: ObjectCopy) -> bool:
        """Is a copy usable? A recipe is only with all its chunks in the store."""
        if copy.codec is not Codec.CHUNKED:
            return True
        chunks = set(decode_recipe(copy.payload).oids)
        return oid not in self._wrong and chunks == self._store.present(chunks)


def _keep_large(writer: StoreWriter, oid: Oid, loose: bool, pieces: Iterator[bytes]) -> None:
    if loose:
        writer.add_loose(oid, pieces)
    else:
        writer.add_stream(pieces)


def original_encoding(row: Row, copy: ObjectCopy) -> tuple[Codec, bytes]:
    """`copy` in the encoding of the frame of `row`, if that can be reproduced; otherwise in its own."""
    for codec, payload in _encodings(row, copy):
        if _is_original(row, codec, payload):
            return codec, payload
    return copy.codec, copy.payload


def _is_original(row: Row, codec: Codec, payload: bytes) -> bool:
    if not row.checksum:  # it is unknown
        return (codec, len(payload)) == (row.codec, row.stored_size)
    return pack.frame_header(row.oid, row.kind, codec, row.raw_size, payload)[1] == row.checksum


def _encodings(row: Row, copy: ObjectCopy) -> Iterator[tuple[Codec, bytes]]:
    yield copy.codec, copy.payload
    if row.codec is Codec.RAW and copy.codec is Codec.ZSTD:
        yield Codec.RAW, copy.content()
    elif row.codec is Codec.ZSTD and copy.codec is not Codec.CHUNKED:
        yield Codec.ZSTD, zstandard.ZstdCompressor(level=LEVEL).compress(copy.content())
