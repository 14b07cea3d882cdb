"""Good copies of damaged objects from a remote: a source for repairs (see `dver.store.repair.good_copies`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from dver.core.batches import batched
from dver.core.errors import CorruptError, RemoteError
from dver.core.hashing import large_hash
from dver.core.oid import Oid
from dver.formats import recipe
from dver.formats.pack import FRAME_HEADER_SIZE, Codec
from dver.remote.index.catalog import Catalog
from dver.remote.packs.frame_ranges import Frame, fetch_frames
from dver.store.objects.codec import corrupt
from dver.store.repair.good_copies import ObjectCopy

_CHUNKS_AT_ONCE = 32


class RemoteSource:
    """The remote called `label`. `connect` is called when it is first asked for anything.

    A remote that cannot be reached has nothing; `failure` tells why.
    """

    def __init__(self, label: str, connect: Callable[[], Catalog]) -> None:
        self.label = label
        self.failure: RemoteError | CorruptError | None = None
        self._connect = connect
        self._catalog: Catalog | None = None

    def having(self, oids: Collection[Oid]) -> set[Oid]:
        """Those of `oids` that its indexes list: whether they are whole is seen when they come."""
        catalog = self._reached()
        return catalog.present(oids) if catalog is not None else set()

    def copies(self, oids: Collection[Oid]) -> Iterator[tuple[Oid, ObjectCopy]]:
        """See `Source`."""
        catalog = self._reached()
        if catalog is None or not oids:
            return
        frames = fetch_frames(catalog.storage, catalog.locate(oids), jobs=catalog.jobs, received=lambda _: None)
        try:
            for oid, frame in frames:
                if isinstance(frame, Frame):
                    row = frame.row
                    yield oid, ObjectCopy(row.kind, row.codec, row.raw_size, bytes(frame.frame[FRAME_HEADER_SIZE:]))
        except RemoteError as error:
            self.failure = error

    def pieces(self, oid: Oid) -> Iterator[bytes] | None:
        """See `Source`."""
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
