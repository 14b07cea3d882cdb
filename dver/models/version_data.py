"""Where the data of a registered version is: in Git, in the store, on a remote, or nowhere."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum

from dver.core.display import Displayed
from dver.core.errors import DverError, MissingObjectError
from dver.core.oid import Oid
from dver.git.commits import missing_commits
from dver.git.git_repo import CommitId, run
from dver.repo import Repository
from dver.store.trees.compare import find
from dver.tracking.availability import availability_of
from dver.tracking.targets import Target, target_containing, tracked_in_commit


class VersionDataState(Enum):
    """Where data is, from what this clone knows without a query of its remotes."""

    GIT = "in Git"
    STORE = "in the store"
    REMOTE = "on the remote"
    MISSING = "not in the store"
    MOVED = "not what was registered"
    """The commit has other data than the tag records: somebody moved the tag."""
    NOT_IN_COMMIT = "not in the commit"
    NO_COMMIT = "its commit is missing in this clone"
    NO_PATH = "unknown, since no dver.yaml of the commit names its path"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, repr=False)
class VersionData(Displayed):
    """The data of a version."""

    state: VersionDataState
    oid: Oid | None = None
    """The object that the commit names; None for what Git tracks."""
    size: int | None = None
    """In bytes."""
    target: Target | None = None
    error: DverError | None = None
    """Why it is unreadable."""


def version_data(repo: Repository, commit: CommitId, path: str | None, recorded: Oid | None) -> VersionData:
    """Find the data at `path`, relative to the top of the Git worktree, in `commit`.

    `recorded` is the object that the tag records. Contacts no remote.
    """
    if missing_commits(repo.git, [commit]):
        return VersionData(VersionDataState.NO_COMMIT)
    if path is None:
        return VersionData(VersionDataState.NO_PATH)
    try:
        return _found(repo, commit, os.fsencode(path), recorded)
    except DverError as error:
        return VersionData(VersionDataState.UNREADABLE, error=error)


def _found(repo: Repository, commit: CommitId, path: bytes, recorded: Oid | None) -> VersionData:
    target = target_containing(tracked_in_commit(repo, commit), path)
    if target is None:
        in_git = run(repo.git, ["ls-tree", "-z", commit, "--", path])
        return VersionData(VersionDataState.GIT if in_git else VersionDataState.NOT_IN_COMMIT)
    try:
        entry = find(target.tracked.entry, target.inside, repo.store.tree)
    except MissingObjectError:  # the listing of the directory that the artifact is in
        return VersionData(_elsewhere(repo, target), target=target)
    if entry is None:
        return VersionData(VersionDataState.NOT_IN_COMMIT)
    if recorded is not None and entry.oid != recorded:
        return VersionData(VersionDataState.MOVED, entry.oid, entry.size, target)
    missing = repo.store.find_missing([entry.ref(path)])
    return VersionData(_elsewhere(repo, target) if missing else VersionDataState.STORE, entry.oid, entry.size, target)


def _elsewhere(repo: Repository, target: Target) -> VersionDataState:
    pointer = target.tracked.pointer
    return VersionDataState.REMOTE if availability_of(repo, [pointer]).on_remote(pointer) else VersionDataState.MISSING
