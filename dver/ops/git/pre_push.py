"""The pre-push hook: pushes the data of commits before Git pushes the commits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dver.core.errors import MissingObjectError
from dver.core.progress import SILENT, Progress
from dver.git.git_repo import GitRepo, discover
from dver.git.remotes import outgoing
from dver.git.remotes.refs import ids_on_remote
from dver.gitflow.push_data import (
    NewData,
    NewPointerFile,
    by_remote,
    missing_data_error,
    new_pointer_files,
    refuse_unreadable,
)
from dver.pipelines.run_cache.share import send_runs, unsent_runs
from dver.project.git_projects import owning_project, project_roots
from dver.remote.transfer.push import UploadResult
from dver.repo import Repository
from dver.sharing.upload import open_catalog, upload_roots


@dataclass(frozen=True, slots=True)
class PrePushResult:
    """The result. Without new pointers in the commits, no remote was contacted."""

    remotes: tuple[UploadResult, ...] = ()
    unreadable: tuple[NewPointerFile, ...] = ()
    """Unreadable pointers and locks of older commits; their data is not pushed."""


def pre_push(
    cwd: Path, git_remote: str | None, lines: bytes, *, url: str | None = None, progress: Progress = SILENT
) -> PrePushResult:
    """Push the data of exactly the commits that Git sends to `git_remote`; None for a remote without a name.

    `url` is the address of the Git remote, `lines` are Git's input of the hook. Raises a DverError if any data of these
    commits would be missing on its remote.
    """
    git = replace(discover(cwd), raw=True)  # Git sends stored objects, not their replacements
    updates = [update for update in outgoing.parse_updates(lines) if not update.deletes]
    remote_ids = ids_on_remote(git, git_remote, url) if git_remote is not None else []
    brought = new_pointer_files(git, outgoing.new_commits(git, updates, remote_ids))
    sent: list[UploadResult] = []
    unreadable: list[NewPointerFile] = []
    tips = outgoing.commits_of(git, updates) if not all(one.readable for one in brought) else []
    for root, group in _by_project(git, brought).items():
        with Repository(root, git, cwd=git.worktree, in_hook=True) as repo:
            unreadable += refuse_unreadable(repo, group, tips)
            sent += [
                _send(repo, name, data, git_remote, progress) for name, data in by_remote(repo.remotes, group).items()
            ]
            _send_runs(repo, group, progress)
    return PrePushResult(tuple(sent), tuple(unreadable))


def _send_runs(repo: Repository, brought: Sequence[NewPointerFile], progress: Progress) -> None:
    """Push the run cache entries of the locks to the default remote, like `push`."""
    home, keys = repo.config.default_remote, [key for one in brought for key in one.runs]
    if home is None or not keys:
        return
    runs = unsent_runs(repo, home, keys)
    for name, roots in runs.roots(home).items():
        upload_roots(repo, name, open_catalog(repo.remotes, name, progress=progress), roots, progress=progress)
    send_runs(repo.remotes, home, runs.runs)


def _by_project(git: GitRepo, brought: Sequence[NewPointerFile]) -> dict[Path, list[NewPointerFile]]:
    """Pointers by the directory of their project.

    A project of another branch may be missing on disk. The top then stands for it, because this clone's settings count
    for all projects.
    """
    if not brought:
        return {}
    top = os.fsencode(git.worktree)
    prefixes = [os.fsencode(root)[len(top) + 1 :] for root in project_roots(git)]
    groups: dict[Path, list[NewPointerFile]] = {}
    for one in brought:
        prefix = owning_project(one.file.path, prefixes) or b""
        groups.setdefault(git.worktree / os.fsdecode(prefix), []).append(one)
    return groups


def _send(
    repo: Repository, name: str, wanted: Sequence[NewData], git_remote: str | None, progress: Progress
) -> UploadResult:
    try:
        catalog, roots = open_catalog(repo.remotes, name, progress=progress), [one.root for one in wanted]
        return upload_roots(repo, name, catalog, roots, git_remote=git_remote, progress=progress)
    except MissingObjectError as error:
        raise missing_data_error(repo, name, wanted) from error
