"""Repair of a remote: withdraws damaged packs, and pushes good copies of their objects again in new packs.

A new index replaces all indexes that list something damaged or missing. It lists their intact packs and the new ones,
without the objects below which something is missing: the next push from a clone that has it uploads it again. Then the
old indexes and the damaged packs are condemned (docs/format/remote.md, "Order of a repair").
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
from dver.remote.repair.inventory import RemoteInventory, changed_error, remote_footer
from dver.remote.repair.remote_source import RemoteFrames
from dver.remote.storage import MissingKey
from dver.store.repair.good_copies import CopySource, ObjectCopy
from dver.store.store import Store

Node = tuple[ObjectKind, Oid]
"""An object with its kind, since a blob may have the bytes of a tree."""


@dataclass(frozen=True, slots=True)
class RepairResult:
    """The result of a repair: the listed objects, and the source of each good copy by its label."""

    listed: frozenset[Oid]
    sources: Mapping[Oid, str]
    delisted: int
    """The number of objects that were listed before, but not any more."""


def repair_remote(
    inventory: RemoteInventory,
    damaged_packs: Collection[Oid],
    sources: Sequence[CopySource],
    store: Store,
    catalog: Catalog,
    *,
    wrong_rows: Collection[tuple[Oid, int]] = (),
) -> RepairResult:
    """Withdraw `damaged_packs` and `wrong_rows`, given by pack and offset, and push good copies of their objects.

    The copies are intact frames of the damaged packs, or come from `sources`. Raises RemoteError, also if another clone
    changes the remote meanwhile; CorruptError for data of a newer dver.
    """
    repair = _Repair(inventory, damaged_packs, wrong_rows, sources, store, catalog)
    repair.replace_damaged()
    repair.remove_broken()
    repair.publish()
    return RepairResult(
        frozenset(oid for _, oid in repair.intact), repair.sources, len(repair.listed - repair.intact.keys())
    )


class _Repair:
    """One repair. `intact` has the rows of each object in intact packs."""

    def __init__(
        self,
        inventory: RemoteInventory,
        damaged_packs: Collection[Oid],
        wrong_rows: Collection[tuple[Oid, int]],
        sources: Sequence[CopySource],
        store: Store,
        catalog: Catalog,
    ) -> None:
        self._inventory = inventory
        self._damaged_packs = frozenset(damaged_packs)
        self._wrong_rows = frozenset(wrong_rows)
        self._unusable = self._damaged_packs | inventory.state.condemned
        self._sources = sources
        self._store = store
        self._catalog = catalog
        self._storage = catalog.storage
        self._sizes = dict(inventory.state.packs)
        self._reader = RemoteReader(store, self._storage, self._sizes, jobs=catalog.jobs, strict=False)
        self._new: set[Oid] = set()
        """Intact packs that no index lists yet."""
        self._is_unique = False
        """True if a pack was uploaded, which gives the new index a name that none ever had. Two repairs must not write
        the same index, which one of them may withdraw and the other rely on."""
        self._below: dict[Node, set[Node]] = {}
        self._other_rows: dict[Node, list[RemoteRow]] = defaultdict(list)
        """Rows of condemned indexes, in condemned or damaged packs, and the wrong ones. Some frames may be intact."""
        self.intact: dict[Node, list[RemoteRow]] = defaultdict(list)
        self.sources: dict[Oid, str] = {}
        self.listed: set[Node] = set()
        """The objects that visible indexes list, and those in packs of damaged indexes."""
        condemned = inventory.state.condemned
        for row in inventory.state.rows():
            self._add(row)
            if row.listed_by not in condemned:
                self.listed.add((row.kind, row.oid))
        if inventory.damaged_indexes:
            self._add_unlisted()

    # -- objects on the remote

    def _add(self, row: RemoteRow) -> None:
        node = row.kind, row.oid
        if self._is_intact(row):
            self.intact[node].append(row)
            self._reader.add([row])
        else:
            self._other_rows[node].append(row)

    def _is_intact(self, row: RemoteRow) -> bool:
        is_usable = row.pack in self._sizes and self._unusable.isdisjoint((row.pack, row.listed_by))
        return is_usable and (row.pack, row.offset) not in self._wrong_rows

    def _add_unlisted(self) -> None:
        """Add the packs of damaged indexes by their footers."""
        for name in set(self._inventory.unlisted) - self._inventory.state.condemned:
            try:
                rows = remote_footer(self._storage, name, self._sizes[name])
            except (CorruptError, MissingKey):
                continue
            self._add_pack(name, rows)
            self.listed.update((row.kind, row.oid) for row in rows)

    def _add_pack(self, name: Oid, rows: Sequence[Row]) -> None:
        if name not in self._damaged_packs:
            self._new.add(name)
        for oid, kind, codec, offset, raw_size, stored_size, _ in rows:
            self._add(RemoteRow(oid, name, name, offset, kind, codec, raw_size, stored_size))

    # -- good copies

    def replace_damaged(self) -> None:
        """Upload copies of all objects that are listed or needed and lie in no intact pack, as far as there are any."""
        asked: set[Node] = set()
        self._read_below()
        while wanted := (self.listed | self._needed()) - self.intact.keys() - asked:
            self._upload(self._find_copies(wanted))
            self._read_below()
            asked |= wanted

    def _upload(self, objects: Iterable[tuple[Oid, ObjectCopy]]) -> None:
        for made in put_packs(objects, self._storage, self._store):
            self._is_unique = True
            self._sizes[made.ref.name] = made.ref.size
            self._add_pack(made.ref.name, made.rows)

    def _find_copies(self, wanted: Collection[Node]) -> Iterator[tuple[Oid, ObjectCopy]]:
        rows = [row for node in wanted for row in self._other_rows.get(node, ()) if row.pack in self._sizes]
        own = RemoteFrames(self._storage, rows, jobs=self._catalog.jobs)
        missing = set(wanted)
        for source in (own, *self._sources):
            for oid, copy in source.copies({oid for _, oid in missing}):
                if (copy.kind, oid) in missing:
                    missing.remove((copy.kind, oid))
                    self.sources[oid] = source.label
                    yield oid, copy

    # -- references between objects

    def _needed(self) -> set[Node]:
        return {node for needing, below in self._below.items() if needing in self.intact for node in below}

    def _read_below(self) -> None:
        """Read the objects that trees and recipes name."""
        naming = {
            node for node, rows in self.intact.items() if any(row.names_others for row in rows)
        } - self._below.keys()
        for oid, content in self._reader.trees([oid for kind, oid in naming if kind is ObjectKind.TREE]):
            self._below[ObjectKind.TREE, oid] = set(below(content))
        for oid, recipe in self._reader.recipes([oid for kind, oid in naming if kind is ObjectKind.BLOB]):
            self._below.setdefault((ObjectKind.BLOB, oid), set()).update(below(recipe))

    def remove_broken(self) -> None:
        """Remove objects from `intact` that cannot be read, or below which something is missing."""
        above: dict[Node, list[Node]] = defaultdict(list)
        for node, named in self._below.items():
            for one in named:
                above[one].append(node)
        unread = self.intact.keys() - self._below.keys()
        pending = [node for node in unread if any(row.names_others for row in self.intact[node])]
        pending += above.keys() - self.intact.keys()
        while pending:
            node = pending.pop()
            self.intact.pop(node, None)
            pending += [one for one in above.pop(node, ()) if one in self.intact]

    # -- the new index

    def publish(self) -> None:
        """Write the new index, and withdraw the old ones and the damaged packs. Does nothing if there are none."""
        old = self._affected()
        damaged = sorted(self._damaged_packs - self._inventory.state.condemned)
        if not (old or damaged or self._new or self._inventory.damaged):
            return
        self._check()
        if old or self._new:
            self._publish(old)
        if old or damaged:
            # Due at once, so that a push that relies on them uploads its objects again when it confirms its index.
            names = tuple(sorted(index.name for index in old))
            put_condemned_list(
                Condemned(int(remote_time(self._storage)), tuple(damaged), names, grace=0), self._storage
            )
        for key in self._inventory.damaged:
            self._storage.delete(key)
        refresh_listing(self._storage)
        self._catalog.refresh()

    def _publish(self, old: Sequence[IndexSummary]) -> None:
        index = self._index(old)
        if not index.objects:
            return
        if not self._is_unique:
            nonce = os.urandom(16)
            self._upload([(Oid.of(nonce), ObjectCopy(ObjectKind.BLOB, Codec.RAW, len(nonce), nonce))])
            index = self._index(old)
        written = self._catalog.publish(index)
        try:
            self._check()
        except RemoteError:
            if written is not None:
                withdraw([written.name], self._storage, now=int(remote_time(self._storage)))
            raise

    def _affected(self) -> list[IndexSummary]:
        """The indexes with a row, root or pack that is not intact."""
        names = {row.listed_by for row in self._inventory.state.rows() if not self._is_kept(row)}
        oids = {oid for _, oid in self.intact}
        return [
            index
            for index in self._inventory.state.visible
            if index.name in names
            or not oids.issuperset(index.roots)
            or not self._damaged_packs.isdisjoint(ref.name for ref in index.packs)
        ]

    def _is_kept(self, row: RemoteRow) -> bool:
        return (row.kind, row.oid) in self.intact and self._is_intact(row)

    def _index(self, old: Sequence[IndexSummary]) -> RemoteIndex:
        """The index of the intact objects in packs of the `old` indexes and in new packs."""
        listed = {ref.name for index in old for ref in index.packs} | self._new
        rows: dict[Oid, RemoteRow] = {}
        for (_, oid), places in self.intact.items():
            mine = [row for row in places if row.pack in listed]
            if mine:
                rows.setdefault(oid, mine[0])
        roots = {root for index in old for root in index.roots}
        if self._inventory.damaged_indexes:
            # The roots of damaged indexes are lost. Objects that nothing names take their place.
            named = {oid for nodes in self._below.values() for _, oid in nodes}
            roots |= {oid for oid, row in rows.items() if row.pack in self._new and oid not in named}
        kept = {oid for _, oid in self.intact}
        return _index_of(roots & kept, rows, self._sizes)

    def _check(self) -> None:
        if not list_contents(self._storage).is_unchanged_since(self._inventory.contents):
            raise changed_error(self._storage)


def _index_of(roots: Collection[Oid], rows: Mapping[Oid, RemoteRow], sizes: Mapping[Oid, int]) -> RemoteIndex:
    names = sorted({row.pack for row in rows.values()})
    numbers = {name: number for number, name in enumerate(names)}
    return RemoteIndex(
        tuple(sorted(roots)),
        tuple(PackRef(name, sizes[name]) for name in names),
        tuple(row.location(numbers) for _, row in sorted(rows.items())),
    )
