"""Which versions of which data a command is about: those of the workspace, of a revision, or of many commits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.core.errors import CorruptError, MissingObjectError, UsageError
from dver.formats.pack import ObjectKind
from dver.formats.tree import Entry, Kind
from dver.project.targets import (
    Target,
    Tracked,
    data_of,
    data_path,
    decode,
    in_commit,
    in_worktree,
    is_at_or_below,
    select,
)
from dver.repo import Repository
from dver.scm import pointers, revisions
from dver.store.closure import Root
from dver.store.compare import find


@dataclass(frozen=True, slots=True)
class Scope:
    """Which commits count besides, or instead of, the workspace's pointers."""

    rev: str | None = None
    all_branches: bool = False
    all_tags: bool = False
    all_commits: bool = False

    @property
    def many(self) -> bool:
        """Are there possibly several versions of one path?"""
        return self.all_branches or self.all_tags or self.all_commits


CURRENT: Final = Scope()
"""The pointers on disk."""


def targets_in(repo: Repository, scope: Scope, paths: Sequence[str], cwd: Path) -> list[Target]:
    """The data that `scope` and `paths` mean, each version once."""
    if not scope.many:
        return select(repo, _current(repo, scope.rev), paths, cwd)
    versions = _versions(repo, scope)
    if not paths:
        return [Target(one) for one in versions]
    chosen: dict[tuple[bytes, bytes], Target] = {}
    for text in paths:
        path = data_of(data_path(repo, text, cwd))
        found = [target for one in versions for target in _within(one, path)]
        if not found:
            raise UsageError(f"{text!r} is tracked in none of these commits", fix="`dver ls` lists what is tracked")
        chosen.update({(target.path, target.tracked.pointer.oid): target for target in found})
    return list(chosen.values())


def wanted_entry(repo: Repository, target: Target) -> Entry:
    """The entry that a target stands for. Raises UsageError if its tracked directory has no such place, and what
    reading the directory raises."""
    try:
        entry = find(target.tracked.entry, target.inside, repo.store.tree)
    except (MissingObjectError, CorruptError) as error:
        place = os.fsdecode(target.tracked.path)
        raise type(error)(f"cannot look into {place!r}: {error.what}", why=error.why, fix=error.fix) from error
    if entry is None:
        raise UsageError(
            f"{os.fsdecode(target.path)!r} does not exist in the tracked data",
            why=f"{os.fsdecode(target.tracked.path)!r} has no such entry in this version",
            fix="`dver ls` lists what it has",
        )
    return entry


def object_kind(entry: Entry) -> ObjectKind:
    """What kind of object an entry's oid names."""
    return ObjectKind.TREE if entry.kind is Kind.DIRECTORY else ObjectKind.BLOB


def roots_of(repo: Repository, targets: Iterable[Target]) -> list[Root]:
    """The objects that targets stand for. Raises what `wanted_entry` does."""
    found = [(target, wanted_entry(repo, target)) for target in targets]
    return [Root(entry.oid, object_kind(entry), target.path, entry.size) for target, entry in found]


def by_remote(repo: Repository, targets: Iterable[Target], chosen: str | None) -> dict[str, list[Target]]:
    """Targets by the remote that they belong on: their pointer's own, else the one that was `chosen`, else the default.

    Raises RepositoryError where one belongs on the default remote and there is none.
    """
    groups: dict[str, list[Target]] = {}
    for target in targets:
        name = target.tracked.pointer.remote or chosen or repo.remote_settings().name
        groups.setdefault(name, []).append(target)
    return groups


def _current(repo: Repository, rev: str | None) -> dict[bytes, Tracked]:
    return in_worktree(repo) if rev is None else in_commit(repo, revisions.resolve(repo.git, rev))


def _versions(repo: Repository, scope: Scope) -> list[Tracked]:
    commits = revisions.commits(
        repo.git,
        branches=scope.all_branches,
        tags=scope.all_tags,
        all_commits=scope.all_commits,
        revs=[scope.rev] if scope.rev else [],
    )
    blobs = pointers.pointers_of_commits(repo.git, commits, repo.prefix)
    contents = pointers.read_blobs(repo.git, {blob for ids in blobs.values() for blob in ids})
    versions: dict[tuple[bytes, bytes], Tracked] = {}
    for path, ids in sorted(blobs.items()):
        for blob in sorted(ids):
            pointer = decode(path, contents[blob])
            versions[data_of(path), pointer.oid] = Tracked(data_of(path), pointer, blob)
    return list(versions.values())


def _within(tracked: Tracked, path: bytes) -> list[Target]:
    if is_at_or_below(tracked.path, path):
        return [Target(tracked)]
    if is_at_or_below(path, tracked.path):
        return [Target(tracked, tuple(path[len(tracked.path) + 1 :].split(b"/")))]
    return []
