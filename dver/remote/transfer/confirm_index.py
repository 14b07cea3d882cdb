"""The second look of whoever has put an index: did a gc take away meanwhile what it relies on?

docs/format/remote.md, "After an index was put", says why this makes pushes and gcs safe beside each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from dver.core.errors import MissingObjectError
from dver.core.oid import Oid
from dver.formats.condemned import Condemned
from dver.formats.pack import ObjectKind
from dver.remote.clock import remote_time
from dver.remote.gc.plan import CLOCK_MARGIN
from dver.remote.gc.reachable import RemoteReachability
from dver.remote.gc.read_state import RemoteChanged, list_packs, read_lists, read_state
from dver.remote.gc.state import RemoteRow, RemoteState
from dver.remote.index.catalog import Catalog
from dver.remote.index.contents import RemoteContents, list_contents
from dver.remote.index.mirror import RemoteLocation
from dver.store.store import Store

_TRIES = 5


class SafeCatalog(Catalog):
    """What on the remote can be relied on, whatever gcs are under way: read anew, index by index.

    Trees and recipes count only where they are not in `store`, from which they can as well be sent again; for these
    rest all that they reach was looked at.
    """

    def __init__(self, catalog: Catalog, store: Store, shown: RemoteContents, state: RemoteState) -> None:
        super().__init__(catalog.mirror, catalog.storage, jobs=catalog.jobs)
        self.contents = shown
        self.condemned = listed_names(state.lists.values())
        self._store = store
        self._sizes = state.packs
        self._reach = RemoteReachability(store, catalog.storage, state, jobs=catalog.jobs)
        self._safe = {row.oid: row for row in safe_rows(state, int(remote_time(catalog.storage)))}

    def has_roots(self, oids: Iterable[Oid]) -> set[Oid]:
        """None: everything is looked at."""
        return set()

    def present(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that are safe."""
        return self._safe.keys() & set(oids)

    def known(self, kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        """Those of `oids` that are safe as a `kind`, with all that they reach."""
        safe = {oid for oid in self.present(oids) if self._safe[oid].kind is kind}
        leading = {oid for oid in safe if self._safe[oid].names_others}
        elsewhere = leading - self._store.present(leading)
        needed = self._reach.of((oid, kind) for oid in elsewhere)
        lost = (needed.trees | needed.blobs) - self._safe.keys()
        if lost:
            raise _taken_away(lost)
        return safe - leading | elsewhere

    def locate(self, oids: Iterable[Oid]) -> list[RemoteLocation]:
        """Where those of `oids` lie that are safe, by pack and offset."""
        rows = [self._safe[oid] for oid in self.present(oids)]
        return sorted([row.found(self._sizes[row.pack]) for row in rows])


def look_again(before: RemoteContents, packs: Collection[Oid], store: Store, catalog: Catalog) -> SafeCatalog | None:
    """To be called once an index was put. None if all is well: nothing it relies on can have been deleted.

    `before` is what was there when the push was planned, `packs` are the names of those that it has put. Otherwise what
    the remote safely has: whatever is not in that has to be pushed again, under names that none of its `lists` has.
    Raises RemoteError; Changed if the remote never holds still.
    """
    for turn in range(_TRIES):
        try:
            shown = list_contents(catalog.storage)
            if shown.is_unchanged_since(before) or _harmless(before, shown, packs, catalog):
                return None
            return SafeCatalog(catalog, store, *read_state(catalog.storage, shown, store, jobs=catalog.jobs))
        except RemoteChanged:
            if turn == _TRIES - 1:
                raise
    return None


def listed_names(lists: Iterable[Condemned]) -> frozenset[Oid]:
    """All packs and indexes that `lists` name: no new one may be called so."""
    return frozenset(name for one in lists for name in (*one.packs, *one.indexes))


def safe_rows(state: RemoteState, now: int) -> Iterable[RemoteRow]:
    """The rows of what no gc can be deleting: those that are listed and due soon are left out."""
    near = [one for one in state.lists.values() if one.due - now <= CLOCK_MARGIN]
    packs = {name for one in near for name in one.packs}
    indexes = {name for one in near for name in one.indexes}
    return (
        row
        for row in state.rows()
        if row.pack in state.packs and row.pack not in packs and row.listed_by not in indexes
    )


def _harmless(before: RemoteContents, shown: RemoteContents, packs: Collection[Oid], catalog: Catalog) -> bool:
    """Has nothing happened but that new lists were written that are due in a long time?"""
    if not shown.indexes.keys() >= before.indexes.keys():
        return False
    fresh = read_lists(catalog.storage, shown.lists - before.lists, jobs=catalog.jobs)
    if any(one.due - remote_time(catalog.storage) <= CLOCK_MARGIN for one in fresh.values()):
        return False
    return list_packs(catalog.storage).keys() >= set(packs)


def _taken_away(lost: Collection[Oid]) -> MissingObjectError:
    return MissingObjectError(
        f"{len(lost)} objects that this push builds on were deleted from the remote meanwhile",
        why=f"a `dver gc --remote` ran beside it, and they are not in the store, such as {min(lost)}",
        fix="push from a clone that has all of the data, or `dver fetch` it from another remote",
    )
