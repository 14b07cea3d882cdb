"""Collecting what is no longer needed on a remote, beside pushes, fetches and other gcs, without a lock.

The order of all that is done here, and what is left if it ends early, is in docs/format/remote.md.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Final

from dver.core.errors import MissingObjectError, RemoteError
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress
from dver.formats.objectref import ObjectRef
from dver.formats.remote_index import PackRef
from dver.remote.gc.plan import merged_rows, new_condemned_lists, plan
from dver.remote.gc.reachable import RemoteReachability
from dver.remote.gc.read_state import RemoteChanged, read_state
from dver.remote.gc.repack import UploadedPack, copy_frames
from dver.remote.gc.state import NeededObjects, RemoteGcPlan, RemoteRow, RemoteState, total_size
from dver.remote.index.catalog import Catalog
from dver.remote.index.condemned_lists import put_condemned_list, withdraw
from dver.remote.index.contents import RemoteContents, list_contents
from dver.remote.index.keys import condemned_key, index_key, pack_key
from dver.remote.index.listing_file import refresh_listing
from dver.remote.index.writer import IndexBody, IndexWriter
from dver.remote.parallel import in_parallel
from dver.remote.storage import MissingKey
from dver.store.store import Store

TRIES: Final = 5
"""How often a gc is planned anew because others changed the remote meanwhile."""
_AT_ONCE: Final = 500
"""Keys that are deleted before looking again whether they are still to be deleted."""

Roots = Callable[[], Iterable[ObjectRef]]
"""Reads from Git what has to stay. It is called once the remote has been looked at, which matters: a push that ended
before a list was written is in Git by then."""


@dataclass(frozen=True, slots=True)
class PreparedGc:
    """A plan, and what it was made from."""

    plan: RemoteGcPlan
    contents: RemoteContents
    state: RemoteState
    live: NeededObjects


@dataclass(frozen=True, slots=True)
class RemoteGcResult:
    """What a gc did. Sizes in bytes, `next_due` in Unix seconds."""

    condemned_packs: int = 0
    condemned_size: int = 0
    copied_objects: int = 0
    copied_size: int = 0
    freed_packs: int = 0
    merged_indexes: int = 0
    deleted_packs: int = 0
    deleted_size: int = 0
    next_due: int | None = None


def prepare_remote_gc(
    roots: Roots, store: Store, catalog: Catalog, *, grace: int, now: Callable[[], float] = time.time
) -> PreparedGc:
    """Find out what a gc would do. Writes nothing. `grace` is in seconds; `now` tells Unix seconds.

    Raises CorruptError, MissingObjectError for what is needed and cannot be read on the remote; RemoteError.
    """
    for turn in range(TRIES):
        try:
            return _prepare(roots, store, catalog, grace, now)
        except (RemoteChanged, MissingKey, MissingObjectError) as error:
            # Another gc may be deleting just now; what is gone for good is gone at the next look as well.
            if turn == TRIES - 1:
                raise _restless(catalog) if isinstance(error, RemoteChanged) else error from None
    raise _restless(catalog)


def remote_gc(
    roots: Roots,
    store: Store,
    catalog: Catalog,
    *,
    grace: int,
    now: Callable[[], float] = time.time,
    progress: Progress = SILENT,
) -> RemoteGcResult:
    """Plan a gc and carry it out; see `prepare_remote_gc`. After any failure, the next one goes on."""
    for _ in range(TRIES):
        prepared = prepare_remote_gc(roots, store, catalog, grace=grace, now=now)
        try:
            return execute_remote_gc(prepared, store, catalog, progress=progress)
        except (RemoteChanged, MissingKey):
            continue
    raise _restless(catalog)


def execute_remote_gc(
    prepared: PreparedGc, store: Store, catalog: Catalog, *, progress: Progress = SILENT
) -> RemoteGcResult:
    """Carry out a plan. Raises Changed if others have changed the remote since, RemoteError, CorruptError."""
    found = prepared.plan
    run = _Run(prepared, store, catalog)
    if not found.empty:
        with progress.task("copy", total=sum([row.stored_size for row in found.copies])) as task:
            sizes = prepared.state.packs
            storage, jobs = catalog.storage, catalog.jobs
            run.packs = list(copy_frames(found.copies, sizes, storage, store, jobs=jobs, task=task))
        run.merge()
        run.condemn()
        run.delete(progress)
        refresh_listing(catalog.storage)
        found = run.plan
    return RemoteGcResult(
        condemned_packs=len(found.condemned_packs),
        condemned_size=total_size(found.condemned_packs),
        copied_objects=len(found.copies),
        copied_size=sum([row.stored_size for row in found.copies]),
        freed_packs=len(found.freed),
        merged_indexes=len(found.condemned_indexes),
        deleted_packs=len(found.deleted_packs),
        deleted_size=total_size(found.deleted_packs),
        next_due=found.next_due,
    )


def _prepare(roots: Roots, store: Store, catalog: Catalog, grace: int, clock: Callable[[], float]) -> PreparedGc:
    seen = list_contents(catalog.storage)
    now = int(clock())  # a remote that has a clock has told it by now
    wanted = [(root.oid, root.kind) for root in roots()]
    shown, state = read_state(catalog.storage, seen, store, jobs=catalog.jobs)
    reach = RemoteReachability(store, catalog.storage, state, jobs=catalog.jobs)
    # What the remote has as a tree counts as one as well: who calls may not know, and it only keeps more.
    live = reach.of({*wanted, *reach.named([oid for oid, _ in wanted])})
    reached = None
    if state.due(now):
        reached = reach.of(reach.named(_visible_roots(state)), live)
    found = plan(state, live, reached, now=now, grace=grace)
    if found.live_objects < len(live):
        _check_promises(reach, state, live)
    return PreparedGc(found, shown, state, live)


def _visible_roots(state: RemoteState) -> set[Oid]:
    hidden = {name for one in state.lists.values() for name in one.indexes}
    return {root for index in state.indexes if index.name not in hidden for root in index.roots}


def _check_promises(reach: RemoteReachability, state: RemoteState, live: NeededObjects) -> None:
    """Something live is not on the remote. That is fine if it was never pushed, and not if an index promises it."""
    promised = reach.of(reach.named(root for root in _visible_roots(state) if root in live))
    lacking = promised.trees | promised.blobs
    for row in state.rows():
        lacking.discard(row.oid)
    if lacking:
        raise MissingObjectError(
            f"{len(lacking)} objects that Git's history needs are not on the remote, though an index promises them",
            why=f"somebody deleted indexes or packs by hand, such as that of object {min(lacking)}",
            fix="`dver fsck --remote` names what is hurt; push it from a clone that has it, then collect garbage",
        )


class _Run:
    """Carries out one plan, step by step."""

    def __init__(self, prepared: PreparedGc, store: Store, catalog: Catalog) -> None:
        self.plan = prepared.plan
        self._contents = prepared.contents
        self._state = prepared.state
        self._live = prepared.live
        self._catalog = catalog
        self._storage = catalog.storage
        self._store = store
        self.packs: list[UploadedPack] = []

    def merge(self) -> None:
        """Steps 5 to 7: the merged index, unless the remote is another one by now."""
        self._check()
        if not self.plan.merges:
            return
        with IndexWriter(self._store.scratch) as draft:
            body = self._merged_index(draft)
            if body is not None:
                self._storage.put(index_key(body.name), body)
        if body is None:
            self._move_one_pack()
            self.merge()
            return
        try:
            self._check()
        except RemoteChanged:
            withdraw([body.name], self._storage, now=self.plan.now, grace=self.plan.grace)
            raise

    def condemn(self) -> None:
        """Steps 8 and 9: new lists, and old ones without what is freed."""
        for one in new_condemned_lists(self.plan):
            put_condemned_list(one, self._storage)
        for old, one in self.plan.restated:
            put_condemned_list(one, self._storage)
            self._storage.delete(condemned_key(old))

    def delete(self, progress: Progress) -> None:
        """Steps 10 to 12."""
        keys = [index_key(name) for name in self.plan.deleted_indexes]
        keys += [pack_key(ref.name) for ref in self.plan.deleted_packs]
        with progress.task("delete", total=len(keys), unit="objects") as task:
            for start in range(0, len(keys), _AT_ONCE):
                if not self._due_lists() <= list_contents(self._storage).lists:
                    raise RemoteChanged
                part = keys[start : start + _AT_ONCE]
                for _ in in_parallel(self._storage.delete, part, jobs=self._catalog.jobs):
                    task.advance(1)
        for name in self.plan.deleted_lists:
            self._storage.delete(condemned_key(name))

    def _merged_index(self, draft: IndexWriter) -> IndexBody | None:
        """The new index, whose rows are written into `draft`. None if it can have no name that is not condemned."""
        sizes = {**self._state.packs, **{made.ref.name: made.ref.size for made in self.packs}}
        rows = self._rows
        names = sorted({row.pack for row in rows()})
        numbers = {name: number for number, name in enumerate(names)}
        draft.add(one.location(numbers) for one in rows())
        packs = [PackRef(name, sizes[name]) for name in names]
        taken = {index.name for index in self._state.indexes}
        taken.update(name for one in self._state.lists.values() for name in one.indexes)
        # A name that was condemned must not come back, and two gcs that see the same had better not write the same: if
        # one then withdraws it, it is the other's as well. All that is live is complete, and may be called a root.
        named = set(self.plan.merged_roots)
        skipped = int.from_bytes(os.urandom(8)) % max(1, draft.rows)
        more = (row.oid for row in chain(islice(rows(), skipped, None), rows()) if row.oid not in named)
        while True:
            another = set(islice(more, 1)) - named
            body = draft.body(sorted(named := named | another), packs)
            if body.name not in taken or not draft.rows:  # without rows it hides nothing if it is hidden itself
                return body
            if not another:
                return None

    def _rows(self) -> Iterator[RemoteRow]:
        """The rows of the merged index, in the order of oids."""
        moved = {row.oid: (made.ref.name, row.offset) for made in self.packs for row in made.rows}
        for row in merged_rows(self.plan, self._state, self._live):
            pack, offset = moved.get(row.oid, (row.pack, row.offset))
            yield row._replace(pack=pack, offset=offset)

    def _move_one_pack(self) -> None:
        """Copy what is live in the smallest pack into one that is like no other, and condemn the old one."""
        there = self._state.packs
        rows = [row for row in self._rows() if row.pack in there]
        ref = min((PackRef(row.pack, there[row.pack]) for row in rows), key=lambda ref: (ref.size, ref.name))
        copies = sorted([row for row in rows if row.pack == ref.name], key=lambda row: row.offset)
        with SILENT.task("copy") as task:
            self.packs += copy_frames(copies, there, self._storage, self._store, jobs=self._catalog.jobs, task=task)
        self.plan = replace(
            self.plan, copies=(*self.plan.copies, *copies), condemned_packs=(*self.plan.condemned_packs, ref)
        )

    def _due_lists(self) -> set[Oid]:
        lists = self._state.lists.items()
        return {name for name, one in lists if name in self._state.seen and one.due <= self.plan.now}

    def _check(self) -> None:
        if not list_contents(self._storage).is_unchanged_since(self._contents):
            raise RemoteChanged


def _restless(catalog: Catalog) -> RemoteError:
    return RemoteError(
        f"{catalog.storage.url} is being changed all the time",
        why="other clones collect garbage there at this moment",
        fix="try again later; nothing is lost",
    )
