"""Writing the indexes of a remote anew after damage: they list what is there and whole, and promise nothing else.

What lost an object is taken off the list with all that leads to it, so that the next push of a clone that has it sends
it again. The new index is there before an old one goes, and an old one before the packs that it listed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dver.core.errors import CorruptError, RemoteError
from dver.core.oid import Oid
from dver.formats import remote_index, tree
from dver.formats.pack import Codec, ObjectKind, Row
from dver.formats.recipe import Recipe
from dver.formats.remote_index import Location, PackRef, RemoteIndex
from dver.formats.tree import Leaf, Sharded
from dver.remote.clock import remote_time
from dver.remote.index.catalog import Catalog
from dver.remote.index.contents import glance
from dver.remote.index.listing_file import refresh_listing
from dver.remote.index.mirror import RemoteFound, index_key, pack_key
from dver.remote.index.withdraw import withdraw
from dver.remote.packs.frame_ranges import Frame, fetch_frames
from dver.remote.repair.check import below
from dver.remote.repair.repair_pack import leads_on
from dver.remote.repair.survey import Survey, remote_footer
from dver.remote.storage import MissingKey
from dver.store.objects.codec import decode_recipe
from dver.store.objects.reader import StoreReader
from dver.store.repair.good_copies import ObjectCopy
from dver.store.store import Store

Node = tuple[ObjectKind, Oid]
Placer = Callable[[Collection[Oid]], Mapping[Oid, ObjectCopy]]
"""Puts objects on the remote, in new packs, as far as there are copies; answers with these."""


@dataclass(slots=True)
class Relisted:
    """What became of the indexes."""

    listed: set[Oid] = field(default_factory=set)
    """All that is listed afterwards."""
    written: int = 0
    deleted: int = 0
    """Indexes that were deleted, or condemned."""
    taken_off: int = 0
    """Objects that are not listed any more."""


class Relister:
    """Finds out what can be listed, and writes it. `dropped` are packs that are no good, `wrong` rows that lie.

    With `condemn` the old indexes are condemned, which needs no right to delete; otherwise they are deleted.
    """

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        found: Survey,
        dropped: Collection[Oid],
        wrong: Collection[tuple[Oid, int]] = (),
        *,
        condemn: bool = False,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._found = found
        self._dropped = set(dropped)
        self._wrong = set(wrong)
        self._condemn = condemn
        self._rows: dict[Node, list[RemoteFound]] = {}
        self._new: set[Oid] = set()
        """Packs that no index that stays lists."""
        self._below: dict[Node, set[Node]] = {}
        self._roots: set[Oid] = set()

    def run(self, placed: Callable[[], Sequence[tuple[PackRef, Sequence[Row]]]], place: Placer) -> Relisted:
        """List `placed`, the new packs so far, and what the indexes listed, as far as it is whole. `place` is asked for
        what is needed and not there. Raises RemoteError."""
        for _, row in self._found.rows():
            if row.pack not in self._dropped and (row.pack, row.offset) not in self._wrong:
                self._add(row)
        before = {(row.kind, row.oid) for _, row in self._found.rows()}
        if self._found.damaged:
            self._add_unlisted()
        self._add_placed(placed())
        self._read(list(self._rows))
        self._fetch_absent(placed, place)
        for node in self._broken():
            del self._rows[node]
        staying = [one for one in self._found.indexes.items() if one[0] not in self._found.condemned]
        affected = [name for name, index in staying if self._is_affected(index)]
        result = Relisted({oid for _, oid in self._rows}, taken_off=len(before - self._rows.keys()))
        self._write(affected, result)
        return result

    # -- what can be listed

    def _add(self, row: RemoteFound) -> Node:
        node = row.kind, row.oid
        self._rows.setdefault(node, []).append(row)
        return node

    def _add_unlisted(self) -> None:
        """Packs that no index lists any more, since theirs is damaged."""
        for name in set(self._found.garbage) - self._dropped - self._found.condemned:
            try:
                rows = remote_footer(self._catalog.storage, name, self._found.packs[name])
            except (CorruptError, MissingKey):
                continue
            self._add_placed([(PackRef(name, self._found.packs[name]), rows)])

    def _add_placed(self, packs: Iterable[tuple[PackRef, Sequence[Row]]]) -> list[Node]:
        added = []
        for ref, rows in packs:
            self._new.add(ref.name)
            for row in rows:
                one = RemoteFound(
                    ref.name, row.offset, row.oid, ref.size, row.kind, row.codec, row.raw_size, row.stored_size
                )
                added.append(self._add(one))
        return added

    def _read(self, nodes: Collection[Node]) -> None:
        """Learn what `nodes` lead to: trees from the store if it has them, recipes as the remote has them."""
        trees = [oid for kind, oid in nodes if kind is ObjectKind.TREE and (kind, oid) not in self._below]
        for oid, content in StoreReader(self._store, set()).trees(trees):
            self._below[ObjectKind.TREE, oid] = set(below(content))
        wanted = [
            row
            for node in nodes
            if node not in self._below
            for row in self._rows.get(node, ())
            if leads_on(row.kind, row.codec)
        ]
        storage, jobs = self._catalog.storage, self._catalog.jobs
        for oid, frame in fetch_frames(storage, sorted(wanted), jobs=jobs, received=lambda _: None):
            if isinstance(frame, Frame) and (led := _content(frame)) is not None:
                self._below.setdefault((frame.row.kind, oid), set()).update(below(led))

    def _fetch_absent(self, placed: Callable[[], Sequence[tuple[PackRef, Sequence[Row]]]], place: Placer) -> None:
        """Have what is needed and not there put there, as far as there are copies."""
        asked: set[Oid] = set()
        while True:
            needed = {node for node in self._rows if node in self._below for node in self._below[node]}
            absent = {oid for kind, oid in needed - self._rows.keys()} - asked
            if not absent:
                return
            asked |= absent
            count = len(placed())
            if not place(absent):
                return
            self._read(self._add_placed(placed()[count:]))

    def _broken(self) -> set[Node]:
        """What leads to something that is not there, or cannot be read."""
        above: dict[Node, list[Node]] = {}
        for node, led in self._below.items():
            for one in led:
                above.setdefault(one, []).append(node)
        broken = {node for node in self._rows if self._is_unreadable(node)}
        pending = [*broken, *(node for node in above if node not in self._rows)]
        while pending:
            for node in above.get(pending.pop(), ()):
                if node not in broken and node in self._rows:
                    broken.add(node)
                    pending.append(node)
        return broken

    def _is_unreadable(self, node: Node) -> bool:
        return node not in self._below and any(leads_on(row.kind, row.codec) for row in self._rows[node])

    # -- the new index

    def _is_affected(self, index: RemoteIndex) -> bool:
        """Does the index list something that must not be listed?"""
        oids = {oid for _, oid in self._rows}
        if any(ref.name in self._dropped for ref in index.packs) or not oids.issuperset(index.roots):
            return True
        return any(
            (one.kind, one.oid) not in self._rows or (index.packs[one.pack].name, one.offset) in self._wrong
            for one in index.objects
        )

    def _write(self, affected: Sequence[Oid], result: Relisted) -> None:
        storage = self._catalog.storage
        index = self._index(affected)
        written = _name_of(index)
        for oid in (row.oid for row in index.objects):
            if written not in self._found.condemned:
                break
            # A name that was condemned must not come back. All that is listed is complete, and may be called a root.
            index = replace(index, roots=tuple(sorted({*index.roots, oid})))
            written = _name_of(index)
        self._check()
        if (index.objects or index.roots) and written not in self._found.indexes:
            self._catalog.publish(index)
            result.written = 1
        self._check()
        old = [name for name in (*affected, *self._found.damaged) if name != written]
        result.deleted = len(old)
        if self._condemn and old:
            withdraw(old, storage, now=int(remote_time(storage)))
        else:
            self._delete(old)
        refresh_listing(storage)
        self._catalog.refresh()

    def _delete(self, indexes: Iterable[Oid]) -> None:
        """The index of a pack goes before the pack."""
        for name in indexes:
            self._catalog.storage.delete(index_key(name))
        for name in sorted(self._dropped & self._found.packs.keys()):
            self._catalog.storage.delete(pack_key(name))

    def _index(self, affected: Collection[Oid]) -> RemoteIndex:
        """What the `affected` indexes listed and is whole, and what is in new packs."""
        packs = {ref.name for name in affected for ref in self._found.indexes[name].packs} | self._new
        rows: dict[Oid, RemoteFound] = {}
        for listed in self._rows.values():
            mine = [row for row in listed if row.pack in packs]
            if mine:
                rows.setdefault(mine[0].oid, mine[0])
        roots = {root for name in affected for root in self._found.indexes[name].roots}
        if self._found.damaged:
            roots |= self._tops(rows)
        kept = {oid for _, oid in self._rows}
        return _index_of(sorted(roots & kept), rows.values())

    def _tops(self, rows: Mapping[Oid, RemoteFound]) -> set[Oid]:
        """What nothing leads to, which only roots do: nobody else knows which roots a damaged index named."""
        led = {oid for node in self._below.values() for _, oid in node}
        return {oid for oid, row in rows.items() if row.pack in self._new and oid not in led}

    def _check(self) -> None:
        if not glance(self._catalog.storage).is_still(self._found.seen):
            raise RemoteError(
                f"{self._catalog.storage.url} was changed meanwhile",
                why="another clone collects garbage there, or repairs it",
                fix="run the same command again",
            )


def _name_of(index: RemoteIndex) -> Oid:
    return remote_index.name_of(remote_index.encode(index.roots, index.packs, index.objects))


def _index_of(roots: Sequence[Oid], rows: Iterable[RemoteFound]) -> RemoteIndex:
    listed = sorted(rows, key=lambda row: row.oid)
    packs = sorted({PackRef(row.pack, row.pack_size) for row in listed})
    numbers = {ref.name: number for number, ref in enumerate(packs)}
    objects = tuple(
        Location(row.oid, numbers[row.pack], row.kind, row.codec, row.offset, row.raw_size, row.stored_size)
        for row in listed
    )
    return RemoteIndex(tuple(roots), tuple(packs), objects)


def _content(frame: Frame) -> Leaf | Sharded | Recipe | None:
    try:
        if frame.row.codec is Codec.CHUNKED:
            return decode_recipe(frame.row, frame.content)
        return tree.decode(frame.content)
    except CorruptError:
        return None
