"""Repairing a remote: what is damaged is withdrawn, and good copies are pushed again in new packs.

A new index takes the place of all that list something damaged or missing. It lists their good packs and the new ones,
but no object below which something is missing, so that the next push of a clone that has it sends it again. The old
indexes and the damaged packs are condemned once it is there (docs/format/remote.md, "Order of a repair").
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dver.core.errors import CorruptError, RemoteError
from dver.core.oid import Oid
from dver.formats.condemned import Condemned
from dver.formats.pack import Codec, ObjectKind, Row
from dver.formats.remote_index import PackRef, RemoteIndex
from dver.remote.clock import remote_time
from dver.remote.gc.reachable import RemoteReader
from dver.remote.gc.repack import put_packs
from dver.remote.gc.state import IndexSummary, RemoteRow
from dver.remote.index.catalog import Catalog
from dver.remote.index.condemned_lists import put_condemned_list, withdraw
from dver.remote.index.contents import list_contents
from dver.remote.index.listing_file import refresh_listing
from dver.remote.repair.check import below
from dver.remote.repair.inventory import RemoteInventory, changed, remote_footer
from dver.remote.repair.remote_source import RemoteFrames
from dver.remote.storage import MissingKey
from dver.store.repair.good_copies import CopySource, ObjectCopy
from dver.store.store import Store

Node = tuple[ObjectKind, Oid]
"""An object as what an index lists it: a blob may have the bytes of a tree."""


@dataclass(frozen=True, slots=True)
class RemoteRepaired:
    """What a repair did. `listed` is all that is listed afterwards; `sources` says where good copies came from."""

    listed: frozenset[Oid]
    sources: Mapping[Oid, str]
    taken_off: int
    """Objects that were listed, and are not any more."""


def repair_remote(
    found: RemoteInventory,
    damaged_packs: Collection[Oid],
    sources: Sequence[CopySource],
    store: Store,
    catalog: Catalog,
    *,
    wrong: Collection[tuple[Oid, int]] = (),
) -> RemoteRepaired:
    """Withdraw `damaged_packs` and the rows that are `wrong`, given by pack and offset, and push good copies again.

    The copies come from the damaged packs themselves as far as their frames are whole, else from `sources`. Raises
    RemoteError, also if others change the remote meanwhile; CorruptError for what a newer version wrote.
    """
    repair = _Repair(found, damaged_packs, wrong, sources, store, catalog)
    before = repair.objects
    repair.replace_damaged()
    repair.remove_broken()
    repair.publish()
    return RemoteRepaired(frozenset(oid for _, oid in repair.good), repair.sources, len(before - repair.good.keys()))


class _Repair:
    """One repair. `good` has the rows of all objects that can be read, each with the packs in which it lies."""

    def __init__(
        self,
        found: RemoteInventory,
        damaged_packs: Collection[Oid],
        wrong: Collection[tuple[Oid, int]],
        sources: Sequence[CopySource],
        store: Store,
        catalog: Catalog,
    ) -> None:
        self._found = found
        self._damaged = frozenset(damaged_packs)
        self._wrong = frozenset(wrong)
        self._sources = sources
        self._store = store
        self._catalog = catalog
        self._storage = catalog.storage
        self._sizes = dict(found.state.packs)
        self._reader = RemoteReader(store, self._storage, self._sizes, jobs=catalog.jobs, strict=False)
        self._new: set[Oid] = set()
        """Packs that no index lists yet."""
        self._is_unique = False
        """Does the new index list a pack that no other index ever listed? Then its name is new, too: two repairs that
        see the same must not write the same index, which one may withdraw and the other rely on."""
        self._below: dict[Node, set[Node]] = {}
        self._doubtful: dict[Node, list[RemoteRow]] = defaultdict(list)
        """Rows in damaged packs."""
        self.good: dict[Node, list[RemoteRow]] = defaultdict(list)
        self.sources: dict[Oid, str] = {}
        condemned = found.condemned
        for row in found.state.rows():
            if row.listed_by not in condemned or self._is_good(row):
                self._add(row)
        self.objects = self.good.keys() | self._doubtful.keys()
        if found.damaged_indexes:
            self._add_unlisted()

    # -- what is there

    def _add(self, row: RemoteRow) -> None:
        node = row.kind, row.oid
        if self._is_good(row):
            self.good[node].append(row)
            self._reader.add([row])
        else:
            self._doubtful[node].append(row)

    def _is_good(self, row: RemoteRow) -> bool:
        is_there = row.pack in self._sizes and row.pack not in self._damaged
        return is_there and (row.pack, row.offset) not in self._wrong

    def _add_unlisted(self) -> None:
        """The packs of damaged indexes, by their footers."""
        for name in set(self._found.unlisted) - self._found.condemned:
            try:
                self._add_pack(name, remote_footer(self._storage, name, self._sizes[name]))
            except (CorruptError, MissingKey):
                continue

    def _add_pack(self, name: Oid, rows: Sequence[Row]) -> None:
        if name not in self._damaged:
            self._new.add(name)
        for oid, kind, codec, offset, raw_size, stored_size, _ in rows:
            self._add(RemoteRow(oid, name, name, offset, kind, codec, raw_size, stored_size))

    # -- good copies

    def replace_damaged(self) -> None:
        """Put copies of all that is listed or needed, and lies in no good pack, as far as there are any."""
        asked: set[Node] = set()
        self._read_below()
        while wanted := (self._doubtful.keys() | self._needed()) - self.good.keys() - asked:
            self._put(self._copies(wanted))
            self._read_below()
            asked |= wanted

    def _put(self, objects: Iterable[tuple[Oid, ObjectCopy]]) -> None:
        for made in put_packs(objects, self._storage, self._store):
            self._is_unique = True
            self._sizes[made.ref.name] = made.ref.size
            self._add_pack(made.ref.name, made.rows)

    def _copies(self, wanted: Collection[Node]) -> Iterator[tuple[Oid, ObjectCopy]]:
        rows = [row for node in wanted for row in self._doubtful.get(node, ()) if row.pack in self._sizes]
        own = RemoteFrames(self._storage, rows, self._sizes, jobs=self._catalog.jobs)
        missing = set(wanted)
        for source in (own, *self._sources):
            for oid, copy in source.copies({oid for _, oid in missing}):
                if (copy.kind, oid) in missing:
                    missing.remove((copy.kind, oid))
                    self.sources[oid] = source.label
                    yield oid, copy

    # -- what needs what

    def _needed(self) -> set[Node]:
        return {node for needing, below in self._below.items() if needing in self.good for node in below}

    def _read_below(self) -> None:
        """Learn what objects name: trees from the store if it has them, recipes as the remote has them."""
        leading = {
            node for node, rows in self.good.items() if any(row.names_others for row in rows)
        } - self._below.keys()
        for oid, content in self._reader.trees([oid for kind, oid in leading if kind is ObjectKind.TREE]):
            self._below[ObjectKind.TREE, oid] = set(below(content))
        for oid, recipe in self._reader.recipes([oid for kind, oid in leading if kind is ObjectKind.BLOB]):
            self._below.setdefault((ObjectKind.BLOB, oid), set()).update(below(recipe))

    def remove_broken(self) -> None:
        """Take out of `good` what names something that is missing, directly or not, or cannot be read."""
        above: dict[Node, list[Node]] = defaultdict(list)
        for node, named in self._below.items():
            for one in named:
                above[one].append(node)
        unread = self.good.keys() - self._below.keys()
        pending = [node for node in unread if any(row.names_others for row in self.good[node])]
        pending += above.keys() - self.good.keys()
        while pending:
            node = pending.pop()
            self.good.pop(node, None)
            pending += [one for one in above.pop(node, ()) if one in self.good]

    # -- the new index

    def publish(self) -> None:
        """Put the new index, then withdraw the old ones and the damaged packs. Nothing, if there are none."""
        old = self._affected()
        damaged = sorted(self._damaged - self._found.condemned)
        if not (old or damaged or self._new or self._found.damaged):
            return
        self._check()
        if old or self._new:
            self._publish(old)
        if old or damaged:
            # Due at once: a push that relies on them sees so when it looks again, and sends its objects again.
            names = tuple(sorted(index.name for index in old))
            put_condemned_list(
                Condemned(int(remote_time(self._storage)), tuple(damaged), names, grace=0), self._storage
            )
        for key in self._found.damaged:
            self._storage.delete(key)
        refresh_listing(self._storage)
        self._catalog.refresh()

    def _publish(self, old: Sequence[IndexSummary]) -> None:
        index = self._index(old)
        if not index.objects:
            return
        if not self._is_unique:
            nonce = os.urandom(16)
            self._put([(Oid.of(nonce), ObjectCopy(ObjectKind.BLOB, Codec.RAW, len(nonce), nonce))])
            index = self._index(old)
        written = self._catalog.publish(index)
        try:
            self._check()
        except RemoteError:
            if written is not None:
                withdraw([written.name], self._storage, now=int(remote_time(self._storage)))
            raise

    def _affected(self) -> list[IndexSummary]:
        """The indexes that list or name something that is not good."""
        names = {row.listed_by for row in self._found.state.rows() if not self._is_kept(row)}
        oids = {oid for _, oid in self.good}
        return [
            index
            for index in self._found.visible
            if index.name in names
            or not oids.issuperset(index.roots)
            or not self._damaged.isdisjoint(ref.name for ref in index.packs)
        ]

    def _is_kept(self, row: RemoteRow) -> bool:
        return (row.kind, row.oid) in self.good and self._is_good(row)

    def _index(self, old: Sequence[IndexSummary]) -> RemoteIndex:
        """What the `old` indexes listed and is good, and what is in new packs."""
        listed = {ref.name for index in old for ref in index.packs} | self._new
        rows: dict[Oid, RemoteRow] = {}
        for (_, oid), places in self.good.items():
            mine = [row for row in places if row.pack in listed]
            if mine:
                rows.setdefault(oid, mine[0])
        roots = {root for index in old for root in index.roots}
        if self._found.damaged_indexes:
            # Nobody else knows which roots a damaged index named: what nothing names is one.
            named = {oid for nodes in self._below.values() for _, oid in nodes}
            roots |= {oid for oid, row in rows.items() if row.pack in self._new and oid not in named}
        kept = {oid for _, oid in self.good}
        return _index_of(roots & kept, rows, self._sizes)

    def _check(self) -> None:
        if not list_contents(self._storage).is_unchanged_since(self._found.seen):
            raise changed(self._storage)


def _index_of(roots: Collection[Oid], rows: Mapping[Oid, RemoteRow], sizes: Mapping[Oid, int]) -> RemoteIndex:
    names = sorted({row.pack for row in rows.values()})
    numbers = {name: number for number, name in enumerate(names)}
    return RemoteIndex(
        tuple(sorted(roots)),
        tuple(PackRef(name, sizes[name]) for name in names),
        tuple(row.location(numbers) for _, row in sorted(rows.items())),
    )
