"""Hooks after a checkout, merge or rebase: check out data for changed pointers and locks on disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dver.core.errors import ConflictError, CorruptError, DverError
from dver.core.garbage_collector import collector_paused
from dver.core.progress import SILENT, Progress
from dver.git import pointers
from dver.git.git_repo import GitRepo
from dver.git.index import tracked_under
from dver.git.pointers import LOCK_NAME, PointerFile, is_lock_path
from dver.gitflow.follow_plan import FollowPlan, plan_following
from dver.project.git_projects import owning_project, project_roots
from dver.repo import Repository
from dver.sharing.download import download_targets
from dver.sharing.prefetch import prefetch
from dver.tracking.targets import SUFFIX, Target, TrackedData, data_path_of, decode_files, is_at_or_below
from dver.workspace.changes.moved_data import record_changes_of_git
from dver.workspace.checkout.incremental import plan_update, update
from dver.workspace.checkout.restore import CheckoutSummary, CheckoutTarget, joined
from dver.workspace.state.followed import Followed, index_signature


@dataclass(frozen=True, slots=True)
class FollowResult:
    """The result; paths are relative to the top of the Git worktree."""

    restored: CheckoutSummary
    unread: tuple[CorruptError, ...] = ()
    """Errors of unreadable pointers and locks, except for those in conflict."""
    not_fetched: tuple[DverError, ...] = ()
    """Errors of downloads that `hooks.fetch` asks for."""


def follow(git: GitRepo, *, progress: Progress = SILENT) -> FollowResult | None:
    """Check out the data of all projects in this worktree for the pointers and locks on disk.

    Scans only data whose pointer changed since data last followed it, and only the differences. Unsaved work stays.
    None if there was nothing to do. Waits for another dver that holds the worktree's lock.
    """
    signature = index_signature(git.git_dir)
    with Repository(git.worktree, git, in_hook=True) as top:
        index = pointers.in_index(git)
        if not (index or top.state.placed or top.state.followed.marks):
            return None
        with top.exclusive(), collector_paused():
            return _follow(top, index, signature, progress)


@dataclass(frozen=True, slots=True)
class _DataOnDisk:
    """The data named by pointers and locks on disk, as far as they can be read."""

    tracked: Mapping[bytes, TrackedData]
    undecided: frozenset[bytes]
    """Data that stays as it is."""
    broken: bool
    """Whether a lock is unreadable, so that its data is unknown."""
    unread: tuple[CorruptError, ...]


def _follow(top: Repository, index: Mapping[bytes, PointerFile], signature: str, progress: Progress) -> FollowResult:
    known = {*top.state.placed, *top.state.followed.marks}
    files = pointers.on_disk(top.git, index, _sources(known))
    seen = _read(top, files)
    unmerged = [path for path, file in index.items() if file.sides]
    entries = {path: one.entry for path, one in seen.tracked.items()}
    undecided = seen.undecided.union(map(data_path_of, unmerged)) - entries.keys()
    if seen.broken or any(is_lock_path(path) and path not in files for path in unmerged):
        undecided = undecided | (known - entries.keys())
    record_changes_of_git(top, index, seen.tracked)
    plan = plan_following(entries, undecided, top.state.followed.marks, top.state.placed)
    parts, errors = [], []
    for repo, bring, gone in _by_project(top, plan):
        with repo:
            errors += _fetch(repo, [seen.tracked[path] for path in bring], progress)
            targets = [
                *(CheckoutTarget(path, plan.bring[path]) for path in bring),
                *(CheckoutTarget(path, None) for path in gone),
            ]
            parts.append(update(repo, targets, progress=progress))
    top.state.write_followed(Followed(plan.marks, signature))
    return FollowResult(joined(parts), seen.unread, tuple(errors))


def _sources(known: Iterable[bytes]) -> Iterator[bytes]:
    """The paths of the pointers or locks that may name the `known` data."""
    folders = set()
    for path in known:
        yield path + SUFFIX
        folder = os.path.dirname(path)
        while folder not in folders:
            folders.add(folder)
            folder = os.path.dirname(folder)
    yield from (os.path.join(folder, LOCK_NAME) for folder in folders)


def _read(top: Repository, files: Mapping[bytes, PointerFile]) -> _DataOnDisk:
    tracked: dict[bytes, TrackedData] = {}
    twice: set[bytes] = set()
    conflicted: list[bytes] = []
    unread: dict[bytes, CorruptError] = {}
    for path, file in files.items():
        try:
            found = decode_files(top, {path: file})
        except ConflictError:
            conflicted.append(path)
        except CorruptError as error:
            unread[path] = error
        else:
            twice |= found.keys() & tracked.keys()
            tracked.update(found)
    bad = (*conflicted, *unread)
    undecided = twice.union(map(data_path_of, bad))
    certain = {path: one for path, one in tracked.items() if path not in twice}
    return _DataOnDisk(certain, frozenset(undecided), any(map(is_lock_path, bad)), tuple(unread.values()))


def _by_project(top: Repository, plan: FollowPlan) -> Iterator[tuple[Repository, list[bytes], list[bytes]]]:
    """The data to check out and to remove in each project. A deleted project may still have data."""
    roots = project_roots(top.git) if plan.bring or plan.gone else []
    by_prefix = {Repository(root, top.git).layout.prefix: root for root in roots}
    owners = {path: owning_project(path, by_prefix) for path in (*plan.bring, *plan.gone)}
    gone = _not_tracked_by_git(top, plan.gone)
    for prefix in sorted({owners[path] or b"" for path in (*plan.bring, *gone)}):
        bring = [path for path in plan.bring if owners[path] == prefix]
        leaving = [path for path in gone if (owners[path] or b"") == prefix]
        if bring or leaving:
            yield Repository(by_prefix.get(prefix, top.root), top.git, in_hook=True), bring, leaving


def _not_tracked_by_git(top: Repository, gone: Sequence[bytes]) -> list[bytes]:
    """The paths that Git does not track: another branch may have the very same files in Git."""
    theirs = tracked_under(top.git, *gone)
    return [path for path in gone if not any(is_at_or_below(one, path) for one in theirs)]


def _fetch(repo: Repository, tracked: Sequence[TrackedData], progress: Progress) -> list[DverError]:
    tracked = [one for one in tracked if not one.pointer.only_at_source]  # a hook contacts no source
    if not tracked or not repo.config.hooks_fetch:
        return []
    whole = [Target(one) for one in tracked if one.path not in repo.state.partial]
    parts = [CheckoutTarget(one.path, one.entry) for one in tracked if one.path in repo.state.partial]
    try:
        results = download_targets(repo, whole, progress=progress)
        remotes = [one.pointer.remote for one in tracked]
        prefetch(repo, lambda: plan_update(repo, parts, progress=progress), remotes, progress=progress)
    except DverError as error:  # without a network, data in the store is checked out nevertheless
        return [error]
    return [failure for one in results if (failure := one.error()) is not None]
