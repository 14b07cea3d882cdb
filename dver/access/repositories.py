"""Opens the files of a repository at a revision."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dver.access.cache import ObjectCache
from dver.access.files import Files
from dver.access.project_files import ProjectFiles
from dver.access.reopened_files import ReopenedFiles
from dver.git import revisions
from dver.repo import Repository


def open_files(
    repo: str | os.PathLike[str] | None = None,
    *,
    rev: str | None = None,
    remote: str | None = None,
    cwd: Path | None = None,
) -> Files:
    """The files of the project in the directory `repo`, or of the project around `cwd`, at the revision `rev`.

    Without `rev`: as the pointers on disk and the worktree have them. Paths are relative to `repo`, or to `cwd`.
    `remote` replaces the remotes that pointers name. Raises RepositoryError and UsageError.
    """
    start = cwd or Path.cwd()
    directory = start if repo is None else start / os.fspath(repo)
    commit = None
    if rev is not None:
        with Repository.open(directory) as opened:
            commit = revisions.resolve(opened.git, rev)
    return ReopenedFiles(LocalProject(directory.resolve(), commit, remote))


@dataclass(frozen=True, slots=True)
class LocalProject:
    """A project in a directory of this machine, at a commit."""

    directory: Path
    commit: str | None
    remote: str | None

    def __call__(self) -> Files:
        """Open its files."""
        repo = Repository.open(self.directory)
        base = os.path.relpath(os.fsencode(self.directory), repo.layout.top)
        return ProjectFiles(
            repo, self.commit, ObjectCache.of_user(), base=b"" if base == b"." else base, remote=self.remote
        )
