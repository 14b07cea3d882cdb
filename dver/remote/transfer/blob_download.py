"""Getting blobs and chunks from a remote into the store's packs."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.core.progress import Task
from dver.formats.recipe import Recipe
from dver.remote.index.mirror import RemoteLocation
from dver.remote.packs.frame_ranges import FetchedFrame, fetch_frames
from dver.remote.storage import Storage
from dver.store.objects.codec import decode_recipe
from dver.store.writer import LARGE, StoreWriter


@dataclass(slots=True)
class BlobGetter:
    """Gets frames into the store; blobs that somebody once packed whole, though large, loose if `loose` says so."""

    storage: Storage
    writer: StoreWriter
    jobs: int
    task: Task
    loose: bool
    bad: set[Oid] = field(default_factory=set)
    """Objects that are damaged on the remote."""
    count: int = 0
    received: int = 0

    def get(self, blobs: Sequence[RemoteLocation]) -> None:
        """Get all of `blobs`, which are not chunked themselves; what cannot be had is left out."""
        advance = self.task.advance
        for oid, frame in fetch_frames(self.storage, blobs, jobs=self.jobs, received=self._receive, on_bytes=advance):
            if isinstance(frame, FetchedFrame):
                self._keep(frame)
                self.count += 1
            elif isinstance(frame, CorruptError):
                self.bad.add(oid)

    def keep_recipes(self, frames: Sequence[FetchedFrame]) -> None:
        """Keep recipes whose chunks are here by now, if the chunks are what the recipe says. To be called once the
        writer has made the chunks durable: what has a recipe in the store is there.
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

    def _keep(self, frame: FetchedFrame) -> None:
        if self.loose and frame.row.raw_size > LARGE:
            self.writer.add_loose(frame.row.oid, iter((frame.content,)))
        else:
            self.writer.add_frame(frame.row, frame.frame)

    def _receive(self, size: int) -> None:
        self.received += size
