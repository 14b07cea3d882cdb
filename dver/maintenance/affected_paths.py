"""The tracked paths that need an object, and the commits that have them: the effect of a corrupt object."""

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
from dver.git.git_repo import CommitId, GitRepo
from dver.git.history.commit_names import NamedCommits, commits_with, name_commits
from dver.git.history.gc_roots import GitRoots, read_pointer_blobs, read_roots
from dver.git.pointers import PointerFile
from dver.profile_cache.kept_objects import KeptObject
from dver.repo import Repository
from dver.store.trees.compare import join
from dver.store.trees.reachable import BATCH
from dver.tracking.targets import data_named_by

PATHS: Final = 20
"""The most paths that are listed for one object in one version."""

TreeReader = Callable[[Sequence[Oid]], Iterable[tuple[Oid, Leaf | Sharded]]]


@dataclass(frozen=True, slots=True)
class TrackedVersion:
    """A pointer, or an output in a lock, in the history or the workspace. `blobs` are ids in Git."""

    path: bytes
    """The path of the pointer or lock file."""
    blobs: tuple[str, ...]
    """The versions of that file with this content. A lock may have several."""
    root: ObjectRef
    """The object that it names."""


@dataclass(frozen=True, slots=True)
class AffectedPath:
    """A path that needs an object, and the commits with that version of it."""

    path: bytes
    commits: NamedCommits
    below: bool = False
    """Is everything below the path affected, since the object is its tree?"""
    in_workspace: bool = False
    """Does the pointer on disk or in the index have this version?"""


@dataclass(frozen=True, slots=True)
class UnreadablePointer:
    """A pointer or lock that cannot be read."""

    path: bytes
    why: str
    commits: NamedCommits
    in_workspace: bool = False


@dataclass(slots=True)
class TrackedHistory:
    """Every pointer and lock in the history and the workspace of this clone."""

    commits: list[CommitId]
    versions: list[TrackedVersion]
    in_workspace: frozenset[tuple[bytes, str]]
    """The pointers on disk or in the index, by path and blob."""
    unreadable: list[tuple[bytes, str, str]] = field(default_factory=list)
    """Path, blob in Git, and reason of each unreadable pointer."""
    warnings: tuple[str, ...] = ()
    """The parts of Git that could not be read, and why."""

    @property
    def roots(self) -> list[ObjectRef]:
        """The objects that the pointers and locks name, each once."""
        return list({(one.root.oid, one.root.kind): one.root for one in reversed(self.versions)}.values())


def read_history(repo: Repository) -> TrackedHistory:
    """The pointers of all refs, reflogs, operations in progress, and of the index and the files of every worktree.

    `warnings` names parts that cannot be read. Raises CorruptError or RepositoryError if Git is corrupt.
    """
    warnings: tuple[str, ...] = ()
    try:
        roots = read_roots(repo.git)
        commits, others, files = list(roots.commits), roots.blobs, _in_worktrees(repo.git, roots)
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


def _in_worktrees(git: GitRepo, roots: GitRoots) -> dict[tuple[bytes, str], bytes]:
    """The pointer files of all worktrees, by path and blob, with their contents."""
    folders = sorted(map(os.fsencode, roots.folders), key=len, reverse=True)
    found = {}
    for file, content in roots.files.items():
        path = os.fsencode(file)
        top = next((folder for folder in folders if path.startswith(folder + b"/")), b"")
        found[path[len(top) + 1 :], pointers.blob_id(git, content)] = content
    return found


def _decode_all(
    repo: Repository, found: TrackedHistory, places: dict[str, list[bytes]], contents: Iterable[tuple[str, bytes]]
) -> None:
    """Decode `contents`, whose paths are in `places` by blob, into `found`."""
    locks = LockVersions()
    versions: dict[tuple[bytes, ObjectRef], list[str]] = {}
    for blob, content in contents:
        for path in places.pop(blob, ()):
            try:
                for one in data_named_by(repo, path, blob, content, locks.decode):
                    versions.setdefault((path, one.ref), []).append(blob)
            except ConflictError as error:  # an unfinished merge is no error
                if (path, blob) not in found.in_workspace:
                    found.unreadable.append((path, blob, error.why or error.what))
            except CorruptError as error:
                found.unreadable.append((path, blob, error.why or error.what))
    found.unreadable += [
        (path, blob, "it is too large for a pointer") for blob, paths in places.items() for path in paths
    ]
    found.unreadable.sort()
    found.versions += sorted(
        (TrackedVersion(path, tuple(blobs), root) for (path, root), blobs in versions.items()),
        key=lambda one: (one.path, one.root.path, one.root.oid),
    )


def unreadable_pointers(git: GitRepo, found: TrackedHistory) -> tuple[UnreadablePointer, ...]:
    """The unreadable pointers, and the commits that have them."""
    keys = [(path, blob) for path, blob, _ in found.unreadable]
    names = name_commits(git, commits_with(git, found.commits, keys))
    return tuple(
        UnreadablePointer(path, why, names[path, blob], (path, blob) in found.in_workspace)
        for path, blob, why in found.unreadable
    )


def find_affected_paths(
    git: GitRepo, found: TrackedHistory, bad: frozenset[Oid], via: Mapping[Oid, set[Oid]], read: TreeReader
) -> dict[Oid, list[AffectedPath]]:
    """The paths that need each of the `bad` objects.

    `via` maps blobs with bad chunks to these chunks. `read` reads many trees at once, and may leave some out.
    """
    if not bad:
        return {}
    graph = _Graph(bad, via)
    graph.load([(one.root.oid, one.root.kind) for one in found.versions], read)
    affected = [(one, path, oid) for one in found.versions for path, oid in graph.paths_below(one.root)]
    names = _commits_of(git, found, {one for one, _, _ in affected})
    by_oid: dict[Oid, dict[tuple[bytes, NamedCommits], AffectedPath]] = defaultdict(dict)
    for one, path, oid in affected:
        commits, known = names[one], by_oid[oid]
        before = known.get((path, commits))
        current = any((one.path, blob) in found.in_workspace for blob in one.blobs)
        current = current or (before is not None and before.in_workspace)
        known[path, commits] = AffectedPath(path, commits, graph.is_tree(oid), current)
    return {oid: list(listed.values()) for oid, listed in by_oid.items()}


def find_described(
    kept: Sequence[KeptObject], bad: frozenset[Oid], via: Mapping[Oid, set[Oid]], read: TreeReader
) -> dict[Oid, tuple[str, ...]]:
    """The results about data, such as profiles, that each of the `bad` objects is, or is a part of."""
    if not bad:
        return {}
    graph = _Graph(bad, via)
    graph.load([(one.item.oid, one.item.kind) for one in kept], read)
    found: dict[Oid, dict[str, None]] = defaultdict(dict)
    for one in kept:
        for _, oid in graph.paths_below(one.ref):
            found[oid][one.description] = None
    return {oid: tuple(texts) for oid, texts in found.items()}


def _blobs(one: PointerFile) -> Iterator[str]:
    yield one.blob
    yield from one.sides.values()


def _commits_of(
    git: GitRepo, found: TrackedHistory, versions: Iterable[TrackedVersion]
) -> dict[TrackedVersion, NamedCommits]:
    """The names of the commits with each of the versions."""
    listed = list(versions)
    commits = commits_with(git, found.commits, {(one.path, blob) for one in listed for blob in one.blobs})
    groups = {
        one: list(dict.fromkeys(each for blob in one.blobs for each in commits[one.path, blob])) for one in listed
    }
    order = {commit: at for at, commit in enumerate(found.commits)}
    return name_commits(git, {one: sorted(group, key=order.__getitem__) for one, group in groups.items()})


class _Graph:
    """The trees below some roots that may lead to bad objects."""

    def __init__(self, bad: frozenset[Oid], via: Mapping[Oid, set[Oid]]) -> None:
        self._bad = bad
        self._via = via
        self._below: dict[Oid, list[tuple[bytes, Oid, bool]]] = {}
        """The directories and the bad files of each tree. A shard has no name."""
        self._trees: set[Oid] = set()
        self._bad_below: dict[Oid, bool] = {}

    def is_tree(self, oid: Oid) -> bool:
        """Is `oid` a tree of the graph?"""
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
        """The paths at or below `root` that need a bad object, with the object: at most PATHS for each object."""
        counts: dict[Oid, int] = defaultdict(int)
        stack = [(root.path, root.oid, root.kind is ObjectKind.TREE)]
        while stack:
            path, oid, is_tree = stack.pop()
            for one in self._bad_objects(oid):
                counts[one] += 1
                if counts[one] <= PATHS:
                    yield path, one
            if is_tree:
                below = self._below.get(oid, ())
                stack += [
                    (join(path, name) if name else path, child, tree)
                    for name, child, tree in reversed(below)
                    if not tree or self._leads_to_bad(child)
                ]

    def _bad_objects(self, oid: Oid) -> Iterator[Oid]:
        if oid in self._bad:
            yield oid
        yield from sorted(self._via.get(oid, ()))

    def _leads_to_bad(self, top: Oid) -> bool:
        """Is a bad object at or below a tree?"""
        stack = [top]
        while stack:
            oid = stack[-1]
            if oid in self._bad_below:
                stack.pop()
                continue
            below = self._below.get(oid, ())
            unknown = [child for _, child, tree in below if tree and child not in self._bad_below]
            if unknown:
                stack += unknown
                continue
            self._bad_below[oid] = oid in self._bad or any(
                not tree or self._bad_below[child] for _, child, tree in below
            )
            stack.pop()
        return self._bad_below[top]

    def _children(self, tree: Leaf | Sharded) -> Iterator[tuple[bytes, Oid, bool]]:
        if isinstance(tree, Sharded):
            yield from ((b"", shard.oid, True) for shard in tree.shards)
            return
        for entry in tree.entries:
            if entry.kind is Kind.DIRECTORY:
                yield entry.name, entry.oid, True
            elif entry.oid in self._bad or entry.oid in self._via:
                yield entry.name, entry.oid, False
