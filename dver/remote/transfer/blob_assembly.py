"""Assembly of large blobs as loose files, from chunks in the store and on the remote."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from dver.core.batches import batched, batched_by_size
from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.core.progress import Task
from dver.formats.pack import Codec
from dver.formats.recipe import Recipe
from dver.remote.index.mirror import RemoteLocation
from dver.remote.packs.frame_download import FetchedFrame, fetch_frames
from dver.remote.storage import Storage
from dver.store.objects.incomplete_blobs import IncompleteBlob
from dver.store.store import Store

_GROUP_SIZE: Final = 256 << 20
"""Bytes of the blobs that are assembled at once: enough to keep all transfers busy."""
_GROUP_COUNT: Final = 32
"""Blobs that are assembled at once: each is an open file."""


class Assembly(NamedTuple):
    """A large blob to assemble."""

    oid: Oid
    recipe: Recipe


class _Gap(NamedTuple):
    """The place of a missing chunk in a part."""

    part: IncompleteBlob
    offset: int


@dataclass(slots=True)
class Assembler:
    """Assembles blobs in `store`. `locate` gives the places of objects on the remote."""

    store: Store
    storage: Storage
    locate: Callable[[Iterable[Oid]], list[RemoteLocation]]
    jobs: int
    task: Task
    bad: set[Oid] = field(default_factory=set)
    """Blobs of which the remote has no good copy."""
    count: int = 0
    received: int = 0

    def assemble(self, assemblies: Sequence[Assembly]) -> None:
        """Assemble blobs. Those with missing or damaged chunks stay parts, which a later fetch completes."""
        for part in batched_by_size(assemblies, lambda one: one.recipe.size, _GROUP_SIZE):
            for group in batched(part, _GROUP_COUNT):
                with ExitStack() as stack:
                    self._fill([stack.enter_context(self._part(one)) for one in group])

    def _part(self, one: Assembly) -> IncompleteBlob:
        return IncompleteBlob(self.store.scratch, one.oid, one.recipe, self.store.loose_chunks.donor(one.recipe))

    def _fill(self, parts: Sequence[IncompleteBlob]) -> None:
        gaps: dict[Oid, list[_Gap]] = {}
        for part in parts:
            for offset, chunk in part.missing_chunks():
                gaps.setdefault(chunk.oid, []).append(_Gap(part, offset))
        self._fill_from_store(gaps)
        damaged = self._fill_from_remote(gaps)
        open_parts = {gap.part.oid for places in gaps.values() for gap in places}
        self.bad |= {gap.part.oid for oid in damaged for gap in gaps[oid]}
        for part in parts:
            if part.oid not in open_parts:
                self._finish(part)

    def _fill_from_store(self, gaps: dict[Oid, list[_Gap]]) -> None:
        """Fill gaps from packs and other loose blobs, and remove them from `gaps`."""
        for oid, content in self.store.loose_chunks.contents(self.store.loose_chunks.locate(gaps)):
            _write(gaps.pop(oid), content)
        found = [one for one in self.store.locate(gaps) if one.codec is not Codec.CHUNKED]
        for one, packed in self.store.read_all(found):
            if not isinstance(packed, CorruptError):
                _write(gaps.pop(one.oid), packed)

    def _fill_from_remote(self, gaps: dict[Oid, list[_Gap]]) -> set[Oid]:
        """Fill gaps from the remote, and remove them from `gaps`. Returns the chunks that are damaged there."""
        if not gaps:
            return set()
        found = [one for one in self.locate(gaps) if one.codec is not Codec.CHUNKED]
        damaged = set()
        for oid, frame in fetch_frames(
            self.storage, found, jobs=self.jobs, received=self._receive, on_bytes=self.task.advance
        ):
            if isinstance(frame, FetchedFrame):
                _write(gaps.pop(oid), frame.content)
            elif isinstance(frame, CorruptError):
                damaged.add(oid)
        return damaged

    def _finish(self, part: IncompleteBlob) -> None:
        try:
            part.finish(self.store.loose)
        except CorruptError:
            self.bad.add(part.oid)
        else:
            self.store.loose_chunks.record(part.oid, part.recipe)
            self.count += 1

    def _receive(self, size: int) -> None:
        self.received += size


def _write(gaps: Sequence[_Gap], content: bytes) -> None:
    for gap in gaps:
        gap.part.write(gap.offset, content)
