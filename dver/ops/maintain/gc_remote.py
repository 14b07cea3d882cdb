"""`dver gc --remote`: condemn unreferenced data on a remote, and delete data that was condemned earlier."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import astuple, dataclass
from functools import partial
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import ConflictError, LocalIOError, RepositoryError, UsageError
from dver.core.oid import Oid
from dver.core.phrasing import join_limited, quoted
from dver.core.progress import SILENT, Progress
from dver.formats.objectref import ObjectKey, ObjectRef
from dver.formats.remote_repository import RepositoryEntry
from dver.git.git_repo import CommitId, GitRepo
from dver.git.history.gc_roots import read_roots
from dver.git.remotes.upstream import fetch_command, unknown_tips
from dver.git.revisions import is_shallow, newest_tip
from dver.maintenance.clone_needs import needs_of, with_kinds
from dver.pipelines.run_cache.entries import RunCache
from dver.profile_cache.kept_objects import kept_roots
from dver.remote.clock import trusted_remote_time
from dver.remote.gc.collection import RemoteGcResult, prepare_remote_gc, remote_gc
from dver.remote.gc.state import ObjectsByKind
from dver.remote.index.contents import list_contents
from dver.remote.index.repositories import ID_DIGITS, forget_entries
from dver.remote.probe import ReportsServer
from dver.remote.storage import Storage
from dver.remote.transfer.run_batches import merge_batches, receive
from dver.repo import Repository
from dver.repo.remotes import Remotes
from dver.sharing.registration import has_history, unknown_repositories

_DAY_SECONDS: Final = 86_400
_SHORT: Final = 10
"""Digits of a commit in a message."""


@dataclass(frozen=True, slots=True, repr=False)
class RemoteGcReport(Displayed):
    """The result of a remote gc, or of its dry run; see `RemoteGcResult`."""

    remote: str
    url: str
    dry_run: bool
    condemned_packs: int
    condemned_size: int
    copied_size: int
    deleted_packs: int
    deleted_size: int
    next_due: int | None


def gc_remote(
    repo: Repository,
    name: str | None,
    *,
    dry_run: bool = False,
    grace: int | None = None,
    offline: bool = False,
    progress: Progress = SILENT,
) -> RemoteGcReport:
    """Condemn data on the remote `name` that this clone's Git history does not reference, and delete due data.

    Other clones may have pushed commits that this clone does not have. So its Git remotes are asked first, unless
    `offline` is set. Many small run cache batches are merged. Raises RepositoryError if the clone does not know all
    commits, ConflictError if another repository uses the remote, RemoteError.
    """
    _refuse_partial_knowledge(repo.git, offline=offline)
    catalog = repo.remotes.catalog(name)
    chosen, url = repo.remotes.settings(name).name, catalog.storage.url
    now = partial(trusted_remote_time, catalog.storage)
    if grace is None:
        _refuse_late_clock(repo.git, chosen, catalog.storage)
        grace = repo.config.gc_grace

    monitored: set[Oid] = set()

    def roots() -> list[ObjectRef]:
        needs = needs_of(repo.git)
        monitored.update(needs.monitored)
        _refuse_other_repositories(repo.git, chosen, catalog.storage, needs.git.commits)
        return [ObjectRef(oid, kind) for oid, kind in with_kinds(repo.store, needs.roots)]

    def results(live: ObjectsByKind) -> set[ObjectKey]:
        # Other clones may have made them: their entries come from the batches on the remote.
        receive(catalog, RunCache(repo).add_received, list_contents(catalog.storage))
        return kept_roots(repo, live) | kept_roots(repo, monitored)

    if dry_run:
        prepared = prepare_remote_gc(roots, repo.store, catalog, grace=grace, now=now, results=results)
        done = RemoteGcResult.of(prepared.plan)
    else:
        done = remote_gc(roots, repo.store, catalog, grace=grace, now=now, results=results, progress=progress)
        merge_batches(catalog)
    return RemoteGcReport(chosen, url, dry_run, *astuple(done))


def _refuse_partial_knowledge(git: GitRepo, *, offline: bool) -> None:
    if is_shallow(git):
        raise RepositoryError(
            "this clone is shallow and does not know the data of older commits",
            why="their data would be removed from the remote",
            fix="`git fetch --unshallow --tags`, or run this in a full clone",
        )
    if offline:
        return
    unknown = unknown_tips(git, read_roots(git).commits)
    if unknown:
        names = join_limited(
            [f"{tip.remote} {tip.ref.removeprefix('refs/').removeprefix('heads/')}" for tip in unknown]
        )
        raise RepositoryError(
            f"this clone does not have all commits of its Git remotes: {names}",
            why="their data would be removed from the remote",
            fix=f"{fetch_command(unknown)}, then run the same command again",
        )


def _refuse_late_clock(git: GitRepo, remote: str, storage: Storage) -> None:
    """Raise LocalIOError if the newest commit is from the future, since a remote without a clock relies on this one."""
    newest = newest_tip(git)
    if isinstance(storage, ReportsServer) or newest is None or newest.date - time.time() < _DAY_SECONDS:
        return
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(newest.date))
    raise LocalIOError(
        "this machine's clock seems to be behind",
        why=f"commit {newest.id[:_SHORT]} ({newest.ref}) is from {day}, so the grace period would be wrong",
        fix=f"set the clock: `timedatectl set-ntp true`; if the commit's date is wrong: "
        f"dver gc --remote {quoted(remote)} --grace 14d",
    )


def _refuse_other_repositories(git: GitRepo, remote: str, storage: Storage, commits: Collection[CommitId]) -> None:
    unknown = unknown_repositories(git, storage, commits)
    if not unknown:
        return
    name, first = next(iter(sorted(unknown.items())))
    names = join_limited([_described(one) for one in unknown.values()])
    shared = " and shares commits with it" if first.roots and has_history(first, commits) else ""
    forget = f"dver gc --remote {quoted(remote)} --forget {name.hex()[:ID_DIGITS]}"
    raise ConflictError(
        f"another repository uses the remote {remote!r}: {names}",
        why=f"this clone does not know its commits{shared}, so their data would be removed",
        fix=f"{_fetch_command(first)}, then run the same command again; if it no longer uses the remote: {forget}",
    )


def _described(entry: RepositoryEntry) -> str:
    return f"{entry.name} ({entry.url})" if entry.url else entry.name


def _fetch_command(entry: RepositoryEntry) -> str:
    """The commands that fetch the commits of `entry`."""
    if not entry.url:
        return f"add the Git remote of {entry.name}, `git fetch` it"
    name = quoted(entry.name)
    return f"git remote add {name} {quoted(entry.url)} && git fetch {name}"


def forget_repository(remotes: Remotes, remote: str | None, digits: str) -> tuple[str, ...]:
    """Delete the repository entries on `remote` whose id begins with `digits`, and return their names.

    Raises UsageError if there is none, RemoteError, CorruptError.
    """
    storage = remotes.connect(remote)
    forgotten = forget_entries(storage, digits) if digits else []
    if not forgotten:
        raise UsageError(
            f"no repository with the id {digits!r} uses the remote",
            why=f"{storage.url} has no such entry",
            fix="`dver remote check` lists the repositories that use a remote",
        )
    return tuple(map(_described, forgotten))
