"""`dver add`: store files and directories and write their pointers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dver.core.display import Displayed
from dver.core.errors import UsageError
from dver.core.progress import SILENT, Progress
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.store.trees.compare import find
from dver.tracking.directory_listings import DirectoryReader
from dver.tracking.targets import (
    SUFFIX,
    Target,
    TrackedData,
    resolve_data_path,
    select_targets,
    target_containing,
    tracked_in_worktree,
)
from dver.tracking.trackable import (
    check_trackable,
    check_trackable_inside,
    is_user_link,
    refuse_git_tracked,
    refuse_outputs,
    replaced_by_link,
)
from dver.workspace.add import (
    AddedPointer,
    AddRequest,
    out_of_date_error,
    out_of_date_states,
)
from dver.workspace.checked_add import AddOptions, check_and_record
from dver.workspace.scan.hash_or_store import storing_pool
from dver.workspace.state.data_state import DataState

if TYPE_CHECKING:
    from dver.checks.result import CheckedData


@dataclass(frozen=True, slots=True, repr=False)
class AddResult(Displayed):
    """The added data; with a dry run, the data that would be added."""

    added: tuple[AddedPointer, ...]
    dry_run: bool
    absent: tuple[bytes, ...] = ()
    """Tracked data that `update` skipped because it is not in the workspace."""
    links: tuple[bytes, ...] = ()
    """Tracked data that `update` skipped because a symbolic link is in its place."""
    out_of_date: tuple[bytes, ...] = ()
    """Tracked data that `update` skipped because its pointer moved and the data did not follow."""
    diverged: tuple[bytes, ...] = ()
    """Tracked data that `update` skipped because it was edited and its pointer moved."""
    checked: tuple[CheckedData, ...] = ()
    """The results of checks of the added data."""
    unchecked: tuple[bytes, ...] = ()
    """Data whose checks were skipped on request. Its pointer says so."""


def add(
    repo: Repository,
    paths: Sequence[str],
    *,
    cwd: Path,
    update: bool = False,
    force: bool = False,
    dry_run: bool = False,
    remote: str | None = None,
    checks: bool = True,
    progress: Progress = SILENT,
) -> AddResult:
    """Add the files and directories `paths`; with `update`, the edited tracked data among them.

    Adding data whose pointer moved since dver placed it would revert that change: `update` skips it, and otherwise a
    ConflictError is raised, unless `force` is set. All content is durable in the store before the first pointer is
    written. After an error, no pointer and no `.gitignore` has changed. Data that fails a critical check is refused
    before anything is stored, unless `checks` is off: then its pointer records that. Raises UsageError, ConflictError,
    FailedChecksError, and the errors of `check_trackable`.
    """
    if remote is not None:
        repo.remotes.settings(remote)
    with repo.exclusive(), storing_pool(repo.store_dir, repo.layout.database_file, repo.sharing) as pool:
        tracked = tracked_in_worktree(repo)
        requests = _updates(repo, tracked, paths, cwd) if update else _requests(repo, tracked, paths, cwd)
        links = [request for request in requests if update and is_user_link(repo.layout, request.path)]
        existing = [request for request in requests if request not in links and _can_add(repo.layout, request)]
        absent = tuple(one.path for one in requests if one not in existing and one not in links)
        behind = {} if force else out_of_date_states(repo, existing, update=update, progress=progress)
        if behind and not update:
            raise next(out_of_date_error(repo, one, behind[one.path]) for one in existing if one.path in behind)
        present = [request for request in existing if request.path not in behind]
        options = AddOptions(checks, update, dry_run, remote)
        data = check_and_record(repo, tracked, present, pool, options, progress=progress)
    return AddResult(
        tuple(data.added),
        dry_run,
        absent,
        tuple(request.path for request in links),
        tuple(path for path, state in behind.items() if state is DataState.OUT_OF_DATE),
        tuple(path for path, state in behind.items() if state is DataState.DIVERGED),
        data.checked,
        data.skipped,
    )


def _updates(
    repo: Repository, tracked: Mapping[bytes, TrackedData], paths: Sequence[str], cwd: Path
) -> list[AddRequest]:
    found = select_targets(repo, tracked, paths, cwd)
    named = {resolve_data_path(repo, text, cwd).removesuffix(SUFFIX) for text in paths}
    refuse_outputs(repo, [target for target in found if target.path in named])
    for target in found:
        if target.path in named and not target.inside and is_user_link(repo.layout, target.path):
            raise replaced_by_link(repo.layout, target.path)
    return [AddRequest(target.path, target) for target in found if target.tracked.maker is None]


def _requests(
    repo: Repository, tracked: Mapping[bytes, TrackedData], paths: Sequence[str], cwd: Path
) -> list[AddRequest]:
    if not paths:
        raise UsageError(
            "nothing to add", why="no path was given", fix="dver add PATH…, or `dver add -u` for all changes"
        )
    requests, outermost = {}, {}
    for text in paths:
        path = resolve_data_path(repo, text, cwd)
        target = target_containing(tracked, path)
        refuse_outputs(repo, [target] if target is not None else [])
        if target is None or not target.inside:
            check_trackable(repo, tracked, path, text)
            outermost[path] = text
        else:
            check_trackable_inside(repo.layout, target, text)
            if not repo.layout.exists(path) and not _is_recorded(repo, target):
                raise UsageError(f"{text!r} does not exist", fix="check the spelling; `dver ls` lists tracked data")
        requests[path] = AddRequest(path, target)
    refuse_git_tracked(repo, outermost)
    return list(requests.values())


def _can_add(layout: Layout, request: AddRequest) -> bool:
    # A missing path inside of tracked data was deleted, which add records; tracked data that is missing is skipped.
    inside = request.target is not None and bool(request.target.inside)
    return inside or layout.exists(request.path)


def _is_recorded(repo: Repository, target: Target) -> bool:
    return find(target.tracked.entry, target.inside, DirectoryReader(repo, target.tracked)) is not None
