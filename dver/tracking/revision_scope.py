"""The versions of data that a command is about: of the workspace, of a revision, or of many commits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.core.errors import ConflictError, CorruptError, UsageError
from dver.formats.lock_versions import LockVersions
from dver.formats.objectref import ObjectRef
from dver.git import pointers, revisions
from dver.git.git_repo import CommitId
from dver.repo import Repository
from dver.repo.remotes import Remotes
from dver.tracking.browse import entry_at, tracked_at
from dver.tracking.targets import (
    Target,
    TrackedData,
    data_named_by,
    data_path_of,
    is_at_or_below,
    resolve_data_path,
    select_targets,
)


@dataclass(frozen=True, slots=True)
class RevisionScope:
    """The commits whose pointers count. By default the pointers on disk count, and no commit."""

    rev: str | None = None
    all_branches: bool = False
    all_tags: bool = False
    all_commits: bool = False

    @property
    def many(self) -> bool:
        """Can there be several versions of one path?"""
        return self.all_branches or self.all_tags or self.all_commits


CURRENT: Final = RevisionScope()
"""The pointers and locks on disk."""


def targets_in(repo: Repository, scope: RevisionScope, paths: Sequence[str], cwd: Path) -> list[Target]:
    """The targets that `scope` and `paths` select, each version once."""
    if not scope.many:
        return select_targets(repo, tracked_at(repo, scope.rev), paths, cwd)
    versions = _versions(repo, scope)
    if not paths:
        return [Target(one) for one in versions]
    chosen: dict[tuple[bytes, bytes], Target] = {}
    for text in paths:
        path = data_path_of(resolve_data_path(repo, text, cwd))
        found = [target for one in versions for target in _within(one, path)]
        if not found:
            raise UsageError(f"{text!r} is not tracked in any of these commits", fix="`dver ls` lists tracked data")
        chosen.update({(target.path, target.tracked.pointer.oid): target for target in found})
    return list(chosen.values())


def roots_of(repo: Repository, targets: Iterable[Target]) -> list[ObjectRef]:
    """The objects of `targets`. Raises the errors of `entry_at`."""
    return [entry_at(repo, target).ref(target.path) for target in targets]


def by_remote(remotes: Remotes, targets: Iterable[Target], chosen: str | None) -> dict[str, list[Target]]:
    """Group targets by remote: the one that their pointer names, else `chosen`, else the default remote.

    Raises RepositoryError if the default remote is needed and there is none.
    """
    groups: dict[str, list[Target]] = {}
    for target in targets:
        name = target.tracked.pointer.remote or chosen or remotes.settings().name
        groups.setdefault(name, []).append(target)
    return groups


def file_versions(
    repo: Repository, scope: RevisionScope, is_wanted: Callable[[bytes], bool]
) -> Iterator[tuple[bytes, str, bytes]]:
    """The versions of wanted pointer and lock files in the commits of `scope`: path, Git id and content."""
    return _file_versions(repo, _commits(repo, scope), is_wanted)


def targets_of_commits(repo: Repository, commits: Sequence[CommitId]) -> tuple[list[Target], list[bytes]]:
    """The data that the pointers and locks of all `commits` name, each version once; and unreadable files by path."""
    locks = LockVersions()
    versions: dict[tuple[bytes, bytes], TrackedData] = {}
    unreadable: dict[bytes, None] = {}
    for path, blob, content in _file_versions(repo, commits, pointers.names_data):
        try:
            for one in data_named_by(repo, path, blob, content, locks.decode):
                versions[one.path, one.pointer.oid] = one
        except (CorruptError, ConflictError):
            unreadable[path] = None
    return [Target(versions[key]) for key in sorted(versions)], list(unreadable)


def _commits(repo: Repository, scope: RevisionScope) -> list[CommitId]:
    return revisions.commits(
        repo.git,
        branches=scope.all_branches,
        tags=scope.all_tags,
        all_commits=scope.all_commits,
        revs=[scope.rev] if scope.rev else [],
    )


def _file_versions(
    repo: Repository, commits: Sequence[CommitId], is_wanted: Callable[[bytes], bool]
) -> Iterator[tuple[bytes, str, bytes]]:
    paths: dict[str, list[bytes]] = {}
    for path, blobs in sorted(pointers.pointers_of_commits(repo.git, commits, repo.layout.prefix).items()):
        for blob in sorted(blobs) if is_wanted(path) else ():
            paths.setdefault(blob, []).append(path)
    limit = pointers.most_bytes(path for named in paths.values() for path in named)
    for blob, content in pointers.each_blob(repo.git, paths, limit):
        for path in paths[blob]:
            yield path, blob, content


def _versions(repo: Repository, scope: RevisionScope) -> list[TrackedData]:
    locks = LockVersions()
    versions: dict[tuple[bytes, bytes], TrackedData] = {}
    for path, blob, content in file_versions(repo, scope, pointers.names_data):
        for one in data_named_by(repo, path, blob, content, locks.decode):
            versions[one.path, one.pointer.oid] = one
    return [versions[key] for key in sorted(versions)]


def _within(tracked: TrackedData, path: bytes) -> list[Target]:
    if is_at_or_below(tracked.path, path):
        return [Target(tracked)]
    if is_at_or_below(path, tracked.path):
        return [Target(tracked, tuple(path[len(tracked.path) + 1 :].split(b"/")))]
    return []
