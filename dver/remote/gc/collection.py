"""Garbage collection of a remote, without a lock, while other clones push, fetch and collect.

docs/format/remote.md lists the steps and the state after a crash at each of them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Final, Self

from dver.core.batches import batched
from dver.core.errors import MissingObjectError, RemoteError
from dver.core.oid import Oid
from dver.core.phrasing import count
from dver.core.progress import SILENT, Progress
from dver.formats.objectref import ObjectKey, ObjectRef
from dver.formats.remote_index import PackRef
from dver.remote.gc.plan import merged_rows, new_condemned_lists, plan
from dver.remote.gc.reachable import RemoteReachability
from dver.remote.gc.read_state import RemoteChanged, read_state
from dver.remote.gc.repack import UploadedPack, copy_frames
from dver.remote.gc.state import ObjectsByKind, RemoteGcPlan, RemoteRow, RemoteState, total_size
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
"""How often a gc is planned before it gives up because other clones change the remote."""
_AT_ONCE: Final = 500
"""Keys that are deleted between two checks of the condemned lists."""

Roots = Callable[[], Iterable[ObjectRef]]
"""Reads the roots of live objects from Git. It has to be called after the condemned lists were listed: then it knows
each push that ended before one of them was written."""

Results = Callable[[ObjectsByKind], Iterable[ObjectKey]]
"""The objects that describe live data, such as profiles: they live as long as it does."""


def no_results(live: ObjectsByKind) -> tuple[ObjectKey, ...]:
    """Nothing describes the data."""
    return ()


@dataclass(frozen=True, slots=True)
class PreparedGc:
    """A plan and its input."""

    plan: RemoteGcPlan
    contents: RemoteContents
    state: RemoteState
    live: ObjectsByKind


@dataclass(frozen=True, slots=True)
class RemoteGcResult:
    """The result of a gc, or of its plan. Sizes are in bytes."""

    condemned_packs: int = 0
    condemned_size: int = 0
    copied_size: int = 0
    """Live objects that were copied out of condemned packs."""
    deleted_packs: int = 0
    deleted_size: int = 0
    next_due: int | None = None
    """The time at which the first condemned object may be deleted, in Unix seconds; None if nothing is condemned."""

    @classmethod
    def of(cls, plan: RemoteGcPlan) -> Self:
        """The result once `plan` is carried out."""
        return cls(
            len(plan.condemned_packs),
            total_size(plan.condemned_packs),
            sum([row.stored_size for row in plan.copies]),
            len(plan.deleted_packs),
            total_size(plan.deleted_packs),
            plan.next_due,
        )


def prepare_remote_gc(
    roots: Roots,
    store: Store,
    catalog: Catalog,
    *,
    grace: int,
    now: Callable[[], float] = time.time,
    results: Results = no_results,
) -> PreparedGc:
    """Plan a gc without changing anything. `grace` is in seconds; `now` returns Unix seconds.

    Raises CorruptError or MissingObjectError for a live object that cannot be read on the remote; RemoteError.
    """
    for _ in range(TRIES - 1):
        # Another gc may be deleting at the moment. An object that is lost is missing at the last attempt, too.
        with suppress(RemoteChanged, MissingKey, MissingObjectError):
            return _prepare(roots, store, catalog, grace, now, results)
    try:
        return _prepare(roots, store, catalog, grace, now, results)
    except RemoteChanged:
        raise _unstable_error(catalog) from None


def remote_gc(
    roots: Roots,
    store: Store,
    catalog: Catalog,
    *,
    grace: int,
    now: Callable[[], float] = time.time,
    results: Results = no_results,
    progress: Progress = SILENT,
) -> RemoteGcResult:
    """Plan a gc and carry it out; see `prepare_remote_gc`. After a failure, the next gc completes it."""
    for _ in range(TRIES):
        prepared = prepare_remote_gc(roots, store, catalog, grace=grace, now=now, results=results)
        with suppress(RemoteChanged, MissingKey):
            return execute_remote_gc(prepared, store, catalog, progress=progress)
    raise _unstable_error(catalog)


def execute_remote_gc(
    prepared: PreparedGc, store: Store, catalog: Catalog, *, progress: Progress = SILENT
) -> RemoteGcResult:
    """Carry out a plan. Raises RemoteChanged if others have changed the remote since, RemoteError, CorruptError."""
    found = prepared.plan
    execution = _Execution(prepared, store, catalog)
    if not found.empty:
        with progress.task("copy", total=sum([row.stored_size for row in found.copies])) as task:
            storage, jobs = catalog.storage, catalog.jobs
            execution.packs = list(copy_frames(found.copies, storage, store, jobs=jobs, task=task))
        execution.merge()
        execution.condemn()
        execution.delete(progress)
        refresh_listing(catalog.storage)
        found = execution.plan
    return RemoteGcResult.of(found)


def _prepare(
    roots: Roots, store: Store, catalog: Catalog, grace: int, clock: Callable[[], float], results: Results
) -> PreparedGc:
    seen = list_contents(catalog.storage)
    now = int(clock())  # after the first request, whose answer tells the remote's time
    wanted = [(root.oid, root.kind) for root in roots()]
    contents, state = read_state(catalog.storage, seen, store, jobs=catalog.jobs)
    reach = RemoteReachability(store, catalog.storage, state, jobs=catalog.jobs)
    # Roots that are trees on the remote count as trees as well: the caller may not know, and this only keeps more.
    live = reach.of({*wanted, *reach.with_kinds([oid for oid, _ in wanted])})
    about = reach.of(results(live), live)
    live.trees.update(about.trees)
    live.blobs.update(about.blobs)
    reached = None
    if state.due(now):
        reached = reach.of(reach.with_kinds(_visible_roots(state)), live)
    found = plan(state, live, reached, now=now, grace=grace)
    if found.live_objects < len(live):
        _check_promises(reach, state, live)
    return PreparedGc(found, contents, state, live)


def _visible_roots(state: RemoteState) -> set[Oid]:
    return {root for index in state.visible for root in index.roots}


def _check_promises(reach: RemoteReachability, state: RemoteState, live: ObjectsByKind) -> None:
    """Check that the live objects that are not on the remote were never pushed, so that no index promises them."""
    promised = reach.of(reach.with_kinds(root for root in _visible_roots(state) if root in live))
    missing = promised.trees | promised.blobs
    for row in state.rows():
        missing.discard(row.oid)
    if missing:
        raise MissingObjectError(
            f"missing on the remote: {count(len(missing), 'object')} that Git's history needs",
            why=f"an index promises them, but indexes or packs were deleted by hand: object {min(missing).short}",
            fix="`dver push --all-commits` from a clone that has the data, then run `dver gc --remote` again",
        )


class _Execution:
    """Carries out one plan step by step. The step numbers are those of docs/format/remote.md."""

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
        """Steps 5 to 7: write the merged index. Raises RemoteChanged if others have changed the remote."""
        self._check()
        if not self.plan.merges:
            return
        with IndexWriter(self._store.scratch) as writer:
            body = self._merged_index(writer)
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
        """Steps 8 and 9: write new condemned lists, and old ones again without the freed packs."""
        for one in new_condemned_lists(self.plan):
            put_condemned_list(one, self._storage)
        for old, one in self.plan.restated:
            put_condemned_list(one, self._storage)
            self._storage.delete(condemned_key(old))

    def delete(self, progress: Progress) -> None:
        """Steps 10 to 12: delete due indexes and packs, and spent lists."""
        keys = [index_key(name) for name in self.plan.deleted_indexes]
        keys += [pack_key(ref.name) for ref in self.plan.deleted_packs]
        due = self._state.due(self.plan.now).keys()
        with progress.task("delete", total=len(keys), unit="objects") as task:
            for part in batched(keys, _AT_ONCE):
                if not due <= list_contents(self._storage).lists:
                    raise RemoteChanged
                for _ in in_parallel(self._storage.delete, part, jobs=self._catalog.jobs):
                    task.advance(1)
        for name in self.plan.deleted_lists:
            self._storage.delete(condemned_key(name))

    def _merged_index(self, writer: IndexWriter) -> IndexBody | None:
        """The merged index, with its rows written to `writer`. None if all its possible names are condemned."""
        sizes = {**self._state.packs, **{made.ref.name: made.ref.size for made in self.packs}}
        rows = self._rows
        names = sorted({row.pack for row in rows()})
        numbers = {name: number for number, name in enumerate(names)}
        writer.add(one.location(numbers) for one in rows())
        packs = [PackRef(name, sizes[name]) for name in names]
        taken = {index.name for index in self._state.indexes} | self._state.condemned
        # The name of a condemned index must not be used again. And two gcs must not write the same index, which one of
        # them may withdraw. So a random live object becomes one more root, which it may be, since it is complete.
        named = set(self.plan.merged_roots)
        skipped = int.from_bytes(os.urandom(8)) % max(1, writer.rows)
        more = (row.oid for row in chain(islice(rows(), skipped, None), rows()) if row.oid not in named)
        while True:
            another = set(islice(more, 1)) - named
            body = writer.body(sorted(named := named | another), packs)
            if body.name not in taken or not writer.rows:  # an index without rows may be hidden
                return body
            if not another:
                return None

    def _rows(self) -> Iterator[RemoteRow]:
        """The rows of the merged index, sorted by oid."""
        moved = {row.oid: (made.ref.name, row.offset) for made in self.packs for row in made.rows}
        for row in merged_rows(self.plan, self._state, self._live):
            pack, offset = moved.get(row.oid, (row.pack, row.offset))
            yield row._replace(pack=pack, offset=offset)

    def _move_one_pack(self) -> None:
        """Copy the live objects of the smallest pack to a new pack with a new name, and condemn the old one."""
        there = self._state.packs
        rows = [row for row in self._rows() if row.pack in there]
        ref = min((PackRef(row.pack, there[row.pack]) for row in rows), key=lambda ref: (ref.size, ref.name))
        copies = sorted([row for row in rows if row.pack == ref.name], key=lambda row: row.offset)
        with SILENT.task("copy") as task:
            self.packs += copy_frames(copies, self._storage, self._store, jobs=self._catalog.jobs, task=task)
        self.plan = replace(
            self.plan, copies=(*self.plan.copies, *copies), condemned_packs=(*self.plan.condemned_packs, ref)
        )

    def _check(self) -> None:
        if not list_contents(self._storage).is_unchanged_since(self._contents):
            raise RemoteChanged


def _unstable_error(catalog: Catalog) -> RemoteError:
    return RemoteError(
        f"{catalog.storage.url} changed again and again during the gc",
        why="other clones are running `dver gc --remote` at the same time",
        fix="run the same command again later",
    )
