"""What a remote holds, asked during a transfer: from what is known here, caught up with the remote first."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import NamedTuple, TypeVar

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import condemned, remote_index
from dver.formats.pack import ObjectKind
from dver.formats.remote_index import IndexHead, RemoteIndex
from dver.remote.index.contents import RemoteContents, list_contents
from dver.remote.index.keys import condemned_key, index_key
from dver.remote.index.mirror import Mirror, PartialIndex, RemoteLocation
from dver.remote.index.reader import copy_buckets, fetch_index
from dver.remote.parallel import JOBS, in_parallel
from dver.remote.storage import BytesBody, MissingKey, Storage

T = TypeVar("T")


class PublishedIndex(NamedTuple):
    """An index that was put. `size` is in bytes."""

    name: Oid
    size: int


class Catalog:
    """The indexes of the remote `storage`, of which `mirror` is the copy here. `jobs` transfers run at once."""

    def __init__(self, mirror: Mirror, storage: Storage, *, jobs: int = JOBS) -> None:
        self.mirror = mirror
        self.storage = storage
        self.jobs = jobs
        self.contents: RemoteContents = RemoteContents({}, frozenset(), {})
        """What the last `refresh` has seen of indexes and condemned lists. No answer given since relies on less: where
        an index vanishes meanwhile, this stays as it is, so that a pusher notices in the end.
        """
        self.condemned: frozenset[Oid] = frozenset()
        """What the condemned lists name: no new pack or index may be called so."""
        self._partials: list[PartialIndex] | None = None
        self._vanished = False
        """Was an index gone when it was to be read?"""
        self._generation: int | None = None
        """Of the mirror, when it was caught up with the remote."""

    def refresh(self) -> None:
        """Catch up with the remote: one list request, and what is new.

        Raises RemoteError; CorruptError for indexes and condemned lists that are damaged, once all others were read.
        """
        self.contents = self._catch_up()
        self.condemned = frozenset(name for names in self.mirror.condemned().values() for name in names)

    def state(self) -> frozenset[Oid]:
        """The indexes and condemned lists that are known: compared with earlier ones, they tell of changes."""
        return frozenset((*self.mirror.names(), *self.mirror.condemned()))

    def known(self, kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        """Those of `oids` that are there as a `kind`, with all that they reach, and that no gc has condemned."""
        return self._search(oids, lambda some: self.mirror.known(kind, some))

    def present(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that are there, whatever their kind, and that no gc has condemned."""
        return self._search(list(oids), self.mirror.present)

    def locate(self, oids: Iterable[Oid]) -> list[RemoteLocation]:
        """Where those of `oids` lie that are there, each once, by pack and offset; see `Mirror.locate`."""
        wanted = list(oids)
        if self._incomplete():
            self._search(wanted, self._listed)
        if self._vanished:  # a gc has just put indexes together
            self._catch_up()
            self._search(wanted, self._listed)
        return self._surely(lambda: self.mirror.locate(wanted))

    def has_roots(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that are there with all that they reach, as an index promises."""
        wanted = list(oids)
        return self._surely(lambda: self.mirror.has_roots(wanted))

    def publish(self, index: RemoteIndex, taken: Container[Oid] = ()) -> PublishedIndex | None:
        """Put `index` on the remote, whose packs are there. None, and nothing done, if its name is in `taken`."""
        content = remote_index.encode(index.roots, index.packs, index.objects)
        name = remote_index.name_of(content)
        if name in taken:
            return None
        self.storage.put(index_key(name), BytesBody(content))
        self.mirror.add(name, index, memoryview(content)[remote_index.head_size(content) :])
        return PublishedIndex(name, len(content))

    # -- looking up

    def _search(self, oids: Sequence[Oid], ask: Callable[[Sequence[Oid]], set[Oid]]) -> set[Oid]:
        """What `ask` finds of `oids` in the mirror. Where that is not all, large indexes are read as far as needed."""
        found = self._surely(lambda: ask(oids))
        for index in self._incomplete():
            rest = [oid for oid in oids if oid not in found]
            if not rest:
                break
            if self._look_up(rest, index):
                found |= self._surely(partial(ask, rest))
        return found

    def _surely(self, ask: Callable[[], T]) -> T:
        """What `ask` answers; once more if the mirror was lost over that, and had to be made anew."""
        found = ask()
        if self._generation is None or self._generation == self.mirror.generation:
            return found
        self._catch_up()
        return ask()

    def _look_up(self, oids: Sequence[Oid], index: PartialIndex) -> bool:
        """Copy what `index` says of `oids`; False if it is gone."""
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
        """The indexes of which only a part is here."""
        if self._partials is None:
            self._partials = self.mirror.partials()
        self._partials = [one for one in self._partials if not one.complete]
        return self._partials

    def _listed(self, oids: Iterable[Oid]) -> set[Oid]:
        return {found.oid for found in self.mirror.locate(oids)}

    # -- catching up

    def _catch_up(self) -> RemoteContents:
        """Make the mirror one of what is on the remote now, in a whole database."""
        while True:
            self._generation = self.mirror.generation
            shown = self._copy()
            if self._generation == self.mirror.generation:
                return shown

    def _copy(self) -> RemoteContents:
        shown = list_contents(self.storage)
        known = self.mirror.names()
        self.mirror.drop(known - shown.indexes.keys())
        self.mirror.drop_runs(self.mirror.run_batches() - shown.runs.keys())
        self._partials = None
        self._vanished = False
        damaged = self._read_indexes(sorted(shown.indexes.keys() - known), shown.indexes)
        self._read_lists(shown.lists)
        if damaged:
            raise self._damaged(damaged)
        return shown

    def _read_indexes(self, names: Sequence[Oid], sizes: Mapping[Oid, int]) -> list[Oid]:
        """Copy these indexes, or the heads of those that are large. Returns those that are damaged."""
        damaged = []

        def fetched(name: Oid) -> tuple[Oid, bytes | IndexHead | CorruptError | None]:
            try:
                return name, fetch_index(self.storage, index_key(name), sizes[name])
            except MissingKey:  # removed since it was listed
                return name, None
            except CorruptError as error:
                return name, error

        with closing(in_parallel(fetched, names, jobs=self.jobs)) as answers:
            for name, found in answers:
                try:
                    self._take(name, found)
                except CorruptError as error:
                    if error.fix:  # of a newer version: nothing is wrong with it
                        raise
                    damaged.append(name)
        return damaged

    def _take(self, name: Oid, found: bytes | IndexHead | CorruptError | None) -> None:
        """Note what was found under `name`. Raises CorruptError if that is not what the name stands for."""
        if isinstance(found, CorruptError):
            raise found
        if isinstance(found, IndexHead):
            if found.name != name:
                raise CorruptError("an index under the name of another")
            self.mirror.add_head(found)
        elif found is not None:
            self.mirror.add(name, remote_index.decode_named(name, found))

    def _read_lists(self, names: Iterable[Oid]) -> None:
        """Note what the condemned lists `names` say, which are all that there are."""
        known = self.mirror.condemned()
        self.mirror.note_condemned({one: known.get(one) or self._names_in(one) for one in sorted(names)})

    def _names_in(self, one: Oid) -> set[Oid]:
        """What the condemned list called `one` names."""
        try:
            content = self.storage.get(condemned_key(one), 0, condemned.SIZE_MAX + 1)
        except MissingKey:  # removed since it was listed
            return set()
        if Oid.of(content) != one:
            raise CorruptError(
                f"{condemned_key(one)} on {self.storage.url} is damaged",
                why="its bytes do not match its name",
                fix=f"delete it there: the next `dver gc --remote` writes another ({condemned_key(one)})",
            )
        found = condemned.decode(content)
        return {*found.packs, *found.indexes}

    def _damaged(self, names: Sequence[Oid]) -> CorruptError:
        keys = [index_key(name) for name in names]
        return CorruptError(
            f"{len(keys)} of the indexes on {self.storage.url} are damaged: {keys[0]}",
            why="their bytes do not match their name: the disk, the network or a program changed them",
            fix=f"delete them there, then `dver push` from a clone that has the data ({', '.join(keys)})",
        )
