"""What a remote holds, asked during a transfer: from what is known here, caught up with the remote first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dver.core.oid import Oid
from dver.formats import remote_index
from dver.formats.pack import ObjectKind
from dver.formats.remote_index import RemoteIndex
from dver.remote.glance import Glance, glance_of
from dver.remote.mirror import Mirror, RemoteFound, index_key
from dver.remote.pool import JOBS
from dver.remote.storage import BytesBody, Storage


class Catalog:
    """The indexes of the remote `storage`, of which `mirror` is the copy here. `jobs` transfers run at once."""

    def __init__(self, mirror: Mirror, storage: Storage, *, jobs: int = JOBS) -> None:
        self.mirror = mirror
        self.storage = storage
        self.jobs = jobs
        self.glance: Glance = Glance({}, frozenset())
        """What the last refresh has seen of indexes and condemned lists."""
        self.condemned: frozenset[Oid] = frozenset()
        """What the condemned lists name: no new pack or index may be called so."""

    def refresh(self) -> None:
        """Catch up with the remote. Raises RemoteError, CorruptError for damaged indexes."""
        self.glance = glance_of(self.mirror.refresh(self.storage, jobs=self.jobs))

    def state(self) -> frozenset[Oid]:
        """What the last refresh saw: compared with an earlier one, it tells whether anything has changed since."""
        return frozenset(self.mirror.names())

    def known(self, kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        """Those of `oids` that are there as a `kind`, with all that they reach."""
        return self.mirror.known(kind, oids)

    def present(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that are there, whatever their kind."""
        return self.mirror.present(oids)

    def locate(self, oids: Iterable[Oid]) -> list[RemoteFound]:
        """Where those of `oids` lie that are there, by pack and offset."""
        return self.mirror.locate(oids)

    def has_roots(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that are there with all that they reach, as an index promises."""
        return self.mirror.has_roots(oids)

    def publish(self, index: RemoteIndex) -> int:
        """Put `index` on the remote, whose packs are there. Returns its size in bytes."""
        content = remote_index.encode(index.roots, index.packs, index.objects)
        name = remote_index.name_of(content)
        self.storage.put(index_key(name), BytesBody(content))
        self.mirror.add(name, index)
        return len(content)
