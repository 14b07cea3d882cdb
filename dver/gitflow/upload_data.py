"""Uploads of the data of commits, for the pre-push hook and for pushes of experiments."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from dver.core.errors import MissingObjectError
from dver.core.progress import SILENT, Progress
from dver.git.git_repo import GitRepo
from dver.gitflow.push_data import NewData, NewPointerFile, by_remote, missing_data_error, refuse_unreadable
from dver.pipelines.run_cache.share import send_runs, unsent_runs
from dver.profile_cache.kept_transfer import unsent_results
from dver.project.git_projects import owning_project, project_roots
from dver.remote.transfer.push import UploadResult
from dver.repo import Repository
from dver.sharing.upload import open_catalog, upload_roots

_File = TypeVar("_File")


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """How the data of commits is uploaded."""

    git_remote: str | None = None
    """The Git remote that gets the commits; None for one without a name."""
    remote: str | None = None
    """The remote to use instead of the default remote."""
    jobs: int | None = None
    """The number of parallel transfers. None adapts it to the remote."""
    in_hook: bool = False


IN_HOOK: Final = UploadOptions(in_hook=True)


@dataclass(frozen=True, slots=True)
class UploadedData:
    """The uploads to each remote. Without pointers, no remote was contacted."""

    remotes: tuple[UploadResult, ...] = ()
    unreadable: tuple[NewPointerFile, ...] = ()
    """Unreadable pointers and locks, whose data was not uploaded."""


def upload_data(
    git: GitRepo,
    files: Sequence[NewPointerFile],
    tips: Iterable[str],
    *,
    options: UploadOptions,
    progress: Progress = SILENT,
) -> UploadedData:
    """Upload the data that the pointers and locks `files` name, of any project of the Git repository, and its runs.

    Raises CorruptError or ConflictError for an unreadable file in one of the commits `tips`, MissingObjectError for
    data that is neither in the store nor on its remote, RemoteError.
    """
    sent: list[UploadResult] = []
    unreadable: list[NewPointerFile] = []
    for root, group in by_project(git, files, lambda one: one.file.path).items():
        with Repository(root, git, cwd=git.worktree, in_hook=options.in_hook) as repo:
            unreadable += refuse_unreadable(repo, group, tips)
            sent += [
                _upload(repo, name, data, options, progress)
                for name, data in by_remote(repo.remotes, group, options.remote).items()
            ]
            _upload_runs(repo, group, options, progress)
    return UploadedData(tuple(sent), tuple(unreadable))


def _upload_runs(repo: Repository, files: Sequence[NewPointerFile], options: UploadOptions, progress: Progress) -> None:
    """Upload the run cache entries of the locks to the default remote, like `push`."""
    home, keys = options.remote or repo.config.default_remote, [key for one in files for key in one.runs]
    if home is None or not keys:
        return
    runs = unsent_runs(repo, home, keys)
    for name, roots in runs.roots(home).items():
        catalog = open_catalog(repo.remotes, name, jobs=options.jobs, progress=progress)
        upload_roots(repo, name, catalog, roots, git_remote=options.git_remote, progress=progress)
    send_runs(repo.remotes, home, runs.runs, jobs=options.jobs)


def by_project(git: GitRepo, files: Sequence[_File], path_of: Callable[[_File], bytes]) -> dict[Path, list[_File]]:
    """Files by the directory of their project.

    A project of another branch may be missing on disk. The top then stands for it, because this clone's settings count
    for all projects.
    """
    if not files:
        return {}
    top = os.fsencode(git.worktree)
    prefixes = [os.fsencode(root)[len(top) + 1 :] for root in project_roots(git)]
    groups: dict[Path, list[_File]] = {}
    for one in files:
        prefix = owning_project(path_of(one), prefixes) or b""
        groups.setdefault(git.worktree / os.fsdecode(prefix), []).append(one)
    return groups


def _upload(
    repo: Repository, name: str, wanted: Sequence[NewData], options: UploadOptions, progress: Progress
) -> UploadResult:
    try:
        catalog = open_catalog(repo.remotes, name, jobs=options.jobs, progress=progress)
        roots = [one.root for one in wanted]
        results = unsent_results(repo, name, roots)
        roots += [item.ref for item in results.items]
        sent = upload_roots(repo, name, catalog, roots, git_remote=options.git_remote, progress=progress)
    except MissingObjectError as error:
        raise missing_data_error(repo, name, wanted) from error
    send_runs(repo.remotes, name, results.runs, jobs=options.jobs)
    return sent
