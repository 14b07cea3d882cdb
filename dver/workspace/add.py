"""Adding data: scanning it into the store and writing its pointers. `add` and the pre-commit hook share it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import ConflictError
from dver.core.phrasing import quoted
from dver.core.progress import Progress, Steps
from dver.core.worker_pool import WorkerPool
from dver.formats.pointer import Pointer
from dver.formats.tree import Entry, Kind
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.repo.workspace_state import WorkspaceState
from dver.store.trash.guard import GcGuard
from dver.store.trees.compare import same
from dver.store.trees.edit import NewTrees, replace_entry
from dver.store.writer import StoreWriter
from dver.tracking.availability import availability_of
from dver.tracking.directory_listings import DirectoryReader
from dver.tracking.partial_directories import complete_partial, is_partial
from dver.tracking.pointer_files import ATTEMPTS, DeletedByGcError, write_pointers
from dver.tracking.targets import Target, TrackedData
from dver.tracking.trackable import replaced_by_link
from dver.workspace.changes.data_changes import RecordedData, pointer_moved, state_of
from dver.workspace.files.share_with_store import share_with_store
from dver.workspace.scan.hash_or_store import HashOnly, KeepInStore
from dver.workspace.scan.ignore import IgnoreRules
from dver.workspace.scan.scanner import Intake
from dver.workspace.state.data_state import DataState
from dver.workspace.state.placed import after_rewrite

AS_BEFORE: Final[Mapping[bytes, bool]] = MappingProxyType({})
"""Pointers say of skipped checks what they said before."""


@dataclass(frozen=True, slots=True, repr=False)
class AddedPointer(Displayed):
    """A pointer that was written. `before` is None for a new one. Paths are relative to the top of the Git worktree."""

    path: bytes
    before: Pointer | None
    pointer: Pointer

    @property
    def changed(self) -> bool:
        """Whether the pointer changed."""
        return self.before != self.pointer


@dataclass(frozen=True, slots=True)
class AddRequest:
    """A path to add: new data, tracked data, or a path inside of tracked data."""

    path: bytes
    target: Target | None


@dataclass(frozen=True, slots=True)
class ScannedRequests:
    """The result of scanning all requests."""

    added: list[AddedPointer]
    complete: frozenset[bytes]
    """Data paths whose tracked data is in the workspace completely."""


def store_and_record(
    repo: Repository,
    tracked: Mapping[bytes, TrackedData],
    requests: Sequence[AddRequest],
    pool: WorkerPool,
    *,
    remote: str | None,
    progress: Progress,
    skipped: Mapping[bytes, bool] = AS_BEFORE,
    verify: Callable[[Sequence[AddedPointer]], None] = lambda _: None,
) -> list[AddedPointer]:
    """Store the requested data and write its pointers. Call it within `repo.exclusive()`.

    `verify` is called before the first pointer is written, and may raise. For `skipped`, see `scan_requests`.
    """
    whole = {one.path for one in requests if one.target is None or not one.target.inside}
    tries_left = ATTEMPTS
    while True:
        guard = GcGuard(repo.store)
        scanned = scan_requests(repo, tracked, requests, pool, remote=remote, progress=progress, skipped=skipped)
        verify(scanned.added)
        tries_left -= 1
        try:
            _record_partial(repo.state, requests, scanned.complete)
            _record(repo, scanned.added, whole, guard)
            break
        except DeletedByGcError:
            if not tries_left:
                raise
    repo.store.index.mark_complete(one.pointer.oid for one in scanned.added if one.path in whole - repo.state.partial)
    return scanned.added


def _record_partial(state: WorkspaceState, requests: Sequence[AddRequest], complete: frozenset[bytes]) -> None:
    """Record which directories are partial, before the data that dver placed is recorded."""
    tracked = [one.target.tracked for one in requests if one.target is not None]
    state.record_partial(
        {one.path: one.path not in complete for one in tracked if is_partial(state, one.path, one.entry)}
    )


def scan_requests(
    repo: Repository,
    tracked: Mapping[bytes, TrackedData],
    requests: Sequence[AddRequest],
    pool: WorkerPool | None,
    *,
    remote: str | None,
    progress: Progress,
    skipped: Mapping[bytes, bool] = AS_BEFORE,
) -> ScannedRequests:
    """Scan the requests, into the store if there is a pool; returns the new pointers.

    `skipped` says by data path whether checks of the data were skipped. Of other data, unchanged pointers say what they
    said.
    """
    with ExitStack() as stack:
        intake: Intake = HashOnly()
        if pool is not None:
            writer = stack.enter_context(StoreWriter(repo.store))
            intake = stack.enter_context(KeepInStore(writer, repo.link_mode, pool))
        entries: dict[bytes, Entry] = {}
        trees = NewTrees(intake.tree)
        ignore = repo.workspace.ignore()
        sizes = [_size(repo.layout, request, ignore) for request in requests]
        complete: set[bytes] = set()
        with repo.workspace.stat_cache.together(), progress.task("hash", total=sum(sizes)) as task:
            steps = Steps(task)
            for request, size in zip(requests, sizes, strict=True):
                if _scan_one(repo, request, entries, intake, trees, steps.step(size)):
                    complete.add(request.path)
    added = []
    whole = {one.path for one in requests}
    for path, entry in entries.items():
        before = tracked[path].pointer if path in tracked else None
        pointer = Pointer.of(entry, before)
        if path in skipped or (pointer.checks_skipped and path in whole and not pointer.same_data(before or pointer)):
            pointer = replace(pointer, checks_skipped=skipped.get(path, False))
        if remote is not None:
            pointer = replace(pointer, remote=remote)
        added.append(AddedPointer(path, before, pointer))
    return ScannedRequests(added, frozenset(complete))


def _size(layout: Layout, request: AddRequest, ignore: IgnoreRules) -> int:
    """A lower bound for the bytes to read: of tracked directories, most files are known."""
    place = layout.absolute(request.path)
    if request.target is not None and os.path.isdir(place):
        return 0
    return _size_on_disk(place, ignore)


def _size_on_disk(path: bytes, ignore: IgnoreRules) -> int:
    """The bytes of the file at `path`, or of all files below it that `ignore` does not skip.

    Unreadable directories count as empty: the scan reports them.
    """
    try:
        status = os.lstat(path)
        if stat.S_ISDIR(status.st_mode):
            return _size_below(path, ignore)
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _size_below(path: bytes, ignore: IgnoreRules) -> int:
    applies = ignore.applies_in(path)
    size = 0
    directories = []
    with os.scandir(path) as listing:
        for entry in listing:
            is_directory = entry.is_dir(follow_symlinks=False)
            if applies and ignore.ignores(entry.path, is_directory=is_directory):
                continue
            if is_directory:
                directories.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                size += entry.stat(follow_symlinks=False).st_size
    return size + sum(_size_on_disk(directory, ignore) for directory in directories)


def _scan_one(
    repo: Repository,
    request: AddRequest,
    entries: dict[bytes, Entry],
    intake: Intake,
    trees: NewTrees,
    progress: Progress,
) -> bool:
    """Scan one request into `entries`. Returns whether the workspace has all of its tracked data."""
    snapshot = repo.workspace.scan(request.path, intake, progress=progress)
    found = snapshot.root if snapshot else None
    target = request.target
    if target is None:
        assert found is not None
        entries[request.path] = found
        return False
    one, stored = target.tracked, DirectoryReader(repo, target.tracked)
    if target.inside:
        top = entries.get(one.path, one.entry)
        entries[one.path] = replace_entry(top, target.inside, found, read=trees.reader(stored), emit=trees.add)
        return False
    assert snapshot is not None
    if snapshot.root.kind is Kind.SYMLINK:
        raise replaced_by_link(repo.layout, one.path)
    entries[one.path], _ = complete_partial(repo, one.path, one.entry, snapshot, stored=stored, emit=trees.add)
    return same(entries[one.path], snapshot.root)


def _record(repo: Repository, added: Sequence[AddedPointer], whole: Collection[bytes], guard: GcGuard) -> None:
    write_pointers(repo, {one.path: one.pointer for one in added}, guard)
    if repo.link_mode.shares_file:
        for one in added:
            place = repo.layout.absolute(one.path)
            share_with_store(
                place, repo.store, repo.link_mode, repo.workspace.stat_cache, scratch=repo.layout.staging_dir
            )
    placed = repo.state.placed
    repo.state.record_placed(
        {one.path: _placed(one, () if one.path in whole else placed.get(one.path, ())) for one in added}
    )


def _placed(one: AddedPointer, before: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries to record as placed; for a partial add, those of `before`."""
    entry = one.pointer.entry(one.path)
    return after_rewrite(before, one.before.entry(one.path), entry) if one.before is not None else (entry,)


def out_of_date_states(
    repo: Repository, requests: Sequence[AddRequest], *, update: bool, progress: Progress
) -> dict[bytes, DataState]:
    """The states of data whose pointer moved, by path: adding it would revert the pointer."""
    placed = repo.state.placed
    found = {}
    for request in requests:
        # A user who names data that dver never placed means it.
        if request.target is None or not (update or placed.get(request.target.tracked.path)):
            continue
        place = RecordedData.of(request.target)
        if pointer_moved(place, placed):
            snapshot = repo.workspace.scan(request.path, HashOnly(), progress=progress)
            reader = DirectoryReader(repo, request.target.tracked)
            state = state_of(repo, place, snapshot, placed, stored=reader)
            if state.is_behind:
                found[request.path] = state
    return found


def out_of_date_error(repo: Repository, request: AddRequest, state: DataState) -> ConflictError:
    """The error for adding data in `state`."""
    assert request.target is not None
    tracked = request.target.tracked
    shown, text = repo.layout.shown(request.path), quoted(repo.layout.shown(request.path))
    in_store = tracked.pointer.oid in availability_of(repo, [tracked.pointer]).in_store
    verb = "checkout" if in_store else "pull"
    if state is DataState.OUT_OF_DATE:
        return ConflictError(
            f"{shown!r} is out of date",
            why="its pointer changed, and the data is still what dver placed there before; adding it would take the "
            "change back",
            fix=f"dver {verb} {text}, or, to record the older version: dver add --force {text}",
        )
    return ConflictError(
        f"{shown!r} was edited from another version than its pointer's",
        why="the pointer changed since dver placed the data; adding it would take the change back",
        fix=f"dver {verb} {text} updates what was not edited; dver add --force {text} records the data as it is; "
        f"dver {verb} --force {text} discards the edits",
    )
