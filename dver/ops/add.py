"""`dver add`: keep data in the store, and write the pointers that stand for it in Git."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from dver.core.crew import Crew
from dver.core.errors import UsageError
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress
from dver.formats.pointer import Pointer
from dver.formats.tree import Entry, read_directory
from dver.project.partial import completed
from dver.project.pointerfiles import TRIES, SweptError, write_pointers
from dver.project.targets import Target, Tracked, containing, data_path, entry_of, in_worktree, pointer_of, select
from dver.project.tracking import check_inside, check_trackable
from dver.repo import Repository
from dver.store.compare import find
from dver.store.graft import graft
from dver.store.trash import Watch
from dver.store.writer import StoreWriter
from dver.worktree.intake import HashOnly, KeepInStore, keeping_crew
from dver.worktree.relink import share_with_store
from dver.worktree.scan import Intake


@dataclass(frozen=True, slots=True)
class Added:
    """One pointer: `before` is None where it is new. Paths are relative to the top of the Git worktree."""

    path: bytes
    before: Pointer | None
    pointer: Pointer

    @property
    def changed(self) -> bool:
        """Does the pointer now say something else?"""
        return self.before != self.pointer


@dataclass(frozen=True, slots=True)
class AddResult:
    """What was added, or with a dry run would be."""

    added: tuple[Added, ...]
    dry_run: bool
    absent: tuple[bytes, ...] = ()
    """Tracked data that `update` skipped: it is not in the workspace."""


@dataclass(frozen=True, slots=True)
class _Request:
    """Something to scan: a new path, tracked data, or a place inside of it."""

    path: bytes
    target: Target | None


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
        present = [request for request in requests if _is_there(repo, request)]
        if dry_run:
            added = _take(repo, tracked, present, None, remote=remote, progress=progress)
        else:
            added = _keep(repo, tracked, present, crew, remote=remote, progress=progress)
    absent = tuple(request.path for request in requests if request not in present)
    return AddResult(tuple(added), dry_run, absent)


def _updates(repo: Repository, tracked: Mapping[bytes, Tracked], paths: Sequence[str], cwd: Path) -> list[_Request]:
    return [_Request(target.path, target) for target in select(repo, tracked, paths, cwd)]


def _requests(repo: Repository, tracked: Mapping[bytes, Tracked], paths: Sequence[str], cwd: Path) -> list[_Request]:
    if not paths:
        raise UsageError(
            "nothing to add", why="no path was given", fix="dver add PATH…, or `dver add -u` for all changes"
        )
    requests = {}
    for text in paths:
        path = data_path(repo, text, cwd)
        target = containing(tracked, path)
        if target is None or not target.inside:
            check_trackable(repo, tracked, path, text)
        else:
            check_inside(repo, target, text)
            if not _exists(repo, path) and not _is_recorded(repo, target):
                raise UsageError(f"{text!r} does not exist", fix="check the spelling; `dver ls` lists what is tracked")
        requests[path] = _Request(path, target)
    return list(requests.values())


def _is_there(repo: Repository, request: _Request) -> bool:
    # A place inside of a tracked directory that is gone is a deletion; tracked data that is gone is not here at all.
    inside = request.target is not None and bool(request.target.inside)
    return inside or _exists(repo, request.path)


def _is_recorded(repo: Repository, target: Target) -> bool:
    return find(target.tracked.entry, target.inside, repo.store.tree) is not None


class _NewTrees:
    """Trees that are being made: they go to the intake, and can be read before they are in the store."""

    def __init__(self, repo: Repository, intake: Intake) -> None:
        self.intake = intake
        self._store = repo.store
        self._new: dict[Oid, bytes] = {}

    def emit(self, oid: Oid, content: bytes) -> None:
        """Take a new tree object."""
        self._new[oid] = content
        self.intake.tree(oid, content)

    def read(self, oid: Oid) -> Sequence[Entry]:
        """The entries of a directory, new or not."""
        return read_directory(lambda wanted: self._new.get(wanted) or self._store.read(wanted), oid)


def _keep(
    repo: Repository,
    tracked: Mapping[bytes, Tracked],
    requests: Sequence[_Request],
    crew: Crew,
    *,
    remote: str | None,
    progress: Progress,
) -> list[Added]:
    """Take all that is requested into the store, and name it in pointers."""
    tries_left = TRIES
    while True:
        watch = Watch(repo.store)
        added = _take(repo, tracked, requests, crew, remote=remote, progress=progress)
        tries_left -= 1
        try:
            _record(repo, added, watch)
            break
        except SweptError:
            if not tries_left:
                raise
    whole = {one.path for one in requests if one.target is None or not one.target.inside}
    repo.store.mark_complete(one.pointer.oid for one in added if one.path in whole - repo.partial)
    return added


def _take(
    repo: Repository,
    tracked: Mapping[bytes, Tracked],
    requests: Sequence[_Request],
    crew: Crew | None,
    *,
    remote: str | None,
    progress: Progress,
) -> list[Added]:
    """Scan all that is requested, into the store if there is a crew for it; the new pointers."""
    with ExitStack() as stack:
        intake: Intake = HashOnly()
        if crew is not None:
            writer = stack.enter_context(StoreWriter(repo.store))
            intake = stack.enter_context(KeepInStore(writer, repo.link_mode, crew))
        entries: dict[bytes, Entry] = {}
        trees = _NewTrees(repo, intake)
        for request in requests:
            _take_one(repo, request, entries, trees, progress)
    added = []
    for path, entry in entries.items():
        before = tracked[path].pointer if path in tracked else None
        pointer = pointer_of(entry, before)
        if remote is not None:
            pointer = replace(pointer, remote=remote)
        added.append(Added(path, before, pointer))
    return added


def _take_one(
    repo: Repository, request: _Request, entries: dict[bytes, Entry], trees: _NewTrees, progress: Progress
) -> None:
    snapshot = repo.scan(request.path, trees.intake, progress=progress)
    found = snapshot.root if snapshot else None
    target = request.target
    if target is None or not target.inside:
        assert snapshot is not None
        entries[request.path] = snapshot.root
        if target is not None:
            entries[request.path], _ = completed(repo, request.path, target.tracked.entry, snapshot, emit=trees.emit)
        return
    top = entries.get(target.tracked.path, target.tracked.entry)
    entries[target.tracked.path] = graft(top, target.inside, found, read=trees.read, emit=trees.emit)


def _record(repo: Repository, added: Sequence[Added], watch: Watch) -> None:
    write_pointers(repo, {one.path: one.pointer for one in added}, watch)
    if repo.link_mode.shares_file:
        for one in added:
            place = repo.absolute(one.path)
            share_with_store(place, repo.store, repo.link_mode, repo.stat_cache, scratch=repo.scratch)
    repo.note_placed({one.path: (entry_of(one.path, one.pointer),) for one in added})


def _exists(repo: Repository, path: bytes) -> bool:
    return os.path.lexists(repo.absolute(path))
