"""What roots reach, for a gc of a remote: trees from the store or the remote, recipes from the remote alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from dver.core.errors import CorruptError, DverError
from dver.core.oid import Oid
from dver.formats import tree
from dver.formats.objectref import ObjectKey
from dver.formats.pack import ObjectKind
from dver.formats.recipe import Recipe
from dver.formats.tree import Leaf, Sharded
from dver.remote.gc.state import NeededObjects, RemoteRow, RemoteState
from dver.remote.packs.frame_ranges import FetchedFrame, fetch_frames
from dver.remote.storage import MissingKey, Storage
from dver.store.objects.codec import decode_recipe
from dver.store.objects.reader import StoreReader
from dver.store.store import Store
from dver.store.trees.reachable import walk

T = TypeVar("T")


class RemoteReachability:
    """Finds out what is needed. All that names other objects on the remote is looked up once, and kept in memory."""

    def __init__(self, store: Store, storage: Storage, state: RemoteState, *, jobs: int) -> None:
        self._reader = RemoteReader(store, storage, state.packs, jobs=jobs)
        self._reader.add(state.rows())

    def of(self, roots: Iterable[ObjectKey], known: NeededObjects | None = None) -> NeededObjects:
        """What `roots` reach, less what is in `known`, which is closed.

        What neither the store nor the remote has leads nowhere. Raises CorruptError for a tree or recipe that is on the
        remote and damaged, MissingObjectError if its pack is gone, RemoteError.
        """
        found = NeededObjects()

        def skip(kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
            if known is None:
                return set()
            return (known.trees if kind is ObjectKind.TREE else known.blobs).intersection(oids)

        for batch in walk(roots, self._reader, skip):
            (found.trees if batch.kind is ObjectKind.TREE else found.blobs).update(batch.oids)
        return found

    def named(self, roots: Iterable[Oid]) -> list[ObjectKey]:
        """The roots of indexes, with what they are, since indexes do not tell."""
        return [(oid, self._reader.kind(oid)) for oid in roots]


class RemoteReader:
    """Reads trees and recipes: trees from `store` or the remote, recipes from the remote alone.

    `sizes` are those of the packs that are there. One that is damaged on the remote, or whose pack is gone, ends a
    `strict` reader with an error; others leave it out.
    """

    def __init__(
        self, store: Store, storage: Storage, sizes: Mapping[Oid, int], *, jobs: int, strict: bool = True
    ) -> None:
        self._store = store
        self._storage = storage
        self._sizes = sizes
        self._jobs = jobs
        self._strict = strict
        self._trees: dict[Oid, list[RemoteRow]] = {}
        self._recipes: dict[Oid, list[RemoteRow]] = {}

    def add(self, rows: Iterable[RemoteRow]) -> None:
        """Read from `rows`, too, as far as they list trees and recipes."""
        for row in rows:
            if row.names_others and row.pack in self._sizes:
                side = self._trees if row.kind is ObjectKind.TREE else self._recipes
                side.setdefault(row.oid, []).append(row)

    @property
    def chunked(self) -> list[Oid]:
        """The blobs of which the remote has recipes."""
        return sorted(self._recipes)

    def kind(self, oid: Oid) -> ObjectKind:
        """What the object is on the remote."""
        return ObjectKind.TREE if oid in self._trees else ObjectKind.BLOB

    def trees(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Leaf | Sharded]]:
        """See `dver.store.trees.reachable.Reader`."""
        lacking = set(oids)
        for oid, here in StoreReader(self._store, set()).trees(oids):
            lacking.discard(oid)
            yield oid, here
        failures: dict[Oid, DverError] = {}
        for row, content in self._frames(self._trees, [oid for oid in oids if oid in lacking], failures, every=False):
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
        """The contents of `oids`, from the first place that has a good one, or from `every` one. What is good nowhere
        is in `failures` in the end.
        """
        wanted = {oid: _places(listed[oid]) for oid in oids if oid in listed}
        good: set[Oid] = set()
        turn = 0
        while wanted:
            rows = {oid: places[turn] for oid, places in wanted.items() if turn < len(places)}
            found = sorted([row.found(self._sizes[row.pack]) for row in rows.values()])
            for oid, frame in fetch_frames(self._storage, found, jobs=self._jobs, received=_ignore):
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
                f"object {oid.short} on the remote is damaged, so what it names cannot be known, and nothing was"
                " collected",
                why="the disk, the network or a program changed its bytes",
                fix="`dver fsck --remote --repair` puts a good copy there, if there is one",
            )


def _places(rows: Sequence[RemoteRow]) -> list[RemoteRow]:
    """One row for each frame: several indexes may list it."""
    return list({(row.pack, row.offset): row for row in rows}.values())


def _ignore(size: int) -> None:
    """Nobody asks how much was read."""
