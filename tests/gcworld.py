"""A simulated remote for plans of a gc: packs without bytes, objects that name others."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from dver.core.oid import Oid
from dver.formats.condemned import Condemned
from dver.formats.pack import FRAME_HEADER_SIZE, HEADER, TARGET_SIZE, Codec, ObjectKind
from dver.formats.remote_index import PackRef
from dver.remote.gc.plan import CLOCK_MARGIN, condemned_list_name, merged_rows, new_condemned_lists, plan
from dver.remote.gc.state import IndexSummary, ObjectsByKind, RemoteGcPlan, RemoteRow, RemoteState

GRACE = 1000


@dataclass
class World:
    """What lies on the remote, and what the objects are."""

    chance: random.Random
    children: dict[Oid, list[Oid]] = field(default_factory=dict)
    sizes: dict[Oid, int] = field(default_factory=dict)
    packs: dict[Oid, dict[Oid, int]] = field(default_factory=dict)
    """For each pack the offsets of what lies in it."""
    indexes: dict[Oid, tuple[frozenset[Oid], dict[Oid, Oid]]] = field(default_factory=dict)
    """For each index its roots, and in which packs its objects lie."""
    lists: dict[Oid, Condemned] = field(default_factory=dict)
    now: int = 1_000_000
    grace: int = GRACE
    index_size: int = 1000
    _count: int = 0

    # -- making

    def name(self) -> Oid:
        """One that was never used."""
        self._count += 1
        return Oid.of(b"%d" % self._count)

    def make(self, size: int, below: Iterable[Oid] = ()) -> Oid:
        """A blob, or a tree of what is `below`."""
        oid = self.name()
        self.sizes[oid], self.children[oid] = size, list(below)
        return oid

    def put_pack(self, oids: Iterable[Oid]) -> Oid:
        name, at = self.name(), len(HEADER)
        self.packs[name] = {}
        for oid in oids:
            self.packs[name][oid] = at
            at += FRAME_HEADER_SIZE + self.sizes[oid]
        return name

    def put_index(self, roots: Iterable[Oid], places: dict[Oid, Oid]) -> Oid:
        name = self.name()
        self.indexes[name] = frozenset(roots), dict(places)
        return name

    def push(self, root: Oid, seen: tuple[set[Oid], set[Oid]] | None = None) -> None:
        """As a push does: all that could not be seen when it was planned, and an index; then a second look."""
        view, lists = seen or (self.visible(), set(self.lists))
        missing: list[Oid] = []
        stack = [root]
        while stack:
            oid = stack.pop()
            if oid not in view and oid not in missing:
                missing.append(oid)
                stack += self.children[oid]
        self._send(root, missing)
        if lists != set(self.lists):
            needed, safe = self.needed([root]), self.visible(near=True)
            self._send(root, [oid for oid in (*needed.trees, *needed.blobs) if oid not in safe])

    def _send(self, root: Oid, oids: list[Oid]) -> None:
        pack = self.put_pack(oids) if oids else None
        self.put_index([root], dict.fromkeys(oids, pack) if pack else {})

    # -- looking

    def kind(self, oid: Oid) -> ObjectKind:
        return ObjectKind.TREE if self.children[oid] else ObjectKind.BLOB

    def pack_size(self, name: Oid) -> int:
        return sum(FRAME_HEADER_SIZE + self.sizes[oid] + 66 for oid in self.packs[name]) + 100

    def visible(self, *, near: bool = False) -> set[Oid]:
        """What a pusher sees; with `near` only lists hide things that are due soon."""
        lists = [one for one in self.lists.values() if not near or one.due - self.now <= CLOCK_MARGIN]
        packs = {name for one in lists for name in one.packs}
        hidden = {name for one in lists for name in one.indexes}
        return {
            oid
            for name, (_, places) in self.indexes.items()
            for oid, pack in places.items()
            if name not in hidden and pack not in packs and pack in self.packs
        }

    def readable(self) -> set[Oid]:
        """What a reader finds."""
        return {oid for _, places in self.indexes.values() for oid, pack in places.items() if pack in self.packs}

    def needed(self, roots: Iterable[Oid]) -> ObjectsByKind:
        """What `roots` reach, as far as it is known here."""
        found, stack = ObjectsByKind(), list(roots)
        while stack:
            oid = stack.pop()
            side = found.trees if self.kind(oid) is ObjectKind.TREE else found.blobs
            if oid not in side:
                side.add(oid)
                stack += self.children[oid]
        return found

    def state(self) -> RemoteState:
        facts = [
            IndexSummary(
                name,
                self.index_size,
                tuple(sorted(roots)),
                tuple(PackRef(p, self.pack_size(p)) for p in sorted(set(places.values())) if p in self.packs),
            )
            for name, (roots, places) in self.indexes.items()
        ]
        sizes = {name: self.pack_size(name) for name in self.packs}
        return RemoteState(tuple(facts), dict(self.lists), sizes, frozenset(self.lists), self.rows)

    def rows(self) -> Iterator[RemoteRow]:
        found = [
            RemoteRow(
                oid, name, pack, self.packs[pack][oid], self.kind(oid), Codec.RAW, self.sizes[oid], self.sizes[oid]
            )
            for name, (_, places) in self.indexes.items()
            for oid, pack in places.items()
        ]
        return iter(sorted(found))

    # -- collecting

    def plan(self, roots: Iterable[Oid]) -> RemoteGcPlan:
        hidden = {name for one in self.lists.values() for name in one.indexes}
        live = self.needed(roots)
        visible = {root for name, (named, _) in self.indexes.items() if name not in hidden for root in named}
        reached = self.needed([*roots, *visible])
        return plan(self.state(), live, reached, now=self.now, grace=self.grace)

    def collect(self, roots: Iterable[Oid]) -> RemoteGcPlan:
        """Plan, and carry it out."""
        roots = list(roots)
        live = self.needed(roots)
        found = self.plan(roots)
        moved: dict[Oid, Oid] = {}
        for part in by_pack(found.copies):
            pack = self.put_pack([row.oid for row in part])
            moved.update({row.oid: pack for row in part})
        if found.merges:
            places = {row.oid: moved.get(row.oid, row.pack) for row in merged_rows(found, self.state(), live)}
            self.put_index(found.merged_roots, places)
        for one in new_condemned_lists(found):
            self.lists[condemned_list_name(one)] = one
        for old, one in found.restated:
            self.lists[condemned_list_name(one)] = one
            self.lists.pop(old, None)
        for name in found.deleted_indexes:
            del self.indexes[name]
        for ref in found.deleted_packs:
            del self.packs[ref.name]
        for name in found.deleted_lists:
            del self.lists[name]
        return found


def by_pack(copies: Sequence[RemoteRow]) -> Iterator[Sequence[RemoteRow]]:
    """Parts of `copies` that make one pack each."""
    start, size = 0, 0
    for at, row in enumerate(copies):
        if size and size + row.size > TARGET_SIZE:
            yield copies[start:at]
            start, size = at, 0
        size += row.size
    if start < len(copies):
        yield copies[start:]
