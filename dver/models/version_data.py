"""Where the data of a registered version is: in Git, in the store, on a remote, or nowhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
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
from dver.tracking.targets import Target, TrackedData, target_containing, tracked_in_commit


class VersionDataState(Enum):
    """Where data is, from what this clone knows without a query of its remotes."""

    GIT = "in Git"
    STORE = "in the store"
    REMOTE = "on the remote"
    MISSING = "not in the store"
    MOVED = "not what was registered"
    """The commit has other data than the tag records: somebody moved the tag."""
    NOT_IN_COMMIT = "not in the commit"
    NO_COMMIT = "unknown, since its commit is missing in this clone"
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


class VersionDataReader:
    """Finds the data of versions. Contacts no remote. Reads the pointers of each commit once."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._tracked: dict[CommitId, Mapping[bytes, TrackedData]] = {}

    def read(self, commit: CommitId, path: str | None, recorded: Oid | None) -> VersionData:
        """The data at `path`, relative to the top of the Git worktree, in `commit`; the tag records `recorded`."""
        try:
            if commit not in self._tracked:
                if missing_commits(self._repo.git, [commit]):
                    return VersionData(VersionDataState.NO_COMMIT)
                self._tracked[commit] = tracked_in_commit(self._repo, commit)
            if path is None:
                return VersionData(VersionDataState.NO_PATH)
            return self._found(commit, os.fsencode(path), recorded)
        except DverError as error:
            return VersionData(VersionDataState.UNREADABLE, error=error)

    def _found(self, commit: CommitId, path: bytes, recorded: Oid | None) -> VersionData:
        store = self._repo.store
        target = target_containing(self._tracked[commit], path)
        if target is None:
            in_git = run(self._repo.git, ["ls-tree", "-z", commit, "--", path])
            return VersionData(VersionDataState.GIT if in_git else VersionDataState.NOT_IN_COMMIT)
        try:
            entry = find(target.tracked.entry, target.inside, store.tree)
        except MissingObjectError:  # the listing of the directory that the artifact is in
            return VersionData(self._elsewhere(target), target=target)
        if entry is None:
            return VersionData(VersionDataState.NOT_IN_COMMIT)
        if recorded is not None and entry.oid != recorded:
            return VersionData(VersionDataState.MOVED, entry.oid, entry.size, target)
        missing = store.find_missing([entry.ref(path)])
        state = self._elsewhere(target) if missing else VersionDataState.STORE
        return VersionData(state, entry.oid, entry.size, target)

    def _elsewhere(self, target: Target) -> VersionDataState:
        pointer = target.tracked.pointer
        is_there = availability_of(self._repo, [pointer]).on_remote(pointer)
        return VersionDataState.REMOTE if is_there else VersionDataState.MISSING
