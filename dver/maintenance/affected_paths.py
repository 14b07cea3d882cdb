"""Whom a bad object hurts: the paths of tracked data that need it, and the commits that these are in."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from dver.core.errors import ConflictError, CorruptError, RepositoryError
from dver.core.oid import Oid
from dver.formats.lock_versions import LockVersions
from dver.formats.objectref import ObjectKey, ObjectRef
from dver.formats.pack import ObjectKind
from dver.formats.tree import Kind, Leaf, Sharded
from dver.git import pointers, revisions
from dver.git.history.commit_names import NamedCommits, commits_with, name_commits
from dver.git.history.gc_roots import GitRoots, read_pointer_blobs, read_roots
from dver.git.pointers import PointerFile
from dver.repo import Repository
from dver.store.trees.compare import join
from dver.store.trees.reachable import BATCH
from dver.tracking.targets import data_named_by

PATHS: Final = 20
"""Paths that are named for one object in one version before they are only counted."""

TreeReader = Callable[[Sequence[Oid]], Iterable[tuple[Oid, Leaf | Sharded]]]


@dataclass(frozen=True, slots=True)
class TrackedVersion:
    """A pointer, or an output in a lock, somewhere in the history or the workspace. `blobs` are ids in Git."""

    path: bytes
    """Of the pointer or lock file."""
    blobs: tuple[str, ...]
    """The versions of that file which say so: several ones of a lock."""
    root: ObjectRef
    """What it points at."""


@dataclass(frozen=True, slots=True)
class AffectedPath:
    """A path that needs an object, and the commits in which it does. `here` is set for the pointer on disk."""

    path: bytes
    commits: NamedCommits
    below: bool = False
    """Is all below the path hurt, since its list is the object?"""
    here: bool = False


@dataclass(frozen=True, slots=True)
class UnreadablePointer:
    """A pointer or lock that cannot be read."""

    path: bytes
    why: str
    commits: NamedCommits
    here: bool = False


@dataclass(slots=True)
class TrackedHistory:
    """Every pointer and lock that this clone may need."""

    commits: list[revisions.CommitId]
    versions: list[TrackedVersion]
    here: frozenset[tuple[bytes, str]]
    """Those on disk or in the index."""
    malformed: list[tuple[bytes, str, str]] = field(default_factory=list)
    """Path, blob in Git, and why it cannot be read."""
    warnings: tuple[str, ...] = ()
    """What could not be looked at, and why."""

    @property
    def roots(self) -> list[ObjectRef]:
        """What all of them point at, each object once."""
        return list({(one.root.oid, one.root.kind): one.root for one in reversed(self.versions)}.values())


def history(repo: Repository) -> TrackedHistory:
    """The pointers of all that Git keeps: refs, reflogs, what is in progress, and every worktree's index and files.

    Where a part of that cannot be read, `warnings` says so. Raises CorruptError, RepositoryError where Git is damaged.
    """
    warnings: tuple[str, ...] = ()
    try:
        roots = read_roots(repo.git)
        commits, others, files = list(roots.commits), roots.blobs, _in_worktrees(repo, roots)
    except RepositoryError as error:
        warnings = (f"{error.what}: {error.why}" if error.why else error.what,)
        commits, others, files = revisions.commits(repo.git, all_commits=True), {}, {}
    scan = pointers.scan_pointers(repo.git)
    files.update({(path, one.blob): one.content for path, one in scan.worktree.items() if one.content is not None})
    here = {(path, blob) for side in (scan.index, scan.worktree) for path, one in side.items() for blob in _blobs(one)}
    past = pointers.pointers_of_commits(repo.git, commits)
    asked = {(path, blob) for path, ids in past.items() for blob in ids} | here | files.keys()
    seen = {blob for _, blob in asked}
    asked |= {(path, blob) for blob, path in others.items() if blob not in seen}
    on_disk = {blob: content for (_, blob), content in files.items()}
    wanted = {blob: path for path, blob in asked if blob not in on_disk}
    found = TrackedHistory(commits, [], frozenset(here), warnings=warnings)
    places: dict[str, list[bytes]] = {}
    for path, blob in sorted(asked):
        places.setdefault(blob, []).append(path)
    _decode_all(repo, found, places, chain(on_disk.items(), read_pointer_blobs(repo.git, wanted)))
    return found


def _in_worktrees(repo: Repository, roots: GitRoots) -> dict[tuple[bytes, str], bytes]:
    """The pointer files of all worktrees, by path and blob, with their contents."""
    folders = sorted(map(os.fsencode, roots.folders), key=len, reverse=True)
    found = {}
    for file, content in roots.files.items():
        path = os.fsencode(file)
        top = next((folder for folder in folders if path.startswith(folder + b"/")), b"")
        found[path[len(top) + 1 :], pointers.blob_id(repo.git, content)] = content
    return found


def _decode_all(
    repo: Repository, found: TrackedHistory, places: dict[str, list[bytes]], contents: Iterable[tuple[str, bytes]]
) -> None:
    """Read all files that are at `places`, by blob, into `found`."""
    locks = LockVersions()
    versions: dict[tuple[bytes, ObjectRef], list[str]] = {}
    for blob, content in contents:
        for path in places.pop(blob, ()):
            try:
                for one in data_named_by(repo, path, blob, content, locks.decode):
                    root = one.ref
                    versions.setdefault((path, root), []).append(blob)
            except ConflictError as error:  # a merge that is not finished is no damage
                if (path, blob) not in found.here:
                    found.malformed.append((path, blob, error.why or error.what))
            except CorruptError as error:
                found.malformed.append((path, blob, error.why or error.what))
    found.malformed += [
        (path, blob, "it is larger than any pointer") for blob, paths in places.items() for path in paths
    ]
    found.malformed.sort()
    found.versions += [
        TrackedVersion(path, tuple(blobs), root) for (path, root), blobs in sorted(versions.items(), key=_place)
    ]


def _place(version: tuple[tuple[bytes, ObjectRef], list[str]]) -> tuple[bytes, bytes, Oid]:
    (path, root), _ = version
    return path, root.path, root.oid


def malformed(repo: Repository, found: TrackedHistory) -> tuple[UnreadablePointer, ...]:
    """The pointers that cannot be read, and where they are."""
    keys = [(path, blob) for path, blob, _ in found.malformed]
    names = _named(repo, found, keys)
    return tuple(
        UnreadablePointer(path, why, names[path, blob], (path, blob) in found.here)
        for path, blob, why in found.malformed
    )


def find_affected_paths(
    repo: Repository, found: TrackedHistory, bad: frozenset[Oid], via: Mapping[Oid, set[Oid]], read: TreeReader
) -> dict[Oid, list[AffectedPath]]:
    """Whom each of the `bad` objects hurts. `via` has the blobs that are made of bad chunks, with these; `read` is
    asked for trees, many at a time, and need not answer with all."""
    if not bad:
        return {}
    graph = _Graph(bad, via)
    graph.load([(one.root.oid, one.root.kind) for one in found.versions], read)
    hurts = [(one, path, oid) for one in found.versions for path, oid in graph.paths_below(one.root)]
    names = _commits_of(repo, found, {one for one, _, _ in hurts})
    by_oid: dict[Oid, dict[tuple[bytes, NamedCommits], AffectedPath]] = defaultdict(dict)
    for one, path, oid in hurts:
        commits, known = names[one], by_oid[oid]
        before = known.get((path, commits))
        here = any((one.path, blob) in found.here for blob in one.blobs) or (before is not None and before.here)
        known[path, commits] = AffectedPath(path, commits, graph.is_tree(oid), here)
    return {oid: list(listed.values()) for oid, listed in by_oid.items()}


def _blobs(one: PointerFile) -> Iterator[str]:
    yield one.blob
    yield from one.sides.values()


def _named(
    repo: Repository, found: TrackedHistory, keys: Iterable[tuple[bytes, str]]
) -> dict[tuple[bytes, str], NamedCommits]:
    return name_commits(repo.git, commits_with(repo.git, found.commits, keys))


def _commits_of(
    repo: Repository, found: TrackedHistory, versions: Iterable[TrackedVersion]
) -> dict[TrackedVersion, NamedCommits]:
    """What people call the commits that have each of the versions."""
    listed = list(versions)
    commits = commits_with(repo.git, found.commits, {(one.path, blob) for one in listed for blob in one.blobs})
    groups = {
        one: list(dict.fromkeys(each for blob in one.blobs for each in commits[one.path, blob])) for one in listed
    }
    order = {commit: at for at, commit in enumerate(found.commits)}
    return name_commits(repo.git, {one: sorted(group, key=order.__getitem__) for one, group in groups.items()})


class _Graph:
    """The trees below some roots, as far as they may lead to bad objects."""

    def __init__(self, bad: frozenset[Oid], via: Mapping[Oid, set[Oid]]) -> None:
        self._bad = bad
        self._via = via
        self._below: dict[Oid, list[tuple[bytes, Oid, bool]]] = {}
        """For each tree its directories, and its files that are bad; a shard has no name."""
        self._trees: set[Oid] = set()
        self._hot: dict[Oid, bool] = {}

    def is_tree(self, oid: Oid) -> bool:
        """Was `oid` met as a tree?"""
        return oid in self._trees

    def load(self, roots: Iterable[ObjectKey], read: TreeReader) -> None:
        """Read all trees that the roots reach."""
        level = list(dict.fromkeys(oid for oid, kind in roots if kind is ObjectKind.TREE))
        while level:
            self._trees.update(level)
            below: list[Oid] = []
            for start in range(0, len(level), BATCH):
                for oid, tree in read([one for one in level[start : start + BATCH] if one not in self._bad]):
                    children = list(self._children(tree))
                    self._below[oid] = children
                    below += [child for _, child, is_tree in children if is_tree]
            level = [oid for oid in dict.fromkeys(below) if oid not in self._trees]

    def paths_below(self, root: ObjectRef) -> Iterator[tuple[bytes, Oid]]:
        """The paths at or below `root` that need a bad object, and the object; at most PATHS for each object."""
        counts: dict[Oid, int] = defaultdict(int)
        stack = [(root.path, root.oid, root.kind is ObjectKind.TREE)]
        while stack:
            path, oid, is_tree = stack.pop()
            for one in self._costs(oid):
                counts[one] += 1
                if counts[one] <= PATHS:
                    yield path, one
            if is_tree:
                below = self._below.get(oid, ())
                stack += [
                    (join(path, name) if name else path, child, tree)
                    for name, child, tree in reversed(below)
                    if not tree or self._is_hot(child)
                ]

    def _costs(self, oid: Oid) -> Iterator[Oid]:
        if oid in self._bad:
            yield oid
        yield from sorted(self._via.get(oid, ()))

    def _is_hot(self, top: Oid) -> bool:
        """Is there anything bad in or below a tree?"""
        stack = [top]
        while stack:
            oid = stack[-1]
            if oid in self._hot:
                stack.pop()
                continue
            below = self._below.get(oid, ())
            unknown = [child for _, child, tree in below if tree and child not in self._hot]
            if unknown:
                stack += unknown
                continue
            self._hot[oid] = oid in self._bad or any(not tree or self._hot[child] for _, child, tree in below)
            stack.pop()
        return self._hot[top]

    def _children(self, tree: Leaf | Sharded) -> Iterator[tuple[bytes, Oid, bool]]:
        if isinstance(tree, Sharded):
            yield from ((b"", shard.oid, True) for shard in tree.shards)
            return
        for entry in tree.entries:
            if entry.kind is Kind.DIRECTORY:
                yield entry.name, entry.oid, True
            elif entry.oid in self._bad or entry.oid in self._via:
                yield entry.name, entry.oid, False
