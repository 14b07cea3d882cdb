"""Getting objects: what a want reaches and the store lacks comes from the remote's packs, verified frame by frame.

What was fetched before an interruption is kept, so that the next fetch gets only the rest.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from dver.core.errors import CorruptError, DverError, MissingObjectError, UsageError
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress
from dver.formats import tree
from dver.formats.pack import ObjectKind
from dver.formats.tree import Entry, Kind, Leaf, Sharded
from dver.remote.blobs import BlobGetter, is_large
from dver.remote.mirror import Mirror, RemoteFound
from dver.remote.pool import JOBS
from dver.remote.ranges import Frame, fetch_frames
from dver.remote.storage import MissingKey, Storage
from dver.store.closure import Missing, Root, find_missing, named, tree_reader, walk
from dver.store.compare import join
from dver.store.loose import LinkMode, can_reflink
from dver.store.store import Store
from dver.store.writer import LARGE, StoreWriter


@dataclass(frozen=True, slots=True)
class Want:
    """Tracked data to have: all of the object `oid`, called `path` in messages, or the place `sub` in it alone."""

    oid: Oid
    kind: ObjectKind
    path: bytes = b""
    size: int = 0
    sub: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """What a fetch would get. The trees it took to find out are in the store already."""

    roots: tuple[Root, ...] = ()
    blobs: tuple[RemoteFound, ...] = ()
    incomplete: bool = False
    """Is something wanted that cannot be had?"""
    damaged: frozenset[Oid] = frozenset()
    """Objects of which neither the store nor the remote has a good copy, as far as is known yet."""
    replaces: bool = False
    """Are there damaged objects in the store that will be replaced?"""
    trees: int = 0
    bytes_received: int = 0

    @property
    def objects(self) -> int:
        """How many objects are still to be got."""
        return len(self.blobs)

    @property
    def size(self) -> int:
        """Bytes that are still to be received, about."""
        return sum([one.stored_size for one in self.blobs])


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What a fetch got, trees included, and what it could not get. `bytes_received` has gaps between frames too."""

    objects: int = 0
    bytes_received: int = 0
    missing: tuple[Missing, ...] = ()
    """Neither in the store nor on the remote."""
    corrupt: tuple[Missing, ...] = ()
    """On the remote, but damaged there."""

    def error(self) -> DverError | None:
        """The error that tells of what could not be got; None if all was."""
        if self.corrupt:
            also = f"; {len(self.missing)} more are missing: {named(self.missing)}" if self.missing else ""
            return CorruptError(
                f"{len(self.corrupt)} objects on the remote are damaged: {named(self.corrupt)}{also}",
                why="their bytes do not match their hashes, so they were not taken; everything else was fetched",
                fix="`dver fetch -r` another remote, or restore the packs of this one from a backup",
            )
        if self.missing:
            return MissingObjectError(
                f"{len(self.missing)} objects are not on the remote: {named(self.missing)}",
                why="they were never pushed there, or were removed; everything else was fetched",
                fix="run `dver push` in a clone that has them, or `dver fetch -r` another remote",
            )
        return None


def plan_fetch(
    wants: Sequence[Want],
    store: Store,
    storage: Storage,
    mirror: Mirror,
    *,
    jobs: int = JOBS,
    damaged: Collection[Oid] = (),
) -> FetchPlan:
    """Find out what `wants` reach and the store lacks. Gets the trees it needs for that, and refreshes `mirror`, but
    sends no request at all if nothing is lacking.

    `damaged` are objects whose copy in the store is known to be bad: they count as absent. Raises UsageError for a
    `sub` that does not exist, RemoteError.
    """
    complete = set() if damaged else store.complete([want.oid for want in wants])
    pending = [want for want in wants if want.oid not in complete]
    if not pending:
        return FetchPlan()
    with StoreWriter(store) as writer:
        getter = _Trees(store, storage, mirror, writer, jobs, bad=set(damaged))
        roots = tuple(getter.resolve(want) for want in pending)
        blobs = tuple(getter.blobs_below(roots))
    return FetchPlan(
        roots,
        blobs,
        incomplete=getter.lost or bool(getter.bad),
        damaged=frozenset(getter.bad),
        replaces=bool(damaged),
        trees=getter.count,
        bytes_received=getter.received,
    )


def fetch(
    wants: Sequence[Want],
    store: Store,
    storage: Storage,
    mirror: Mirror,
    *,
    jobs: int = JOBS,
    progress: Progress = SILENT,
    link_mode: LinkMode = LinkMode.AUTO,
    damaged: Collection[Oid] = (),
) -> FetchResult:
    """Get what `wants` reach and the store lacks; see `plan_fetch`. What cannot be had is listed in the result.

    Raises UsageError, RemoteError; what came before stays in the store.
    """
    plan = plan_fetch(wants, store, storage, mirror, jobs=jobs, damaged=damaged)
    return fetch_planned(plan, store, storage, jobs=jobs, progress=progress, link_mode=link_mode)


def fetch_planned(
    plan: FetchPlan,
    store: Store,
    storage: Storage,
    *,
    jobs: int = JOBS,
    progress: Progress = SILENT,
    link_mode: LinkMode = LinkMode.AUTO,
) -> FetchResult:
    """Carry out `plan`."""
    done = FetchResult(plan.trees, plan.bytes_received)
    lost: Sequence[Missing] = ()
    bad = set(plan.damaged)
    if plan.blobs:
        # A loose copy would not be seen beside a damaged one in a pack.
        loose = not plan.replaces and _loose_pays(plan.blobs, store, link_mode)
        with progress.task("download", total=plan.size) as task, StoreWriter(store) as writer:
            getter = BlobGetter(storage, writer, jobs, task, loose)
            getter.get(plan.blobs)
        bad |= getter.bad
        done = FetchResult(plan.trees + getter.count, plan.bytes_received + getter.received)
    if plan.incomplete or done.objects < plan.trees + len(plan.blobs):
        lost = find_missing(plan.roots, tree_reader(store, set()), lambda _, oids: store.present(oids) - bad)
    if not lost:
        store.mark_complete([root.oid for root in plan.roots])
    missing, corrupt = (tuple(one for one in lost if (one.oid in bad) is wrong) for wrong in (False, True))
    return replace(done, missing=missing, corrupt=corrupt)


def _loose_pays(blobs: Sequence[RemoteFound], store: Store, mode: LinkMode) -> bool:
    """Should large blobs be kept loose: can the workspace share their disk space?"""
    if mode is LinkMode.COPY or not any(one.raw_size > LARGE for one in blobs):
        return False
    return mode.shares_file or can_reflink(store.scratch)


@dataclass(slots=True)
class _Trees:
    """Reads trees, from the store if it has them, else from the remote; these it keeps."""

    store: Store
    storage: Storage
    mirror: Mirror
    writer: StoreWriter
    jobs: int
    bad: set[Oid]
    """Objects of which no good copy was found yet."""
    count: int = 0
    received: int = 0
    lost: bool = False
    """Was there something that cannot be had?"""
    _refreshed: bool = False
    _on_the_way: dict[Oid, Leaf | Sharded] = field(default_factory=dict)

    def resolve(self, want: Want) -> Root:
        """The object at `want.sub`; the last one on the way to it that can be had, if that is not the whole way."""
        root = Root(want.oid, want.kind, want.path, want.size)
        for name in want.sub:
            if root.kind is not ObjectKind.TREE:
                raise _no_such(want)
            entry = self._entry(root.oid, name)
            if isinstance(entry, Oid):
                return root._replace(oid=entry)
            if entry is None:
                raise _no_such(want)
            kind = ObjectKind.TREE if entry.kind is Kind.DIRECTORY else ObjectKind.BLOB
            root = Root(entry.oid, kind, join(root.path, name), entry.size)
        return root

    def blobs_below(self, roots: Sequence[Root]) -> list[RemoteFound]:
        """Where the blobs lie that the store lacks. Sets `lost` if there are some that cannot be had."""
        lacking: list[Oid] = []
        pairs = [(root.oid, root.kind) for root in roots]
        for batch in walk(pairs, self.read, lambda _, oids: self._complete(oids)):
            if batch.kind is ObjectKind.BLOB:
                here = self.store.present(batch.oids) - self.bad
                lacking += [oid for oid in batch.oids if oid not in here]
        found = self._locate(lacking) if lacking else []
        self.bad.difference_update([one.oid for one in found])
        self.lost = self.lost or len(found) < len(lacking)
        return found

    def read(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Leaf | Sharded]]:
        """See `dver.store.closure.TreeReader`."""
        answered = set()
        good = [oid for oid in oids if oid not in self.bad]
        for oid, content in tree_reader(self.store, self.bad)(good):
            answered.add(oid)
            yield oid, content
        for oid in oids:
            if oid not in answered and oid in self._on_the_way:
                answered.add(oid)
                yield oid, self._on_the_way[oid]
        rest = [oid for oid in oids if oid not in answered]
        if rest:
            yield from self._from_remote(rest)

    def _complete(self, oids: Sequence[Oid]) -> set[Oid]:
        return set() if self.bad else self.store.complete(oids)

    def _from_remote(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Leaf | Sharded]]:
        found = [one for one in self._locate(oids) if not is_large(one)]
        lacking = set(oids)
        for oid, frame in fetch_frames(self.storage, found, jobs=self.jobs, received=self._receive):
            if isinstance(frame, MissingKey):
                continue
            content = _decoded(frame)
            if isinstance(frame, CorruptError) or content is None:
                self.bad.add(oid)
                continue
            lacking.discard(oid)
            self.bad.discard(oid)
            self.writer.add_frame(frame.row, frame.frame)
            self.count += 1
            yield oid, content
        self.lost = self.lost or bool(lacking)

    def _entry(self, oid: Oid, name: bytes) -> Entry | Oid | None:
        """The entry `name` of the directory `oid`; None if it has none; the oid of a tree that cannot be had."""
        found = self._read_one(oid)
        if isinstance(found, Sharded):
            oid = next((shard.oid for shard in reversed(found.shards) if shard.first <= name), found.shards[0].oid)
            found = self._read_one(oid)
        if found is None:
            return oid
        if isinstance(found, Sharded):
            raise CorruptError(f"tree {oid} is a shard that has shards")
        return next((entry for entry in found.entries if entry.name == name), None)

    def _read_one(self, oid: Oid) -> Leaf | Sharded | None:
        if oid not in self._on_the_way:
            self._on_the_way.update(self.read([oid]))
        return self._on_the_way.get(oid)

    def _locate(self, oids: Sequence[Oid]) -> list[RemoteFound]:
        if not self._refreshed:
            self.mirror.refresh(self.storage, jobs=self.jobs)
            self._refreshed = True
        return self.mirror.locate(oids)

    def _receive(self, size: int) -> None:
        self.received += size


def _decoded(frame: Frame | CorruptError) -> Leaf | Sharded | None:
    """The tree in `frame`; None for a frame that is damaged, or none of a tree."""
    if isinstance(frame, CorruptError):
        return None
    try:
        return tree.decode(frame.content)
    except CorruptError:
        return None


def _no_such(want: Want) -> UsageError:
    path = os.fsdecode(b"/".join((want.path, *want.sub)))
    return UsageError(f"{path!r} does not exist", why=f"{os.fsdecode(want.path)!r} has nothing of that name")
