"""Downloads of blobs and chunks into the store's packs."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.core.progress import Task
from dver.formats.recipe import Recipe
from dver.remote.index.mirror import RemoteLocation
from dver.remote.packs.frame_download import FetchedFrame, fetch_frames
from dver.remote.storage import Storage
from dver.store.objects.codec import decode_recipe
from dver.store.writer import LARGE, StoreWriter


@dataclass(slots=True)
class BlobDownloader:
    """Downloads frames into the store. With `loose`, a large blob that an old pack holds in one frame becomes loose."""

    storage: Storage
    writer: StoreWriter
    jobs: int
    task: Task
    loose: bool
    bad: set[Oid] = field(default_factory=set)
    """Objects that are damaged on the remote."""
    count: int = 0
    received: int = 0

    def download(self, blobs: Sequence[RemoteLocation]) -> None:
        """Download `blobs`, none of which is chunked. Skips those that are missing or damaged."""
        advance = self.task.advance
        for oid, frame in fetch_frames(self.storage, blobs, jobs=self.jobs, received=self._receive, on_bytes=advance):
            if isinstance(frame, FetchedFrame):
                self._store(frame)
                self.count += 1
            elif isinstance(frame, CorruptError):
                self.bad.add(oid)

    def store_recipes(self, frames: Sequence[FetchedFrame]) -> None:
        """Store the recipes whose chunks are in the store and match the blob.

        Call it after the writer has made the chunks durable: a blob whose recipe is stored counts as present.
        """
        store = self.writer.store
        with StoreWriter(store) as writer:
            for frame in frames:
                recipe = decode_recipe(frame.row, frame.content)
                if not self.bad.isdisjoint(recipe.oids):
                    self.bad.add(frame.row.oid)
                elif store.present(recipe.oids) >= set(recipe.oids) and self._is_whole(frame.row.oid, recipe):
                    writer.add_frame(frame.row, frame.frame)
                    self.count += 1

    def _is_whole(self, oid: Oid, recipe: Recipe) -> bool:
        try:
            deque(self.writer.store.assemble(oid, recipe), maxlen=0)
        except (CorruptError, MissingObjectError):
            self.bad.add(oid)
            return False
        return True

    def _store(self, frame: FetchedFrame) -> None:
        if self.loose and frame.row.raw_size > LARGE:
            self.writer.add_loose(frame.row.oid, iter((frame.content,)))
        else:
            self.writer.add_frame(frame.row, frame.frame)

    def _receive(self, size: int) -> None:
        self.received += size
