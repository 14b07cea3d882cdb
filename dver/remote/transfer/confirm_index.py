"""Confirming a push: the check, after an index was put, that no gc has deleted objects which the index relies on.

docs/format/remote.md, "After an index was put", says why this makes pushes and gcs safe beside each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from dver.core.errors import MissingObjectError
from dver.core.oid import Oid
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

_ATTEMPTS: Final = 5


class SafeObjects:
    """The objects on a remote that no gc can be deleting. Reads every index again instead of trusting the mirror.

    Trees and recipes that are in `store` do not count, since they can be uploaded again. For the others, everything
    that they reach is checked.
    """

    def __init__(self, catalog: Catalog, store: Store, contents: RemoteContents, state: RemoteState) -> None:
        self.contents = contents
        self.condemned = state.condemned
        self._store = store
        self._reach = RemoteReachability(store, catalog.storage, state, jobs=catalog.jobs)
        self._rows = {row.oid: row for row in _safe_rows(state, int(remote_time(catalog.storage)))}

    def known(self, kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        """Those of `oids` that are safe as a `kind`, with all that they reach.

        Raises MissingObjectError if one of them reaches an object that was deleted.
        """
        safe = {oid for oid in self._rows.keys() & set(oids) if self._rows[oid].kind is kind}
        leading = {oid for oid in safe if self._rows[oid].names_others}
        elsewhere = leading - self._store.present(leading)
        needed = self._reach.of((oid, kind) for oid in elsewhere)
        lost = (needed.trees | needed.blobs) - self._rows.keys()
        if lost:
            raise _deleted(lost)
        return safe - leading | elsewhere

    def locate(self, oids: Iterable[Oid]) -> list[RemoteLocation]:
        """The places of those of `oids` that are safe, by pack and offset."""
        rows = [self._rows[oid] for oid in self._rows.keys() & set(oids)]
        return sorted([row.found() for row in rows])


def confirm(before: RemoteContents, packs: Collection[Oid], store: Store, catalog: Catalog) -> SafeObjects | None:
    """Confirm an index that was just put. Returns None if nothing that it relies on can have been deleted.

    Otherwise returns the safe objects: all others have to be pushed again, in packs with names that are not condemned.
    `before` is what the remote had when the push was planned, `packs` are the names of the packs that it put.
    Raises RemoteError; Changed if the remote changes at each of several attempts.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            contents = list_contents(catalog.storage)
            if contents.is_unchanged_since(before) or _is_harmless(before, contents, packs, catalog):
                return None
            return SafeObjects(catalog, store, *read_state(catalog.storage, contents, store, jobs=catalog.jobs))
        except RemoteChanged:
            if attempt == _ATTEMPTS:
                raise
    return None


def _safe_rows(state: RemoteState, now: int) -> Iterable[RemoteRow]:
    """The rows of objects that no gc can be deleting: not those in packs and indexes that are due soon."""
    near = [one for one in state.lists.values() if one.due - now <= CLOCK_MARGIN]
    packs = {name for one in near for name in one.packs}
    indexes = {name for one in near for name in one.indexes}
    return (
        row
        for row in state.rows()
        if row.pack in state.packs and row.pack not in packs and row.listed_by not in indexes
    )


def _is_harmless(before: RemoteContents, contents: RemoteContents, packs: Collection[Oid], catalog: Catalog) -> bool:
    """Are new condemned lists that are due in a long time the only change?"""
    if not contents.indexes.keys() >= before.indexes.keys():
        return False
    fresh = read_lists(catalog.storage, contents.lists - before.lists, jobs=catalog.jobs)
    if any(one.due - remote_time(catalog.storage) <= CLOCK_MARGIN for one in fresh.values()):
        return False
    return list_packs(catalog.storage).keys() >= set(packs)


def _deleted(lost: Collection[Oid]) -> MissingObjectError:
    return MissingObjectError(
        f"{len(lost)} objects on the remote were deleted during the push",
        why=f"a `dver gc --remote` ran at the same time, and the store does not have them either, such as {min(lost)}",
        fix="push from a clone that has all of the data, or `dver fetch` it from another remote",
    )
