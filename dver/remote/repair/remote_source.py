"""Remotes as sources of good copies for a repair (see `dver.store.repair.good_copies`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from dver.core.batches import batched
from dver.core.errors import CorruptError, RemoteError
from dver.core.hashing import large_hash
from dver.core.oid import Oid
from dver.formats import recipe
from dver.formats.pack import Codec
from dver.remote.gc.repack import copy_of
from dver.remote.gc.state import RemoteRow
from dver.remote.index.catalog import Catalog
from dver.remote.index.mirror import RemoteLocation
from dver.remote.packs.frame_download import FetchedFrame, fetch_frames
from dver.remote.storage import Storage
from dver.store.objects.codec import corrupt
from dver.store.repair.good_copies import ObjectCopy

_CHUNKS_AT_ONCE = 32


class RemoteFrames:
    """The intact frames among `rows`, in existing packs of the remote that is repaired."""

    label = "the remote itself"

    def __init__(self, storage: Storage, rows: Iterable[RemoteRow], *, jobs: int) -> None:
        self._storage = storage
        self._jobs = jobs
        self._rows: dict[Oid, set[RemoteLocation]] = {}
        for row in rows:
            self._rows.setdefault(row.oid, set()).add(row.found())

    def present(self, oids: Collection[Oid]) -> set[Oid]:
        """See `CopySource`."""
        return {oid for oid, _ in self.copies(oids)}

    def copies(self, oids: Collection[Oid]) -> Iterator[tuple[Oid, ObjectCopy]]:
        """See `CopySource`."""
        rows = sorted({row for oid in oids for row in self._rows.get(oid, ())})
        for oid, frame in fetch_frames(self._storage, rows, jobs=self._jobs):
            if isinstance(frame, FetchedFrame):
                yield oid, copy_of(frame)

    def pieces(self, oid: Oid) -> Iterator[bytes] | None:
        """See `CopySource`. Only frames are asked for."""
        return None


class RemoteSource:
    """Another remote as a source. `connect` is called for the first query.

    A remote that cannot be reached has no copies; `failure` is the reason.
    """

    def __init__(self, label: str, connect: Callable[[], Catalog]) -> None:
        self.label = label
        self.failure: RemoteError | CorruptError | None = None
        self._connect = connect
        self._catalog: Catalog | None = None

    def present(self, oids: Collection[Oid]) -> set[Oid]:
        """Those of `oids` that its indexes list. Whether they are intact shows when they are downloaded."""
        catalog = self._reached()
        return catalog.present(oids) if catalog is not None else set()

    def copies(self, oids: Collection[Oid]) -> Iterator[tuple[Oid, ObjectCopy]]:
        """See `CopySource`."""
        catalog = self._reached()
        if catalog is None or not oids:
            return
        try:
            found = catalog.locate(oids)
            for oid, frame in fetch_frames(catalog.storage, found, jobs=catalog.jobs):
                if isinstance(frame, FetchedFrame):
                    yield oid, copy_of(frame)
        except RemoteError as error:
            self.failure = error

    def pieces(self, oid: Oid) -> Iterator[bytes] | None:
        """See `CopySource`."""
        for _, copy in self.copies([oid]):
            return self._chunks(oid, copy) if copy.codec is Codec.CHUNKED else iter((copy.content(),))
        return None

    def _chunks(self, oid: Oid, copy: ObjectCopy) -> Iterator[bytes]:
        hasher = large_hash()
        for batch in batched(recipe.decode(copy.payload).oids, _CHUNKS_AT_ONCE):
            contents = {chunk: found.content() for chunk, found in self.copies(set(batch))}
            for chunk in batch:
                if chunk not in contents:
                    raise corrupt(oid)
                hasher.update(contents[chunk])
                yield contents[chunk]
        if hasher.digest() != oid:
            raise corrupt(oid)

    def _reached(self) -> Catalog | None:
        if self._catalog is None and self.failure is None:
            try:
                catalog = self._connect()
                catalog.refresh()
                self._catalog = catalog
            except (RemoteError, CorruptError) as error:
                self.failure = error
        return self._catalog
