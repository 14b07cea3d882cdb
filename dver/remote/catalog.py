"""What a remote holds, asked during a transfer: from what is known here, caught up with the remote first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import condemned, remote_index
from dver.formats.pack import ObjectKind
from dver.formats.remote_index import Head, RemoteIndex
from dver.remote.glance import Glance, condemned_key, glance_of
from dver.remote.lookup import look_up
from dver.remote.mirror import Mirror, RemoteFound, index_key
from dver.remote.pool import JOBS
from dver.remote.storage import BytesBody, MissingKey, Storage


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
        self._heads: list[Head] | None = None
        self._looked_up: set[Oid] = set()

    def refresh(self) -> None:
        """Catch up with the remote. Raises RemoteError, CorruptError for damaged indexes and condemned lists."""
        self.glance = glance_of(self.mirror.refresh(self.storage, jobs=self.jobs))
        known = self.mirror.condemned()
        if known.keys() != self.glance.lists:
            self.mirror.note_condemned({one: self._names_in(one, known) for one in sorted(self.glance.lists)})
            known = self.mirror.condemned()
        self.condemned = frozenset(name for names in known.values() for name in names)
        self._heads = None
        self._looked_up.clear()

    def state(self) -> frozenset[Oid]:
        """What the last refresh saw: compared with an earlier one, it tells whether anything has changed since."""
        return frozenset((*self.mirror.names(), *self.mirror.condemned()))

    def known(self, kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        """Those of `oids` that are there as a `kind`, with all that they reach, and that no gc has condemned."""
        self._look_up(oids)
        return self.mirror.known(kind, oids)

    def present(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that are there, whatever their kind, and that no gc has condemned."""
        wanted = list(oids)
        self._look_up(wanted)
        return self.mirror.present(wanted)

    def locate(self, oids: Iterable[Oid]) -> list[RemoteFound]:
        """Where those of `oids` lie that are there, by pack and offset."""
        wanted = list(oids)
        self._look_up(wanted)
        return self.mirror.locate(wanted)

    def has_roots(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that are there with all that they reach, as an index promises."""
        return self.mirror.has_roots(oids)

    def _look_up(self, oids: Sequence[Oid]) -> None:
        """Copy what indexes say about `oids` of which only the heads are here."""
        if self._heads is None:
            self._heads = self.mirror.heads()
        if not self._heads:
            return
        fresh = [oid for oid in dict.fromkeys(oids) if oid not in self._looked_up]
        try:
            for head in self._heads:
                look_up(fresh, head, self.mirror, self.storage, jobs=self.jobs)
        except MissingKey:  # a gc has just put indexes together
            self.refresh()
            self._look_up(oids)
        else:
            self._looked_up.update(fresh)

    def _names_in(self, one: Oid, known: Mapping[Oid, set[Oid]]) -> set[Oid]:
        """What the condemned list called `one` names."""
        if one in known:
            return known[one]
        try:
            content = self.storage.get(condemned_key(one))
        except MissingKey:  # removed since it was listed
            return set()
        if Oid.of(content) != one:
            raise CorruptError(
                f"{condemned_key(one)} on {self.storage.url} is damaged",
                why="its bytes do not match its name",
                fix=f"delete it there: the next `dver gc --remote` writes another ({condemned_key(one)})",
            )
        found = condemned.decode(content)
        return {*found.packs, *found.indexes}

    def publish(self, index: RemoteIndex) -> int:
        """Put `index` on the remote, whose packs are there. Returns its size in bytes."""
        content = remote_index.encode(index.roots, index.packs, index.objects)
        name = remote_index.name_of(content)
        self.storage.put(index_key(name), BytesBody(content))
        self.mirror.add(name, index)
        return len(content)
