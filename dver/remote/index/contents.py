"""What one list request says about a remote: its indexes, condemned lists, batches of runs and repository entries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dver.core.oid import Oid
from dver.remote.index.keys import CONDEMNED_SUFFIX, INDEXES, REPOSITORY_SUFFIX, RUNS_SUFFIX, parse_index_key, parse_key
from dver.remote.storage import ObjectInfo, Storage


class RemoteContents(NamedTuple):
    """Sizes of indexes in bytes, names of condemned lists, sizes of batches of runs, names of repository entries."""

    indexes: dict[Oid, int]
    lists: frozenset[Oid]
    runs: dict[Oid, int]
    repositories: frozenset[Oid] = frozenset()

    def is_unchanged_since(self, earlier: RemoteContents) -> bool:
        """Has no gc changed anything since `earlier`? Indexes that were added do not matter."""
        return self.lists == earlier.lists and self.indexes.keys() >= earlier.indexes.keys()


def list_contents(storage: Storage) -> RemoteContents:
    """List `indexes/`. Raises RemoteError."""
    return contents_of(storage.list(INDEXES))


def contents_of(infos: Iterable[ObjectInfo]) -> RemoteContents:
    """The same of what a list request has answered."""
    indexes: dict[Oid, int] = {}
    lists: set[Oid] = set()
    runs: dict[Oid, int] = {}
    repositories: set[Oid] = set()
    for info in infos:
        if (name := parse_index_key(info.key)) is not None:
            indexes[name] = info.size
        elif (name := parse_key(info.key, INDEXES, CONDEMNED_SUFFIX)) is not None:
            lists.add(name)
        elif (name := parse_key(info.key, INDEXES, RUNS_SUFFIX)) is not None:
            runs[name] = info.size
        elif (name := parse_key(info.key, INDEXES, REPOSITORY_SUFFIX)) is not None:
            repositories.add(name)
    return RemoteContents(indexes, frozenset(lists), runs, frozenset(repositories))
