"""Making a damaged or missing pack of a remote again: from its own good frames, and from good copies of the others.

Mostly it is the very pack, byte for byte, as its name proves. Else its frames go into a pack of another name, and the
indexes have to be written anew (`dver.remote.repair.rewrite_indexes`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats.pack import FRAME_HEADER_SIZE, Codec, ObjectKind, Row, fits_in_memory
from dver.formats.remote_index import PackRef
from dver.remote.index.mirror import RemoteFound, pack_key
from dver.remote.packs.frame_ranges import Frame, fetch_frames
from dver.remote.packs.upload_bodies import add_salt
from dver.remote.repair.check import RANGE
from dver.remote.repair.survey import Survey, remote_footer, rows_by_pack
from dver.remote.storage import FileBody, MissingKey, Storage
from dver.store.objects.codec import Decoder
from dver.store.objects.packs import PackWriter
from dver.store.repair.good_copies import CopySource, ObjectCopy, find_copies
from dver.store.repair.repair import original_encoding
from dver.store.repair.salvage import by_offset, runs
from dver.store.repair.verify_frame import verify_frame
from dver.store.store import Store


@dataclass(slots=True)
class Mended:
    """What became of damaged packs."""

    exact: list[Oid] = field(default_factory=list)
    """Packs that are there again as they were."""
    dropped: list[Oid] = field(default_factory=list)
    """Packs that are no good, and cannot be made again."""
    placed: list[tuple[PackRef, Sequence[Row]]] = field(default_factory=list)
    """New packs, that no index lists yet."""
    sources: dict[Oid, str] = field(default_factory=dict)
    """Where good copies came from."""


class Elsewhere:
    """Other places on the same remote: any of the copies of an object will do."""

    def __init__(self, storage: Storage, found: Survey, wanted: Collection[Oid], jobs: int) -> None:
        self.label = "the remote itself"
        self._storage = storage
        self._jobs = jobs
        self._rows: dict[Oid, set[RemoteFound]] = {}
        for _, row in found.rows():
            if row.oid in wanted and row.pack in found.packs:
                self._rows.setdefault(row.oid, set()).add(row)

    def having(self, oids: Collection[Oid]) -> set[Oid]:
        """See `CopySource`."""
        return {oid for oid, _ in self.copies(oids)}

    def copies(self, oids: Collection[Oid]) -> Iterator[tuple[Oid, ObjectCopy]]:
        """See `CopySource`."""
        rows = sorted({row for oid in oids for row in self._rows.get(oid, ())})
        answered: set[Oid] = set()
        for oid, frame in fetch_frames(self._storage, rows, jobs=self._jobs, received=lambda _: None):
            if isinstance(frame, Frame) and oid not in answered:
                answered.add(oid)
                row = frame.row
                yield oid, ObjectCopy(row.kind, row.codec, row.raw_size, bytes(frame.frame[FRAME_HEADER_SIZE:]))

    def pieces(self, oid: Oid) -> Iterator[bytes] | None:
        """See `CopySource`. Whole files are not asked for: chunks are."""
        return None


class PackMender:
    """Makes packs again. `sources` are asked in their order."""

    def __init__(self, storage: Storage, store: Store, found: Survey, sources: Sequence[CopySource]) -> None:
        self._storage = storage
        self._store = store
        self._found = found
        self._sources = sources
        self._decoder = Decoder()
        self.mended = Mended()

    def mend(self, names: Sequence[Oid]) -> Mended:
        """Make the packs `names` again, as far as that can be. Raises RemoteError."""
        listed = rows_by_pack(self._found, names)
        for name in names:
            with PackWriter(self._store.scratch) as writer:
                self._collect(writer, name, self._rows(name, listed[name]))
                self._put(writer, name)
        return self.mended

    def place(self, oids: Collection[Oid]) -> dict[Oid, ObjectCopy]:
        """Put those of `oids` of which there are good copies into a new pack; answers with these."""
        copies = find_copies(self._sources, oids)
        if copies:
            with PackWriter(self._store.scratch) as writer:
                add_salt(writer, os.urandom(16))
                for oid, (label, copy) in sorted(copies.items()):
                    writer.add(oid, copy.kind, copy.codec, copy.raw_size, copy.payload)
                    self.mended.sources[oid] = label
                self._place(writer, writer.seal(durable=False), salted=True)
        return {oid: copy for oid, (_, copy) in copies.items()}

    def _rows(self, name: Oid, listed: Sequence[RemoteFound]) -> list[Row]:
        """What the pack had: by its footer, or as the indexes know it, then without checksums."""
        try:
            if name in self._found.packs:
                return by_offset(remote_footer(self._storage, name, self._found.packs[name]))
        except (CorruptError, MissingKey):
            pass
        return [one.row() for one in listed]

    def _collect(self, writer: PackWriter, name: Oid, rows: Sequence[Row]) -> None:
        """Write the frames of `rows`, in their order."""
        for run in runs([row for row in rows if fits_in_memory(row.codec, row.raw_size, row.stored_size)], RANGE):
            frames = dict(self._good(name, run))
            copies = find_copies(self._sources, [row.oid for row in run if row.oid not in frames])
            for row in run:
                if row.oid in frames:
                    checked, frame = frames[row.oid]
                    writer.add_frame(checked, frame)
                elif row.oid in copies and copies[row.oid][1].kind is row.kind:
                    label, copy = copies[row.oid]
                    codec, payload = original_encoding(row, copy)
                    writer.add(row.oid, row.kind, codec, copy.raw_size, payload)
                    self.mended.sources[row.oid] = label

    def _good(self, name: Oid, run: Sequence[Row]) -> Iterator[tuple[Oid, tuple[Row, memoryview]]]:
        """The frames that are whole on the remote."""
        start, end = run[0].offset, run[-1].end
        if name not in self._found.packs:
            return
        try:
            data = memoryview(self._storage.get(pack_key(name), start, end - start))
        except MissingKey:
            return
        for row in run:
            frame = data[row.offset - start : row.end - start]
            if verify_frame(row, frame, self._decoder).part is None:
                yield row.oid, (self._decoder.open_frame(row, frame)[0], frame)

    def _put(self, writer: PackWriter, name: Oid) -> None:
        if not writer.rows:
            self.mended.dropped.append(name)
            return
        new = writer.seal(durable=False)
        if new == name:
            self._storage.put(pack_key(name), FileBody(writer.path))
            self.mended.exact.append(name)
            return
        self.mended.dropped.append(name)
        if new in self._found.condemned:  # such a name must not come back: somebody may be about to delete it
            self._again(writer)
        else:
            self._place(writer, new)

    def _again(self, old: PackWriter) -> None:
        """The same frames under another name."""
        with PackWriter(self._store.scratch) as writer, open(old.path, "rb") as file:
            add_salt(writer, os.urandom(16))
            for row in old.rows:
                file.seek(row.offset)
                writer.add_frame(row, file.read(row.frame_size))
            self._place(writer, writer.seal(durable=False), salted=True)

    def _place(self, writer: PackWriter, name: Oid, *, salted: bool = False) -> None:
        body = FileBody(writer.path)
        self._storage.put(pack_key(name), body)
        self.mended.placed.append((PackRef(name, body.size), writer.rows[salted:]))


def leads_on(kind: ObjectKind, codec: Codec) -> bool:
    """Does such an object name others?"""
    return kind is ObjectKind.TREE or codec is Codec.CHUNKED
