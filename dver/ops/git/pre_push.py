"""The pre-push hook: what commits that are pushed need goes to the remotes first, or they are not pushed."""

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
    """What the hook did. Where no commit brings a pointer, no remote was asked for anything."""

    remotes: tuple[UploadResult, ...] = ()
    unreadable: tuple[NewPointerFile, ...] = ()
    """Pointers and locks that only older ones of the commits have, and for which nothing is sent."""


def pre_push(
    cwd: Path, git_remote: str | None, lines: bytes, *, url: str | None = None, progress: Progress = SILENT
) -> PrePushResult:
    """Send the data of exactly the commits that Git is about to send to `git_remote`, None for one without a name.

    `url` is where that is, and `lines` are Git's. Raises a DverError if anything that these commits need cannot be on
    its remote afterwards.
    """
    git = replace(discover(cwd), raw=True)  # Git sends objects as they are stored, whatever replaces them here
    updates = [update for update in outgoing.parse_updates(lines) if not update.deletes]
    there = ids_on_remote(git, git_remote, url) if git_remote is not None else []
    brought = new_pointer_files(git, outgoing.new_commits(git, updates, there))
    sent: list[UploadResult] = []
    unreadable: list[NewPointerFile] = []
    tips = outgoing.commits_of(git, updates) if not all(one.readable for one in brought) else []
    for root, group in _by_project(git, brought).items():
        with Repository(root, git, cwd=git.worktree, in_hook=True) as repo:
            unreadable += refuse_unreadable(repo, group, tips)
            sent += [_send(repo, name, some, git_remote, progress) for name, some in by_remote(repo, group).items()]
            _send_runs(repo, group, progress)
    return PrePushResult(tuple(sent), tuple(unreadable))


def _send_runs(repo: Repository, brought: Sequence[NewPointerFile], progress: Progress) -> None:
    """Send the runs that the locks name to the default remote, as `push` does."""
    home, keys = repo.config.default_remote, [key for one in brought for key in one.runs]
    if home is None or not keys:
        return
    runs = unsent_runs(repo, home, keys)
    for name, roots in runs.roots(home).items():
        upload_roots(repo, name, open_catalog(repo, name, progress=progress), roots, progress=progress)
    send_runs(repo, home, runs.runs)


def _by_project(git: GitRepo, brought: Sequence[NewPointerFile]) -> dict[Path, list[NewPointerFile]]:
    """Pointers by the folder of their project. That of a branch that is not checked out may not be there: the top then
    stands for it, since this clone's own settings count for all projects."""
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
        catalog, roots = open_catalog(repo, name, progress=progress), [one.root for one in wanted]
        return upload_roots(repo, name, catalog, roots, git_remote=git_remote, progress=progress)
    except MissingObjectError as error:
        raise missing_data_error(repo, name, wanted) from error
