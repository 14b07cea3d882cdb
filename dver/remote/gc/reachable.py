"""The objects that roots reach on a remote, with trees from the store or the remote and recipes from the remote."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from dver.core.errors import CorruptError, DverError
from dver.core.oid import Oid
from dver.formats import tree
from dver.formats.objectref import ObjectKey
from dver.formats.pack import ObjectKind
from dver.formats.recipe import Recipe
from dver.formats.tree import Leaf, Sharded
from dver.remote.gc.state import ObjectsByKind, RemoteRow, RemoteState
from dver.remote.packs.frame_download import FetchedFrame, fetch_frames
from dver.remote.storage import MissingKey, Storage
from dver.store.objects.bulk_reader import StoreReader
from dver.store.objects.codec import decode_recipe
from dver.store.store import Store
from dver.store.trees.reachable import walk

T = TypeVar("T")


class RemoteReachability:
    """Finds reachable objects. The locations of all trees and recipes on the remote are kept in memory."""

    def __init__(self, store: Store, storage: Storage, state: RemoteState, *, jobs: int) -> None:
        self._reader = RemoteReader(store, storage, state.packs, jobs=jobs)
        self._reader.add(state.rows())

    def of(self, roots: Iterable[ObjectKey], known: ObjectsByKind | None = None) -> ObjectsByKind:
        """The objects that `roots` reach, without those that `known` reaches, which is closed.

        Objects that neither the store nor the remote has reach nothing. Raises CorruptError for a damaged tree or
        recipe on the remote, MissingKey if its pack is gone, RemoteError.
        """
        found = ObjectsByKind()

        def skip(kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
            return set() if known is None else known.of(kind).intersection(oids)

        for batch in walk(roots, self._reader, skip):
            found.of(batch.kind).update(batch.oids)
        return found

    def with_kinds(self, roots: Iterable[Oid]) -> list[ObjectKey]:
        """The `roots` of indexes with their kinds, which indexes do not have."""
        return [(oid, self._reader.kind(oid)) for oid in roots]


class RemoteReader:
    """Reads trees from `store` or the remote, and recipes from the remote.

    `packs` are those on the remote. A `strict` reader raises an error if a tree or recipe on the remote is damaged, or
    its pack is gone. Other readers skip it.
    """

    def __init__(
        self, store: Store, storage: Storage, packs: Container[Oid], *, jobs: int, strict: bool = True
    ) -> None:
        self._store = store
        self._storage = storage
        self._packs = packs
        self._jobs = jobs
        self._strict = strict
        self._trees: dict[Oid, list[RemoteRow]] = {}
        self._recipes: dict[Oid, list[RemoteRow]] = {}

    def add(self, rows: Iterable[RemoteRow]) -> None:
        """Add the locations of the trees and recipes in `rows`."""
        for row in rows:
            if row.names_others and row.pack in self._packs:
                side = self._trees if row.kind is ObjectKind.TREE else self._recipes
                side.setdefault(row.oid, []).append(row)

    @property
    def chunked(self) -> list[Oid]:
        """The blobs that the remote has as recipes."""
        return sorted(self._recipes)

    def kind(self, oid: Oid) -> ObjectKind:
        """The kind of the object on the remote."""
        return ObjectKind.TREE if oid in self._trees else ObjectKind.BLOB

    def trees(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Leaf | Sharded]]:
        """See `dver.store.trees.reachable.Reader`."""
        missing = set(oids)
        for oid, here in StoreReader(self._store, set()).trees(oids):
            missing.discard(oid)
            yield oid, here
        failures: dict[Oid, DverError] = {}
        for row, content in self._frames(self._trees, [oid for oid in oids if oid in missing], failures, every=False):
            if (found := self._decoded(tree.decode, content)) is not None:
                yield row.oid, found
        self._refuse(failures)

    def recipes(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Recipe]]:
        """See `dver.store.trees.reachable.Reader`. A blob that was chunked in several ways keeps several recipes."""
        failures: dict[Oid, DverError] = {}
        for row, content in self._frames(self._recipes, oids, failures, every=True):
            if (found := self._decoded(partial(decode_recipe, row.row()), content)) is not None:
                yield row.oid, found
        self._refuse(failures)

    def _decoded(self, decode: Callable[[bytes], T], content: bytes) -> T | None:
        try:
            return decode(content)
        except CorruptError:
            if self._strict:
                raise
            return None

    def _frames(
        self, listed: dict[Oid, list[RemoteRow]], oids: Sequence[Oid], failures: dict[Oid, DverError], *, every: bool
    ) -> Iterator[tuple[RemoteRow, bytes]]:
        """The contents of `oids`, from their first good frame, or from `every` good frame.

        Objects without a good frame are added to `failures`.
        """
        wanted = {oid: _distinct_frames(listed[oid]) for oid in oids if oid in listed}
        good: set[Oid] = set()
        turn = 0
        while wanted:
            rows = {oid: places[turn] for oid, places in wanted.items() if turn < len(places)}
            found = sorted([row.found() for row in rows.values()])
            for oid, frame in fetch_frames(self._storage, found, jobs=self._jobs):
                if isinstance(frame, FetchedFrame):
                    good.add(oid)
                    yield rows[oid], frame.content
                elif oid not in good:
                    failures[oid] = frame
            turn += 1
            wanted = {oid: p for oid, p in wanted.items() if turn < len(p) and (every or oid not in good)}
        for oid in good:
            failures.pop(oid, None)

    def _refuse(self, failures: dict[Oid, DverError]) -> None:
        for oid, error in failures.items() if self._strict else ():
            if isinstance(error, MissingKey):
                raise error
            raise CorruptError(
                f"object {oid.short} on the remote is damaged, so the objects below it are unknown",
                why="a disk, the network or a program changed its bytes",
                fix="`dver fsck --remote --repair` restores it from a good copy, if there is one",
            )


def _distinct_frames(rows: Sequence[RemoteRow]) -> list[RemoteRow]:
    """One row for each frame, which several indexes may list."""
    return list({(row.pack, row.offset): row for row in rows}.values())
