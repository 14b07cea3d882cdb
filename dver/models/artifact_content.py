"""The content of artifacts in commits: objects of dver, and files and directories that Git tracks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from dver.core.display import Displayed
from dver.core.errors import UsageError
from dver.core.oid import Oid
from dver.core.phrasing import quoted
from dver.git.git_repo import CommitId, run
from dver.repo import Repository
from dver.store.trees.compare import find
from dver.tracking.browse import not_found_error
from dver.tracking.directory_listings import DirectoryReader
from dver.tracking.targets import (
    Target,
    TrackedData,
    target_containing,
    tracked_below,
    tracked_in_commit,
    tracked_in_worktree,
)


@dataclass(frozen=True, slots=True, repr=False)
class ArtifactContent(Displayed):
    """The content of an artifact in a commit."""

    path: str
    """Relative to the top of the Git worktree."""
    oid: Oid | None
    """The object; None for what Git tracks."""
    size: int | None
    """In bytes; None for a directory in Git."""
    identity: str
    """The same text for the same content."""


def tracked_content(repo: Repository, path: str, target: Target, *, rev: str | None = None) -> ArtifactContent:
    """The content of tracked data, or of a path inside it. Raises the errors of `CommitContents.at`."""
    entry = find(target.tracked.entry, target.inside, DirectoryReader(repo, target.tracked))
    if entry is None:
        raise not_found_error(repo.layout, target, rev=rev)
    return ArtifactContent(path, entry.oid, entry.size, str(entry.oid))


@dataclass(frozen=True)
class CommitContents:
    """Finds the contents of paths in a commit."""

    repo: Repository
    commit: CommitId
    shown: str = field(default="HEAD")
    """The revision as the user named it."""

    def at(self, path: str) -> ArtifactContent:
        """The content at `path`, relative to the top of the Git worktree.

        Raises UsageError if the commit does not have it, MissingObjectError for a path in a directory whose listing
        cannot be downloaded, CorruptError for pointers that cannot be read.
        """
        encoded = os.fsencode(path)
        target = target_containing(self._tracked, encoded)
        if target is not None:
            return tracked_content(self.repo, path, target, rev=self.shown)
        found = run(self.repo.git, ["ls-tree", "-z", "-l", self.commit, "--", encoded])
        inside = tracked_below(self._tracked, encoded)
        if not found and not inside:
            raise self._missing(path)
        words = found.partition(b"\t")[0].decode().split()
        data = "".join(f" {os.fsdecode(one.path)}:{one.pointer.oid}" for one in inside)
        size = int(words[3]) if words and words[3].isdigit() else None
        return ArtifactContent(path, None, size, f"git:{words[2] if words else ''}{data}")

    def is_as_in_worktree(self, path: str) -> bool:
        """Whether the pointers and locks on disk name the same content at `path`; True for what Git tracks."""
        target = target_containing(self._tracked, os.fsencode(path))
        if target is None:
            return True
        own = tracked_in_worktree(self.repo).get(target.tracked.path)
        return own is not None and own.pointer.oid == target.tracked.pointer.oid

    @cached_property
    def _tracked(self) -> Mapping[bytes, TrackedData]:
        return tracked_in_commit(self.repo, self.commit)

    def _missing(self, path: str) -> UsageError:
        layout, encoded = self.repo.layout, os.fsencode(path)
        shown = layout.shown(encoded)
        tracked = target_containing(tracked_in_worktree(self.repo), encoded)
        if tracked is not None:
            fix = f"git add -- {quoted(layout.shown(tracked.tracked.source))} && git commit"
        elif layout.exists(encoded):
            fix = f"dver add {quoted(shown)} && git commit; if Git should track it, git add instead"
        else:
            fix = f"correct its path; `dver ls -R --rev {quoted(self.shown)}` lists data"
        return UsageError(
            f"{shown!r} is not in commit {self.commit[:10]}",
            why="neither Git nor dver tracks it there",
            fix=fix,
        )
