"""`dver gc --remote`: condemn unreferenced data on a remote, and delete what was condemned long ago."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Final

from dver.core.errors import ConflictError, LocalIOError, RepositoryError, UsageError
from dver.core.phrasing import join_limited, quoted
from dver.core.progress import SILENT, Progress
from dver.formats.objectref import ObjectRef
from dver.formats.remote_repository import RepositoryEntry
from dver.git.history.gc_roots import read_roots
from dver.git.remotes.upstream import fetch_command, unknown_tips
from dver.git.revisions import CommitId, is_shallow, newest_tip
from dver.maintenance.clone_needs import needs_of, with_kinds
from dver.remote.clock import agreed_time
from dver.remote.gc.collection import prepare_remote_gc, remote_gc
from dver.remote.gc.state import total_size
from dver.remote.index.repositories import ID_DIGITS, forget_entries
from dver.remote.probe import Server
from dver.remote.storage import Storage
from dver.remote.transfer.run_batches import gather
from dver.repo import Repository
from dver.sharing.registration import has_history, unknown_repositories

_DAY_SECONDS: Final = 86_400
_SHORT: Final = 10
"""Digits of a commit in a message."""


@dataclass(frozen=True, slots=True)
class RemoteGcReport:
    """What a gc of a remote did, or with a dry run would do. Sizes in bytes, `next_due` in Unix seconds."""

    remote: str
    url: str
    dry_run: bool
    condemned_packs: int
    condemned_size: int
    copied_size: int
    """Of what is needed in packs that are mostly not: it is written anew."""
    deleted_packs: int
    deleted_size: int
    next_due: int | None
    """When the first of what is condemned may be deleted, by a gc then; None if nothing is."""


def gc_remote(
    repo: Repository,
    name: str | None,
    *,
    dry_run: bool = False,
    grace: int | None = None,
    offline: bool = False,
    progress: Progress = SILENT,
) -> RemoteGcReport:
    """Condemn what this clone's Git history does not need of the remote `name`, and delete what was condemned for long.

    Others may have pushed commits of which this clone does not know: so its Git remotes are asked first, unless
    `offline` is set. Many small batches of runs are put together. Raises RepositoryError where it does not know enough,
    ConflictError if another repository uses the remote, RemoteError.
    """
    _refuse_partial_knowledge(repo, offline=offline)
    catalog = repo.remotes.catalog(name)
    chosen, url = repo.remotes.settings(name).name, catalog.storage.url
    now = partial(agreed_time, catalog.storage)
    if grace is None:
        _refuse_late_clock(repo, chosen, catalog.storage)
        grace = repo.config.gc_grace

    def roots() -> list[ObjectRef]:
        needs = needs_of(repo.git)
        _refuse_other_repositories(repo, chosen, catalog.storage, needs.git.commits)
        return [ObjectRef(oid, kind) for oid, kind in with_kinds(repo.store, needs.roots)]

    if not dry_run:
        done = remote_gc(roots, repo.store, catalog, grace=grace, now=now, progress=progress)
        gather(catalog)
        return RemoteGcReport(
            chosen,
            url,
            dry_run,
            done.condemned_packs,
            done.condemned_size,
            done.copied_size,
            done.deleted_packs,
            done.deleted_size,
            done.next_due,
        )
    plan = prepare_remote_gc(roots, repo.store, catalog, grace=grace, now=now).plan
    return RemoteGcReport(
        chosen,
        url,
        dry_run,
        len(plan.condemned_packs),
        total_size(plan.condemned_packs),
        sum([row.stored_size for row in plan.copies]),
        len(plan.deleted_packs),
        total_size(plan.deleted_packs),
        plan.next_due,
    )


def _refuse_partial_knowledge(repo: Repository, *, offline: bool) -> None:
    if is_shallow(repo.git):
        raise RepositoryError(
            "this clone is shallow, and does not know what older commits need",
            why="their data would be taken off the remote",
            fix="get all of the history: git fetch --unshallow --tags; or collect in a full clone",
        )
    if offline:
        return
    unknown = unknown_tips(repo.git, read_roots(repo.git).commits)
    if unknown:
        names = join_limited(
            [f"{tip.remote} {tip.ref.removeprefix('refs/').removeprefix('heads/')}" for tip in unknown]
        )
        raise RepositoryError(
            f"this clone does not have all commits of its Git remotes: {names}",
            why="the data that they need would be taken off the remote",
            fix=f"{fetch_command(unknown)}, then run the same command again",
        )


def _refuse_late_clock(repo: Repository, remote: str, storage: Storage) -> None:
    """A remote without a clock of its own: then the dates of commits show whether this machine's clock is behind."""
    newest = newest_tip(repo.git)
    if isinstance(storage, Server) or newest is None or newest.date - time.time() < _DAY_SECONDS:
        return
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(newest.date))
    raise LocalIOError(
        "this machine's clock seems to be behind",
        why=f"commit {newest.id[:_SHORT]} ({newest.ref}) is of {day}, so no grace period could be kept",
        fix=f"set the clock: `timedatectl set-ntp true`; if the commit's date is wrong: "
        f"dver gc --remote {quoted(remote)} --grace 14d",
    )


def _refuse_other_repositories(repo: Repository, remote: str, storage: Storage, commits: Collection[CommitId]) -> None:
    unknown = unknown_repositories(repo, storage, commits)
    if not unknown:
        return
    name, first = next(iter(sorted(unknown.items())))
    names = join_limited([_described(one) for one in unknown.values()])
    shared = " and shares commits with it" if first.roots and has_history(first, commits) else ""
    forget = f"dver gc --remote {quoted(remote)} --forget {name.hex()[:ID_DIGITS]}"
    raise ConflictError(
        f"the remote {remote!r} is used by another repository, too: {names}",
        why=f"this clone does not know its commits{shared}, so the data that they need would be removed",
        fix=f"{_fetch_command(first)}, then run the same command again; if it no longer uses the remote: {forget}",
    )


def _described(entry: RepositoryEntry) -> str:
    return f"{entry.name} ({entry.url})" if entry.url else entry.name


def _fetch_command(entry: RepositoryEntry) -> str:
    """The commands by which a clone gets to know the commits of `entry`."""
    if not entry.url:
        return f"add the Git remote of {entry.name}, `git fetch` it"
    name = quoted(entry.name)
    return f"git remote add {name} {quoted(entry.url)} && git fetch {name}"


def forget_repository(repo: Repository, remote: str | None, digits: str) -> tuple[str, ...]:
    """Delete the entries of repositories on `remote` whose id begins with `digits`; how they were called.

    Raises UsageError if there is none, RemoteError, CorruptError.
    """
    storage = repo.remotes.connect(remote)
    forgotten = forget_entries(storage, digits) if digits else []
    if not forgotten:
        raise UsageError(
            f"no repository with the id {digits!r} uses the remote",
            why=f"{storage.url} has no such entry",
            fix="`dver remote check` lists the repositories that use a remote",
        )
    return tuple(map(_described, forgotten))
