"""`dver add`: keep data in the store, and write the pointers that stand for it in Git."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.errors import UsageError
from dver.core.progress import SILENT, Progress
from dver.project.adding import Added, Request, keep, take
from dver.project.directories import DirectoryReader
from dver.project.targets import SUFFIX, Target, Tracked, containing, data_path, in_worktree, select
from dver.project.tracking import check_inside, check_trackable, is_link, refuse_outputs, replaced_by_link
from dver.repo import Repository
from dver.store.compare import find
from dver.worktree.intake import keeping_crew


@dataclass(frozen=True, slots=True)
class AddResult:
    """What was added, or with a dry run would be."""

    added: tuple[Added, ...]
    dry_run: bool
    absent: tuple[bytes, ...] = ()
    """Tracked data that `update` skipped: it is not in the workspace."""
    links: tuple[bytes, ...] = ()
    """Tracked data that `update` skipped: a symbolic link is in its place."""


def add(
    repo: Repository,
    paths: Sequence[str],
    *,
    cwd: Path,
    update: bool = False,
    dry_run: bool = False,
    remote: str | None = None,
    progress: Progress = SILENT,
) -> AddResult:
    """Add the files and directories `paths`; with `update`, the tracked ones among them that changed.

    All content is in the store, durably, before the first pointer is written, and after an error no pointer and no
    `.gitignore` is other than it was. Raises UsageError, ConflictError, and what `check_trackable` does.
    """
    if remote is not None:
        repo.remote_settings(remote)
    with repo.exclusive(), keeping_crew(repo.store_root, repo.database_path, repo.sharing) as crew:
        tracked = in_worktree(repo)
        requests = _updates(repo, tracked, paths, cwd) if update else _requests(repo, tracked, paths, cwd)
        links = [request for request in requests if update and is_link(repo, request.path)]
        present = [request for request in requests if request not in links and _is_there(repo, request)]
        if dry_run:
            added = take(repo, tracked, present, None, remote=remote, progress=progress)
        else:
            added = keep(repo, tracked, present, crew, remote=remote, progress=progress)
    absent = tuple(request.path for request in requests if request not in present and request not in links)
    return AddResult(tuple(added), dry_run, absent, tuple(request.path for request in links))


def _updates(repo: Repository, tracked: Mapping[bytes, Tracked], paths: Sequence[str], cwd: Path) -> list[Request]:
    found = select(repo, tracked, paths, cwd)
    named = {data_path(repo, text, cwd).removesuffix(SUFFIX) for text in paths}
    refuse_outputs(repo, [target for target in found if target.path in named])
    for target in found:
        if target.path in named and not target.inside and is_link(repo, target.path):
            raise replaced_by_link(repo, target.path)
    return [Request(target.path, target) for target in found if target.tracked.maker is None]


def _requests(repo: Repository, tracked: Mapping[bytes, Tracked], paths: Sequence[str], cwd: Path) -> list[Request]:
    if not paths:
        raise UsageError(
            "nothing to add", why="no path was given", fix="dver add PATH…, or `dver add -u` for all changes"
        )
    requests = {}
    for text in paths:
        path = data_path(repo, text, cwd)
        target = containing(tracked, path)
        refuse_outputs(repo, [target] if target is not None else [])
        if target is None or not target.inside:
            check_trackable(repo, tracked, path, text)
        else:
            check_inside(repo, target, text)
            if not _exists(repo, path) and not _is_recorded(repo, target):
                raise UsageError(f"{text!r} does not exist", fix="check the spelling; `dver ls` lists what is tracked")
        requests[path] = Request(path, target)
    return list(requests.values())


def _is_there(repo: Repository, request: Request) -> bool:
    # A place inside of a tracked directory that is gone is a deletion; tracked data that is gone is not here at all.
    inside = request.target is not None and bool(request.target.inside)
    return inside or _exists(repo, request.path)


def _is_recorded(repo: Repository, target: Target) -> bool:
    return find(target.tracked.entry, target.inside, DirectoryReader(repo, target.tracked)) is not None


def _exists(repo: Repository, path: bytes) -> bool:
    return os.path.lexists(repo.absolute(path))
