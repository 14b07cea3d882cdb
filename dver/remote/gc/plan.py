"""The plan of a remote gc, made from the state of the remote and the needed objects, without requests.

docs/format/remote.md, "Garbage collection", explains the terms and the reason for each rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final

from dver.core.batches import batched
from dver.core.errors import MissingObjectError
from dver.core.oid import Oid
from dver.core.phrasing import count
from dver.formats import condemned as condemned_list
from dver.formats.condemned import NAMES_MAX, Condemned
from dver.formats.pack import TARGET_SIZE
from dver.formats.remote_index import PackRef
from dver.remote.gc.state import ObjectsByKind, Rank, RemoteGcPlan, RemoteRow, RemoteState

SMALL_PACK: Final = TARGET_SIZE // 4
"""Size in bytes below which packs are merged, if there are SEVERAL."""
SMALL_INDEX: Final = 64 << 20
"""Size in bytes below which indexes are merged, if there are SEVERAL."""
SEVERAL: Final = 4
LEAST_LIVE: Final = 0.5
"""The live objects of a pack are copied if they are less than this part of it ..."""
LEAST_FREED: Final = 16 << 10
"""... and if that frees this many bytes. Header and footer of a tiny pack are larger than its objects."""
CLOCK_MARGIN: Final = 3600
"""Seconds by which clocks may differ: no client executes a condemned list that long before it is due."""

_FREE, _FAR_LISTED, _DOOMED = range(3)


def plan(
    state: RemoteState, live: ObjectsByKind, reached: ObjectsByKind | None = None, *, now: int, grace: int
) -> RemoteGcPlan:
    """Plan a gc that keeps `live` objects visible to all clones, and objects that are only `reached` for now.

    `reached` matters only if lists are due. `now` is in Unix seconds, from before the pointers were read; `grace` is in
    seconds. Raises MissingObjectError if the pack of a live object is gone.
    """
    return _Planner(state, live, now, grace).plan(reached)


def merged_rows(found: RemoteGcPlan, state: RemoteState, live: ObjectsByKind) -> Iterator[RemoteRow]:
    """The rows of the merged index: live objects that no kept index lists, sorted by oid.

    Those in `copies` are in new packs by then.
    """
    for group in _live_groups(state, live, found.order):
        if not any(row.listed_by in found.kept_indexes for row in group):
            yield _home(found.order, group)


def new_condemned_lists(found: RemoteGcPlan) -> Iterator[Condemned]:
    """The condemned lists to write, in this order: indexes first, so that their rows of condemned packs are hidden."""
    names = [(name, False) for name in found.condemned_indexes] + [(ref.name, True) for ref in found.condemned_packs]
    for part in batched(names, NAMES_MAX):
        packs = tuple([name for name, is_pack in part if is_pack])
        indexes = tuple([name for name, is_pack in part if not is_pack])
        yield Condemned(found.now, packs, indexes, found.grace)


@dataclass(slots=True)
class _Fill:
    """The live objects of one pack, in bytes."""

    live: int = 0
    """Live objects, including those with copies in other packs."""
    home: int = 0
    """Live objects that are kept in this pack."""


@dataclass(frozen=True, slots=True)
class _Packs:
    """The decisions about packs."""

    condemned: frozenset[Oid]
    copied: frozenset[Oid]
    freed: frozenset[Oid]


@dataclass(slots=True)
class _Due:
    """Packs and indexes that are deleted now, and those that are condemned again because something reaches them."""

    packs: set[Oid]
    indexes: set[Oid]
    packs_again: set[Oid]
    indexes_again: set[Oid]


class _Planner:
    def __init__(self, state: RemoteState, live: ObjectsByKind, now: int, grace: int) -> None:
        self._state = state
        self._live = live
        self._now = now
        self._grace = grace
        self._indexes = {index.name: index for index in state.indexes}
        stated = {ref.name: ref.size for index in state.indexes for ref in index.packs}
        self._readable = {name for name, size in state.packs.items() if stated.get(name, size) == size}
        self._pack_due = _earliest((one.due, one.packs) for one in state.lists.values())
        self._index_due = _earliest((one.due, one.indexes) for one in state.lists.values())
        self._fills = {name: _Fill() for name in state.packs}
        self._misleading: set[Oid] = set()
        """Indexes that list dead trees or recipes, or name dead roots. The objects below those may be deleted."""
        self._objects = self._size = 0

    def plan(self, reached: ObjectsByKind | None) -> RemoteGcPlan:
        self._count_live()
        order = {name: self._rank(name) for name in self._readable}
        self._find_homes(order)
        packs = self._decide()
        merged = self._merged(packs)
        kept = frozenset(self._indexes.keys() - self._index_due.keys() - merged)
        unlisted, copies = self._to_list(order, kept, packs)
        roots = self._roots_without(kept)
        due = self._carried_out(reached)
        new = self._new_list(packs, merged, due)
        restated = tuple(self._restated(packs.freed))
        left = self._lists_left(new, restated, due)
        condemns = bool(new.packs or new.indexes)
        spent = {name for name, standing in left.items() if standing is None and name in self._state.lists}
        return RemoteGcPlan(
            self._now,
            self._grace,
            condemned_packs=self._refs(new.packs),
            condemned_indexes=new.indexes,
            rewritten=self._refs({row.pack for row in copies}),
            copies=copies,
            freed=self._refs(packs.freed),
            restated=restated,
            kept_indexes=kept,
            merges=unlisted or bool(roots),
            merged_roots=roots,
            deleted_packs=self._refs(due.packs),
            deleted_indexes=tuple(sorted(due.indexes)),
            # An old list is deleted only after a new one was written: see rule 5.
            deleted_lists=tuple(sorted(spent)) if condemns else (),
            waiting_packs=self._refs(self._pack_due.keys() - due.packs - packs.freed - set(new.packs)),
            next_due=min(
                [one for one in [*left.values(), new.due if condemns else None] if one is not None], default=None
            ),
            live_objects=self._objects,
            live_size=self._size,
            order=order,
        )

    # -- live objects

    def _count_live(self) -> None:
        lost: list[Oid] = []
        for oid, rows in _groups(self._state):
            live = [row for row in rows if self._live.holds(row)]
            self._misleading.update([row.listed_by for row in rows if row.names_others and not self._live.holds(row)])
            if not live:
                continue
            self._objects += 1
            self._size += live[0].stored_size
            places = {row.pack: row.size for row in live if row.pack in self._readable}
            for name, size in places.items():
                self._fills[name].live += size
            if not places:
                lost.append(oid)
        if lost:
            raise _lost(lost)
        dead_roots = (index.name for index in self._state.indexes if any(r not in self._live for r in index.roots))
        self._misleading.update(dead_roots)

    def _rank(self, name: Oid) -> Rank:
        due = self._pack_due.get(name)
        tier = _FREE if due is None else _FAR_LISTED if due - self._now > CLOCK_MARGIN else _DOOMED
        return tier, -self._fills[name].live, name

    def _find_homes(self, order: Mapping[Oid, Rank]) -> None:
        for group in _live_groups(self._state, self._live, order):
            home = _home(order, group)
            self._fills[home.pack].home += home.size

    # -- decisions

    def _decide(self) -> _Packs:
        condemned: set[Oid] = set()
        copied: set[Oid] = set()
        freed: set[Oid] = set()
        small: set[Oid] = set()
        for name, size in self._state.packs.items():
            home, due = self._fills[name].home, self._pack_due.get(name)
            if due is not None:
                if home:
                    (freed if due - self._now > CLOCK_MARGIN else copied).add(name)
            elif not home:
                condemned.add(name)
            elif home < min(LEAST_LIVE * size, size - LEAST_FREED):
                copied.add(name)
            elif size < SMALL_PACK:
                small.add(name)
        if len(small) >= SEVERAL:
            copied |= small
        return _Packs(frozenset(condemned), frozenset(copied), frozenset(freed))

    def _merged(self, packs: _Packs) -> set[Oid]:
        """The visible indexes that the merged index replaces."""
        visible = [index for index in self._state.indexes if index.name not in self._index_due]
        stay = self._readable - packs.condemned - packs.copied - (self._pack_due.keys() - packs.freed)
        forced = {one.name for one in visible if not stay.issuperset(ref.name for ref in one.packs)}
        forced |= self._misleading.intersection(one.name for one in visible)
        small = {one.name for one in visible if one.size < SMALL_INDEX}
        return forced | small if forced or len(small) >= SEVERAL else set()

    def _to_list(
        self, order: Mapping[Oid, Rank], kept: frozenset[Oid], packs: _Packs
    ) -> tuple[bool, tuple[RemoteRow, ...]]:
        """Whether there are live objects that no kept index lists, and which of these have to be copied."""
        unlisted = False
        copies = []
        for group in _live_groups(self._state, self._live, order):
            if not any(row.listed_by in kept for row in group):
                unlisted = True
                home = _home(order, group)
                if home.pack in packs.copied:
                    copies.append(home)
        copies.sort(key=lambda row: (not row.names_others, row.pack, row.offset))
        return unlisted, tuple(copies)

    def _roots_without(self, kept: frozenset[Oid]) -> tuple[Oid, ...]:
        """The live roots that no kept index names."""
        named = {root for name in kept for root in self._indexes[name].roots}
        every = {root for index in self._state.indexes for root in index.roots}
        return tuple(sorted(root for root in every - named if root in self._live))

    # -- due lists

    def _carried_out(self, reached: ObjectsByKind | None) -> _Due:
        lists = self._state.due(self._now).values()
        packs = {name for one in lists for name in one.packs if name in self._state.packs}
        indexes = {name for one in lists for name in one.indexes if name in self._indexes}
        due = _Due(packs, indexes, set(), set())
        if reached is not None and indexes:
            self._spare(due, reached)
        # Packs are kept as long as an index lists them: otherwise readers would look for objects in deleted packs.
        stay = {ref.name for name in self._indexes.keys() - due.indexes for ref in self._indexes[name].packs}
        due.packs_again |= due.packs & stay
        due.packs -= stay
        return due

    def _spare(self, due: _Due, reached: ObjectsByKind) -> None:
        """Remove from `due` the indexes without which a reached object would be listed nowhere."""
        for _, rows in _groups(self._state):
            wanted = [row for row in rows if reached.holds(row) and row.pack in self._readable]
            if not wanted or any(self._live.holds(row) or row.listed_by not in due.indexes for row in wanted):
                continue
            one = min(wanted)
            due.indexes.remove(one.listed_by)
            due.indexes_again.add(one.listed_by)

    def _new_list(self, packs: _Packs, merged: set[Oid], due: _Due) -> Condemned:
        late = [one for one in self._state.lists.values() if self._is_late(one)]
        others = [one for one in self._state.lists.values() if not self._is_late(one)]
        late_packs = {name for one in late for name in one.packs if name in self._state.packs}
        late_packs -= {name for one in others for name in one.packs} | packs.freed
        late_indexes = {name for one in late for name in one.indexes if name in self._indexes}
        late_indexes -= {name for one in others for name in one.indexes}
        unlisted = (packs.condemned | packs.copied) - self._pack_due.keys()
        return Condemned(
            self._now,
            tuple(sorted(unlisted | due.packs_again | late_packs)),
            tuple(sorted(merged | due.indexes_again | late_indexes)),
            self._grace,
        )

    def _is_late(self, one: Condemned) -> bool:
        """True if the list was written by a clock that is ahead, or is due much later than a list written now."""
        return one.at - self._now > CLOCK_MARGIN or one.due - (self._now + self._grace) > CLOCK_MARGIN

    def _restated(self, freed: frozenset[Oid]) -> Iterator[tuple[Oid, Condemned]]:
        for name, one in sorted(self._state.lists.items()):
            if not freed.isdisjoint(one.packs):
                rest = tuple([pack for pack in one.packs if pack not in freed])
                yield name, Condemned(one.at, rest, one.indexes, one.grace)

    def _lists_left(
        self, new: Condemned, restated: Iterable[tuple[Oid, Condemned]], due: _Due
    ) -> dict[Oid, int | None]:
        """The due time of each list after this gc; None for a list whose names are all gone or in `new`."""
        lists = dict(self._state.lists)
        for old, one in restated:
            del lists[old]
            lists[condemned_list_name(one)] = one
        packs = self._state.packs.keys() - due.packs
        indexes = self._indexes.keys() - due.indexes
        left: dict[Oid, int | None] = {}
        for name, one in lists.items():
            stands = (packs & set(one.packs)) - set(new.packs) or (indexes & set(one.indexes)) - set(new.indexes)
            left[name] = one.due if stands else None
        return left

    def _refs(self, names: Iterable[Oid]) -> tuple[PackRef, ...]:
        there = self._state.packs
        return tuple([PackRef(name, there[name]) for name in sorted(names) if name in there])


def condemned_list_name(value: Condemned) -> Oid:
    """The name of a condemned list with this content."""
    return Oid.of(condemned_list.encode(value.at, value.packs, value.indexes, grace=value.grace))


def _groups(state: RemoteState) -> Iterator[tuple[Oid, list[RemoteRow]]]:
    for oid, rows in groupby(state.rows(), key=itemgetter(0)):
        yield oid, list(rows)


def _live_groups(state: RemoteState, live: ObjectsByKind, order: Mapping[Oid, Rank]) -> Iterator[list[RemoteRow]]:
    """The rows of each live object that are in readable packs."""
    for _, rows in _groups(state):
        found = [row for row in rows if live.holds(row) and row.pack in order]
        if found:
            # An index lists an oid once. A tree promises more than a blob of the same bytes.
            kind = max([row.kind for row in found])
            yield [row for row in found if row.kind is kind]


def _home(order: Mapping[Oid, Rank], rows: Sequence[RemoteRow]) -> RemoteRow:
    """The row in the pack that is the best one to keep an object."""
    return min(rows, key=lambda row: (order[row.pack], row)) if len(rows) > 1 else rows[0]


def _earliest(dues: Iterable[tuple[int, Iterable[Oid]]]) -> dict[Oid, int]:
    found: dict[Oid, int] = {}
    for due, names in sorted(dues, key=itemgetter(0), reverse=True):
        found.update(dict.fromkeys(names, due))
    return found


def _lost(oids: Sequence[Oid]) -> MissingObjectError:
    return MissingObjectError(
        f"missing on the remote: the packs of {count(len(oids), 'object')} that Git's history needs",
        why=f"packs were deleted by hand, such as the one with object {oids[0].short}",
        fix="`dver push --all-commits` from a clone that has the data, then run `dver gc --remote` again",
    )
