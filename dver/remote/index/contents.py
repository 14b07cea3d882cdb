"""The contents of `indexes/` on a remote: indexes, condemned lists, run cache batches and repository entries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dver.core.oid import Oid
from dver.remote.index.keys import CONDEMNED_SUFFIX, INDEX_SUFFIX, INDEXES, REPOSITORY_SUFFIX, RUNS_SUFFIX, parse_key
from dver.remote.storage import ObjectInfo, Storage


class RemoteContents(NamedTuple):
    """The names that one list request shows; of indexes and run cache batches also the sizes in bytes."""

    indexes: dict[Oid, int]
    lists: frozenset[Oid]
    """Condemned lists."""
    runs: dict[Oid, int]
    repositories: frozenset[Oid] = frozenset()

    def is_unchanged_since(self, earlier: RemoteContents) -> bool:
        """True if no gc has changed the remote since `earlier`. Added indexes do not matter."""
        return self.lists == earlier.lists and self.indexes.keys() >= earlier.indexes.keys()


def list_contents(storage: Storage) -> RemoteContents:
    """List `indexes/`. Raises RemoteError."""
    return contents_of(storage.list(INDEXES))


def contents_of(infos: Iterable[ObjectInfo]) -> RemoteContents:
    """The contents that the answer `infos` of a list request shows."""
    suffixes = (INDEX_SUFFIX, CONDEMNED_SUFFIX, RUNS_SUFFIX, REPOSITORY_SUFFIX)
    found: dict[str, dict[Oid, int]] = {suffix: {} for suffix in suffixes}
    for info in infos:
        for suffix in suffixes:
            if (name := parse_key(info.key, INDEXES, suffix)) is not None:
                found[suffix][name] = info.size
    indexes, lists, runs, repositories = found.values()
    return RemoteContents(indexes, frozenset(lists), runs, frozenset(repositories))
