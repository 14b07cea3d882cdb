"""Getting blobs from a remote into the store: small ones many at a time, large ones in pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.core.progress import Task
from dver.formats.pack import ObjectKind, Row
from dver.remote.mirror import RemoteFound
from dver.remote.ranges import Frame, fetch_frames, fetch_large
from dver.remote.storage import MissingKey, Storage
from dver.store.codec import Decoder
from dver.store.writer import LARGE, OWN_PACK, StoreWriter


def is_large(found: RemoteFound) -> bool:
    """Is the object too large to be held in memory with others, encoded or decoded?"""
    return max(found.raw_size, found.stored_size) >= OWN_PACK


@dataclass(slots=True)
class BlobGetter:
    """Gets blobs into the store, large ones loose if `loose` says so."""

    storage: Storage
    writer: StoreWriter
    jobs: int
    task: Task
    loose: bool
    bad: set[Oid] = field(default_factory=set)
    """Objects that are damaged on the remote."""
    count: int = 0
    received: int = 0

    def get(self, blobs: Sequence[RemoteFound]) -> None:
        """Get all of `blobs`; what cannot be had is left out."""
        small = [one for one in blobs if not is_large(one)]
        moved = self.task.advance
        for oid, frame in fetch_frames(self.storage, small, jobs=self.jobs, received=self._receive, moved=moved):
            if isinstance(frame, Frame):
                self._keep(frame)
                self.count += 1
            elif isinstance(frame, CorruptError):
                self.bad.add(oid)
        for one in blobs:
            if is_large(one):
                self._get_large(one)

    def _keep(self, frame: Frame) -> None:
        if self.loose and frame.row.raw_size > LARGE:
            self.writer.add_loose(frame.row.oid, iter((frame.content,)))
        else:
            self.writer.add_frame(frame.row, frame.frame)

    def _get_large(self, found: RemoteFound) -> None:
        try:
            moved = self.task.advance
            fetch_large(self.storage, found, self._keep_large, jobs=self.jobs, received=self._receive, moved=moved)
            self.count += 1
        except MissingKey:  # found out again in the end, by what the store lacks
            pass
        except CorruptError:
            self.bad.add(found.oid)

    def _keep_large(self, row: Row, payload: Iterator[bytes]) -> None:
        decoder = Decoder()
        if self.loose and row.kind is ObjectKind.BLOB:
            self.writer.add_loose(row.oid, decoder.decode_stream(row, payload))
        else:
            self.writer.add_frame_stream(row, decoder.verified_payload(row, payload))

    def _receive(self, size: int) -> None:
        self.received += size
