"""The content of artifacts as the next commit would have it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from dver.git.git_repo import CommitId, run
from dver.models.artifact_content import ArtifactContent, CommitContents, tracked_content
from dver.repo import Repository
from dver.tracking.targets import TrackedData, target_containing, tracked_in_worktree


@dataclass(frozen=True)
class UncommittedContents:
    """Finds the contents of paths by pointers and lock files on disk, and in files that Git tracks."""

    repo: Repository
    head: CommitId

    def at(self, path: str) -> ArtifactContent:
        """The content at `path`, relative to the top of the Git worktree. Raises as `CommitContents.at`."""
        encoded = os.fsencode(path)
        target = target_containing(self._tracked, encoded)
        if target is not None:
            return tracked_content(self.repo, path, target)
        if not run(self.repo.git, ["status", "--porcelain", "-z", "--untracked-files=no", "--", encoded]):
            return CommitContents(self.repo, self.head).at(path)
        absolute = self.repo.layout.absolute(encoded)
        if not os.path.isfile(absolute):
            return ArtifactContent(path, None, None, "uncommitted")
        blob = run(self.repo.git, ["hash-object", "--", encoded]).decode().strip()
        return ArtifactContent(path, None, os.stat(absolute).st_size, f"git:{blob}")

    @cached_property
    def _tracked(self) -> Mapping[bytes, TrackedData]:
        return tracked_in_worktree(self.repo)
