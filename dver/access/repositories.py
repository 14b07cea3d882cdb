"""Opens the files of a repository at a revision."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dver.access.addresses import is_url
from dver.access.cache import ObjectCache, ReadOnlyCache
from dver.access.content_cache import ContentCache
from dver.access.files import Files
from dver.access.mirrored_projects import MirroredProject, mirrored_projects
from dver.access.objects import Verify
from dver.access.project_files import ProjectFiles
from dver.access.reopened_files import ReopenedFiles
from dver.config import Config
from dver.core.cache_dir import user_cache_dir
from dver.core.errors import RepositoryError, UsageError
from dver.git import revisions
from dver.git.git_repo import CommitId
from dver.git.mirror import GitMirror
from dver.repo import PROJECT_DIR, Repository


class FilesAddress(Protocol):
    """Where files are: a repository at a commit. Picklable. Called, it opens them."""

    @property
    def repo(self) -> str:
        """The directory or URL of the repository."""
        ...

    @property
    def commit(self) -> str | None:
        """See `Files`."""
        ...

    def __call__(self) -> Files: ...


def open_files(
    repo: str | os.PathLike[str] | None = None,
    *,
    rev: str | None = None,
    remote: str | None = None,
    cwd: Path | None = None,
    keeps: bool = True,
    verify: Verify | None = None,
) -> Files:
    """The files of a repository at the revision `rev`.

    `repo` is the directory of a project, or the URL of any Git repository; by default, the project around `cwd`. Paths
    are relative to it, or to `cwd`. Without `rev`: the pointers on disk and the worktree, or the HEAD of a URL.
    `remote` replaces the remotes that pointers name. With `keeps`, the user's cache keeps what remotes send. `verify`
    says whether parts of large files need proof, by default the setting `access.verify`: see
    docs/decisions/range-reads.md. Raises RepositoryError, RemoteError and UsageError.
    """
    return ReopenedFiles(locate_files(repo, rev=rev, remote=remote, cwd=cwd, keeps=keeps, verify=verify))


def locate_files(
    repo: str | os.PathLike[str] | None = None,
    *,
    rev: str | None = None,
    remote: str | None = None,
    cwd: Path | None = None,
    keeps: bool = True,
    verify: Verify | None = None,
) -> FilesAddress:
    """What `open_files` opens, with a commit instead of `rev`."""
    if verify not in (None, "ranges", "full"):
        raise UsageError(f"unknown kind of verification {verify!r}", fix="use verify='ranges' or verify='full'")
    start = cwd or Path.cwd()
    repo = None if repo is None else os.path.expanduser(repo)
    mirror = None if repo is None else mirror_of(repo, start)
    if mirror is not None:
        return MirroredRepository(mirror, mirror.resolve(rev), remote, keeps, verify)
    directory = start if repo is None else start / repo
    commit = None
    if rev is not None:
        with Repository.open(directory) as opened:
            commit = revisions.resolve(opened.git, rev)
    return LocalProject(directory.resolve(), commit, remote, keeps, verify)


def mirror_of(repo: str, cwd: Path) -> GitMirror | None:
    """The mirror of the repository `repo`; None for a project in a directory of this machine."""
    url = _mirrored_url(repo, cwd)
    return None if url is None else GitMirror.of(url, user_cache_dir())


def _mirrored_url(repo: str, cwd: Path) -> str | None:
    """The address of the repository to mirror; None for a project in a directory of this machine."""
    if is_url(repo):
        return repo
    directory = (cwd / repo).resolve()
    if not directory.is_dir():
        raise RepositoryError(
            f"no directory {repo!r}", why="it is no URL either", fix="use the directory or URL of a Git repository"
        )
    return None if _is_in_project(directory) else os.fspath(directory)


def _is_in_project(directory: Path) -> bool:
    for one in (directory, *directory.parents):
        if (one / PROJECT_DIR).is_dir():
            return True
        if (one / ".git").exists():
            return False
    return False


@dataclass(frozen=True, slots=True)
class LocalProject:
    """A project in a directory of this machine, at a commit."""

    directory: Path
    commit: str | None
    remote: str | None
    keeps: bool
    verify: Verify | None

    @property
    def repo(self) -> str:
        """See `FilesAddress`."""
        return os.fspath(self.directory)

    def __call__(self) -> ProjectFiles:
        """Open its files."""
        repo = Repository.open(self.directory)
        base = os.path.relpath(os.fsencode(self.directory), repo.layout.top)
        return ProjectFiles(
            repo,
            self.commit,
            _cache(self.keeps),
            base=b"" if base == b"." else base,
            remote=self.remote,
            verify=_verify(self.verify),
        )


@dataclass(frozen=True, slots=True)
class MirroredRepository:
    """Another repository at a commit, in a mirror."""

    mirror: GitMirror
    commit: CommitId
    remote: str | None
    keeps: bool
    verify: Verify | None

    @property
    def repo(self) -> str:
        """See `FilesAddress`."""
        return self.mirror.url

    def __call__(self) -> Files:
        """Open its files."""
        from dver.access.dvc.repository import with_dvc_outputs  # projects on this machine do not need it

        self.mirror.resolve(self.commit)  # the mirror may have been deleted
        projects = mirrored_projects(self.mirror, self.commit)
        files = ProjectFiles(
            MirroredProject(self.mirror, b"", b""),
            self.commit,
            _cache(self.keeps),
            remote=self.remote,
            projects=projects,
            fetch_git_blobs=self.mirror.fetch_blobs,
            verify=_verify(self.verify),
        )
        return with_dvc_outputs(files, self.mirror, self.commit)


def _cache(keeps: bool) -> ContentCache:
    cache = ObjectCache.of_user()
    return cache if keeps else ReadOnlyCache(cache)


def _verify(chosen: Verify | None) -> Verify:
    return chosen or ("full" if Config.load_user().verifies_fully else "ranges")
