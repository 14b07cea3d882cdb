"""The catalog of a remote: finds objects, roots and packs by the indexes of the remote, during a transfer."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import NamedTuple, TypeVar

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.core.phrasing import count
from dver.formats import remote_index
from dver.formats.pack import ObjectKind
from dver.formats.remote_index import IndexHead, RemoteIndex
from dver.remote.index.condemned_lists import read_condemned_list
from dver.remote.index.contents import RemoteContents, list_contents
from dver.remote.index.keys import index_key
from dver.remote.index.mirror import Mirror, PartialIndex, RemoteLocation
from dver.remote.index.reader import copy_buckets, fetch_index
from dver.remote.parallel import JOBS, in_parallel
from dver.remote.storage import BytesBody, MissingKey, Storage

T = TypeVar("T")


class PublishedIndex(NamedTuple):
    """An index that was uploaded. `size` is in bytes."""

    name: Oid
    size: int


class Catalog:
    """The indexes of the remote `storage`, answered from their local copy `mirror`.

    Rows of large indexes are downloaded when they are needed. `jobs` is the number of parallel transfers.
    """

    def __init__(self, mirror: Mirror, storage: Storage, *, jobs: int = JOBS) -> None:
        self.mirror = mirror
        self.storage = storage
        self.jobs = jobs
        self.contents: RemoteContents = RemoteContents({}, frozenset(), {})
        """The contents of the remote at the last `refresh`. They stay the same if an index vanishes later, so that a
        push notices the change when it compares.
        """
        self.condemned: frozenset[Oid] = frozenset()
        """The names in condemned lists. New packs and indexes must have other names."""
        self._partials: list[PartialIndex] | None = None
        self._vanished = False
        """True if an index was gone when it was to be read."""
        self._generation: int | None = None
        """The generation of the mirror at the last refresh."""

    def refresh(self) -> None:
        """Update the mirror: one list request, and the download of new indexes and condemned lists.

        Raises RemoteError; CorruptError for damaged indexes and lists, after all others were read.
        """
        self.contents = self._update_mirror()
        self.condemned = frozenset(name for names in self.mirror.condemned().values() for name in names)

    def state(self) -> frozenset[Oid]:
        """The names of all known indexes and condemned lists. A different state means that the remote has changed."""
        return frozenset((*self.mirror.names(), *self.mirror.condemned()))

    def known(self, kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        """Those of `oids` that the remote has as a `kind`, with all that they reach, and that are not condemned."""
        return self._search(oids, lambda part: self.mirror.known(kind, part))

    def present(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that the remote has as any kind, and that are not condemned."""
        return self._search(list(oids), self.mirror.present)

    def locate(self, oids: Iterable[Oid]) -> list[RemoteLocation]:
        """The locations of those of `oids` that the remote has, each once, by pack and offset; see `Mirror.locate`."""
        wanted = list(oids)
        if self._incomplete():
            self._search(wanted, self._listed)
        if self._vanished:  # a gc has just merged indexes
            self._update_mirror()
            self._search(wanted, self._listed)
        return self._retried(lambda: self.mirror.locate(wanted))

    def has_roots(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that an index names as a root: the remote has them with all that they reach."""
        wanted = list(oids)
        return self._retried(lambda: self.mirror.has_roots(wanted))

    def publish(self, index: RemoteIndex, taken: Container[Oid] = ()) -> PublishedIndex | None:
        """Upload `index`, whose packs are on the remote. Returns None without an upload if its name is in `taken`."""
        content = remote_index.encode(index.roots, index.packs, index.objects)
        name = remote_index.name_of(content)
        if name in taken:
            return None
        self.storage.put(index_key(name), BytesBody(content))
        self.mirror.add(name, index, memoryview(content)[remote_index.head_size(content) :])
        return PublishedIndex(name, len(content))

    # -- rows of large indexes

    def _search(self, oids: Sequence[Oid], query: Callable[[Sequence[Oid]], set[Oid]]) -> set[Oid]:
        """Query the mirror for `oids`. If some are not found, read more rows of large indexes and query again."""
        found = self._retried(lambda: query(oids))
        for index in self._incomplete():
            rest = [oid for oid in oids if oid not in found]
            if not rest:
                break
            if self._copy_rows(rest, index):
                found |= self._retried(partial(query, rest))
        return found

    def _retried(self, query: Callable[[], T]) -> T:
        """The answer of `query`, from a second try if the database broke and had to be filled again."""
        found = query()
        if self._generation is None or self._generation == self.mirror.generation:
            return found
        self._update_mirror()
        return query()

    def _copy_rows(self, oids: Sequence[Oid], index: PartialIndex) -> bool:
        """Copy the rows of `oids` in `index` into the mirror. Returns False if the index is gone."""
        try:
            copy_buckets(oids, index, self.mirror, self.storage, jobs=self.jobs)
        except MissingKey:
            self.mirror.drop([index.head.name])
            self._partials = None
            self._vanished = True
            return False
        except CorruptError as error:
            raise error if error.fix else self._damaged([index.head.name]) from error
        return True

    def _incomplete(self) -> list[PartialIndex]:
        """The indexes of which the mirror has only a part."""
        if self._partials is None:
            self._partials = self.mirror.partials()
        self._partials = [one for one in self._partials if not one.complete]
        return self._partials

    def _listed(self, oids: Iterable[Oid]) -> set[Oid]:
        return {found.oid for found in self.mirror.locate(oids)}

    # -- updates of the mirror

    def _update_mirror(self) -> RemoteContents:
        """Copy new indexes and lists, and drop those that are gone; again if the database breaks meanwhile."""
        while True:
            self._generation = self.mirror.generation
            contents = self._copy_new()
            if self._generation == self.mirror.generation:
                return contents

    def _copy_new(self) -> RemoteContents:
        contents = list_contents(self.storage)
        known = self.mirror.names()
        self.mirror.drop(known - contents.indexes.keys())
        self.mirror.drop_runs(self.mirror.run_batches() - contents.runs.keys())
        self._partials = None
        self._vanished = False
        damaged = self._read_indexes(sorted(contents.indexes.keys() - known), contents.indexes)
        self._read_lists(contents.lists)
        if damaged:
            raise self._damaged(damaged)
        return contents

    def _read_indexes(self, names: Sequence[Oid], sizes: Mapping[Oid, int]) -> list[Oid]:
        """Copy the indexes `names`, of large ones only the heads. Returns the names of damaged ones."""
        damaged = []

        def fetched(name: Oid) -> tuple[Oid, bytes | IndexHead | CorruptError | None]:
            try:
                return name, fetch_index(self.storage, index_key(name), sizes[name])
            except MissingKey:  # deleted since it was listed
                return name, None
            except CorruptError as error:
                return name, error

        with closing(in_parallel(fetched, names, jobs=self.jobs)) as answers:
            for name, found in answers:
                try:
                    self._add_index(name, found)
                except CorruptError as error:
                    if error.fix:  # of a newer version: nothing is wrong with it
                        raise
                    damaged.append(name)
        return damaged

    def _add_index(self, name: Oid, found: bytes | IndexHead | CorruptError | None) -> None:
        """Add the index `name` to the mirror. Raises CorruptError if its bytes do not match its name."""
        if isinstance(found, CorruptError):
            raise found
        if isinstance(found, IndexHead):
            if found.name != name:
                raise CorruptError("an index under the name of another")
            self.mirror.add_head(found)
        elif found is not None:
            self.mirror.add(name, remote_index.decode_named(name, found))

    def _read_lists(self, names: Iterable[Oid]) -> None:
        """Copy the condemned lists `names`. The mirror forgets all others."""
        known = self.mirror.condemned()
        self.mirror.set_condemned({name: known.get(name) or self._condemned_by(name) for name in sorted(names)})

    def _condemned_by(self, name: Oid) -> set[Oid]:
        """The packs and indexes in the condemned list `name`."""
        try:
            found = read_condemned_list(self.storage, name)
        except MissingKey:  # deleted since it was listed
            return set()
        return {*found.packs, *found.indexes}

    def _damaged(self, names: Sequence[Oid]) -> CorruptError:
        keys = [index_key(name) for name in names]
        return CorruptError(
            f"{count(len(keys), 'index', 'indexes')} on {self.storage.url} damaged: {keys[0]}",
            why="the bytes do not match the name: a disk, the network or a program changed them",
            fix="`dver fsck --remote --repair`, in a clone that has the data",
        )
