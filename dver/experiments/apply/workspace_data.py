"""The tracked data of a step: comparing it with the target, saving what is unsaved, and checking it out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from dver.core.errors import ConflictError, CorruptError, DverError, MissingObjectError
from dver.core.oid import Oid
from dver.core.progress import Progress
from dver.core.worker_pool import no_workers
from dver.formats.tree import Entry
from dver.git.index import tracked_under
from dver.repo import Repository
from dver.sharing.prefetch import prefetch
from dver.store.objects.loose import LinkMode
from dver.store.trees.compare import same
from dver.store.trees.edit import NewTrees, keep_common
from dver.store.writer import StoreWriter
from dver.tracking.directory_listings import fetch_directories
from dver.tracking.targets import TrackedData, is_at_or_below, tracked_in_commit, tracked_in_worktree
from dver.workspace.checkout.checkout import is_in_part, restore_parts
from dver.workspace.checkout.incremental import plan_update
from dver.workspace.checkout.restore import CheckoutSummary, CheckoutTarget, joined, plan_restore, restore
from dver.workspace.scan.hash_or_store import HashOnly, KeepInStore
from dver.workspace.scan.scanner import Snapshot


@dataclass(frozen=True, slots=True)
class DataChange:
    """Data that differs from its target. None stands for missing data."""

    path: bytes
    present: Entry | None
    target: Entry | None
    in_part: bool = False
    """Whether only a part of the directory is in the workspace, and stays so."""

    @property
    def checkout(self) -> CheckoutTarget:
        """The target of its checkout."""
        return CheckoutTarget(self.path, self.target)


@dataclass(frozen=True, slots=True)
class DataPlan:
    """The changes of data, and what was found."""

    changes: tuple[DataChange, ...]
    present: Mapping[bytes, Entry | None]
    """The data in the workspace."""
    left_out: tuple[bytes, ...] = ()
    """Data that is missing in the workspace and in the store, and stays so."""

    @property
    def removed(self) -> frozenset[bytes]:
        """The data that the target does not have."""
        return frozenset(one.path for one in self.changes if one.target is None)


def known_data(repo: Repository) -> tuple[Mapping[bytes, TrackedData], frozenset[bytes]]:
    """The data that the workspace tracks, and the paths where dver may have placed data.

    A pointer or lock that cannot be read names none: a step may be the way out of such a state.
    """
    try:
        tracked = tracked_in_worktree(repo)
    except (ConflictError, CorruptError):
        tracked = {}
    own = (path for path in repo.state.placed if is_at_or_below(path, repo.layout.prefix))
    placed = [path for path in own if path not in tracked]
    # Files that another branch has in Git belong to Git.
    of_git = tracked_under(repo.git, *placed) if placed else []
    free = [path for path in placed if not any(is_at_or_below(one, path) for one in of_git)]
    return tracked, frozenset((*tracked, *free))


def data_of_commit(repo: Repository, commit: str) -> tuple[dict[bytes, Entry | None], list[str | None]]:
    """The data of a commit, and the remotes that its pointers name."""
    tracked = tracked_in_commit(repo, commit)
    return {path: one.entry for path, one in tracked.items()}, [one.pointer.remote for one in tracked.values()]


def plan_data(
    repo: Repository,
    target: Mapping[bytes, Entry | None],
    tracked: Mapping[bytes, TrackedData],
    known: Collection[bytes],
    *,
    exact: bool,
    remotes: Sequence[str | None] = (None,),
    progress: Progress,
) -> DataPlan:
    """Compare the data in the workspace with `target`; `known` data that it does not have is to be removed.

    Unless `exact`, data that the user has not checked out and that the store does not have is left out, and partial
    directories stay partial.
    """
    changes, present, left_out = [], {}, []
    with repo.workspace.stat_cache.together():
        for path in sorted({*target, *known}):
            snapshot = repo.workspace.scan(path, HashOnly(), progress=progress)
            present[path] = snapshot.root if snapshot is not None else None
            change = DataChange(path, present[path], target.get(path))
            if not exact and change.target is not None and is_in_part(repo, change.checkout):
                change = _change_of_part(repo, change, snapshot, remotes)
            if same(change.present, change.target):
                continue
            if not exact and snapshot is None and path in tracked and _is_missing(repo, change):
                left_out.append(path)
            else:
                changes.append(change)
    return DataPlan(tuple(changes), present, tuple(left_out))


def _is_missing(repo: Repository, change: DataChange) -> bool:
    return change.target is not None and bool(repo.store.find_missing([change.target.ref(change.path)]))


def _change_of_part(
    repo: Repository, change: DataChange, snapshot: Snapshot | None, remotes: Iterable[str | None]
) -> DataChange:
    """The change of a partial directory: files that are missing on purpose do not count."""
    assert change.target is not None
    if snapshot is None:
        return DataChange(change.path, None, None)
    unread: list[MissingObjectError] = []

    def entries(oid: Oid, names: Collection[bytes]) -> Mapping[bytes, Entry]:
        with suppress(MissingObjectError):
            return repo.store.entries(oid, names)
        try:
            fetch_directories(repo, [oid], remotes)
            return repo.store.entries(oid, names)
        except DverError as error:
            unread.append(MissingObjectError(f"a directory listing of {shown!r} is not in the store", why=error.what))
            raise unread[-1] from error

    shown = repo.layout.shown(change.path)
    read, made = repo.workspace.trees([snapshot]), NewTrees()
    wanted = keep_common(change.target, snapshot.root, entries=entries, read=read, emit=made.add)
    if unread:  # without the listing, what is in the workspace would count as complete
        raise unread[0]
    if same(wanted, snapshot.root):
        return DataChange(change.path, snapshot.root, snapshot.root)
    return DataChange(change.path, snapshot.root, change.target, in_part=True)


def store_data(repo: Repository, paths: Iterable[bytes], progress: Progress) -> dict[bytes, Entry]:
    """Store the data at `paths` as it is in the workspace. No file there becomes a link to the store."""
    found = {}
    mode = LinkMode.AUTO if repo.link_mode.shares_file else repo.link_mode
    with StoreWriter(repo.store) as writer, KeepInStore(writer, mode, no_workers()) as intake:
        for path in paths:
            snapshot = repo.workspace.scan(path, intake, progress=progress)
            if snapshot is not None:
                found[path] = snapshot.root
    return found


def download_data(
    repo: Repository, changes: Sequence[DataChange], remotes: Iterable[str | None], fix: str, progress: Progress
) -> None:
    """Download what the checkout of `changes` needs. Raises MissingObjectError with the command `fix`."""
    wanted = [one.target.ref(one.path) for one in changes if one.target is not None]
    if not repo.store.find_missing(wanted):
        return  # no plan is needed, which would scan the data once more
    wholes = [one.checkout for one in changes if not one.in_part and one.target is not None]
    parts = [one.checkout for one in changes if one.in_part]
    placed = {**repo.state.placed, **_with_present(repo, changes)}
    sources = list(dict.fromkeys(remotes)) or [None]
    try:
        prefetch(repo, lambda: plan_restore(repo, wholes, placed, progress=progress), sources, progress=progress)
        if parts:
            prefetch(repo, lambda: plan_update(repo, parts, progress=progress), sources, progress=progress)
    except MissingObjectError as error:
        raise MissingObjectError(error.what, why=error.why, fix=fix) from error


def note_present(repo: Repository, changes: Sequence[DataChange]) -> None:
    """Record the data in the workspace, which is stored by now, as placed, so that a checkout may replace it."""
    repo.state.record_placed(_with_present(repo, changes))


def check_out_data(repo: Repository, changes: Sequence[DataChange], progress: Progress) -> CheckoutSummary:
    """Check out `changes`. Files that were edited since the plan stay."""
    wholes = [one.checkout for one in changes if not one.in_part]
    parts = [one.checkout for one in changes if one.in_part]
    done = [restore(repo, wholes, progress=progress)] if wholes else []
    done += [restore_parts(repo, parts, progress=progress)] if parts else []
    return joined(done)


def _with_present(repo: Repository, changes: Iterable[DataChange]) -> dict[bytes, tuple[Entry, ...]]:
    placed = repo.state.placed
    found = {}
    for one in changes:
        if one.present is not None:
            # The version that dver placed stays the last one: with it, partial directories are compared.
            found[one.path] = tuple(dict.fromkeys((one.present, *placed.get(one.path, ()))))
    return found
