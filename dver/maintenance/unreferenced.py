"""Naming unreferenced data: by the paths and commits that had it, or by its own file names."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Final

from dver.core.batches import batched
from dver.core.errors import ConflictError, CorruptError, RepositoryError
from dver.core.oid import Oid
from dver.formats.lock_versions import LockVersions
from dver.formats.objectref import ObjectKey
from dver.formats.pack import ObjectKind
from dver.formats.tree import Leaf
from dver.git.git_repo import CommitId
from dver.git.history.gc_roots import last_uses, read_pointer_blobs, unreachable_commits
from dver.repo import Repository
from dver.store.gc.collection import Inventory, dead_objects
from dver.store.objects.bulk_reader import StoreReader
from dver.store.store import Store
from dver.store.trees.reachable import BATCH, children, walk
from dver.tracking.targets import TrackedData, data_named_by

SAMPLE: Final = 5
"""The number of file names that describe a directory."""


@dataclass(frozen=True, slots=True)
class UnreferencedData:
    """An unreferenced file or directory, with its path or names if they are known."""

    oid: Oid
    kind: ObjectKind
    size: int
    """Bytes of content. Other data may reference a part of it, which stays."""
    path: bytes | None = None
    """Its path in a pointer or lock."""
    commit: str | None = None
    """The last commit that had it. Git has not deleted that commit yet."""
    names: tuple[bytes, ...] = ()
    """Some file names of a directory that is in no commit."""


def name_unreferenced(
    repo: Repository, needed: Sequence[CommitId], inventory: Inventory, live: Container[Oid]
) -> tuple[UnreferencedData, ...]:
    """The objects that are not `live`, as the outermost files and directories. `needed` are the reachable commits."""
    dead = {row.oid: (row.kind, row.raw_size) for row in dead_objects(repo.store, inventory, live)}
    dead.update((oid, (ObjectKind.BLOB, repo.store.loose.size([oid]))) for oid in inventory.loose if oid not in live)
    named = {one.oid: one for one in _by_commits(repo, needed) if one.oid in dead}
    below = _below(repo.store, [(one.oid, one.kind) for one in named.values()])
    rest = {oid: dead[oid] for oid in dead.keys() - below - named.keys()}
    outermost = _outermost(repo.store, rest)
    unnamed = [_described(repo.store, oid, *rest[oid]) for oid in sorted(outermost)]
    found = [*named.values(), *unnamed]
    return tuple(sorted(found, key=lambda one: (one.path is None, one.path or b"", -one.size, one.oid)))


def _by_commits(repo: Repository, needed: Sequence[CommitId]) -> Iterable[UnreferencedData]:
    """The data in pointers and locks of unreachable commits, the newest first."""
    uses = last_uses(repo.git, unreachable_commits(repo.git, needed))
    locks = LockVersions()
    named: dict[str, list[TrackedData]] = {}
    try:
        paths = {blob: path for path, blob in uses}
        for blob, content in read_pointer_blobs(repo.git, paths):
            with suppress(CorruptError, ConflictError):
                named[blob] = data_named_by(repo, paths[blob], blob, content, locks.decode)
    except RepositoryError:  # Git may delete these commits at any time, and only names depend on them
        return
    for (_, blob), commit in uses.items():
        for one in named.get(blob, ()):
            yield UnreferencedData(one.pointer.oid, one.pointer.kind, one.pointer.size, one.path, commit)


def _below(store: Store, roots: Collection[ObjectKey]) -> set[Oid]:
    reader = StoreReader(store, damaged=set())
    return {oid for batch in walk(roots, reader, lambda _, __: set()) for oid in batch.oids}


def _outermost(store: Store, dead: dict[Oid, tuple[ObjectKind, int]]) -> set[Oid]:
    """Those of `dead` that no other one contains."""
    reader = StoreReader(store, damaged=set())
    found = set(dead)
    for batch in batched([oid for oid, (kind, _) in dead.items() if kind is ObjectKind.TREE], BATCH):
        for _, tree in reader.trees(batch):
            found.difference_update(chain.from_iterable(children(tree)))
    for batch in batched([oid for oid, (kind, _) in dead.items() if kind is ObjectKind.BLOB], BATCH):
        for _, recipe in reader.recipes(batch):
            found.difference_update(recipe.oids)
    return found


def _described(store: Store, oid: Oid, kind: ObjectKind, size: int) -> UnreferencedData:
    if kind is ObjectKind.TREE:
        for _, tree in StoreReader(store, damaged=set()).trees([oid]):
            if isinstance(tree, Leaf):
                total = sum([entry.size for entry in tree.entries])
                names = tuple(entry.name for entry in tree.entries[:SAMPLE])
                return UnreferencedData(oid, kind, total, names=names)
            return UnreferencedData(oid, kind, sum([shard.size for shard in tree.shards]))
    return UnreferencedData(oid, kind, size)
