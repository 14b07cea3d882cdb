"""`dver diff`: compare two versions of tracked data file by file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.display import Displayed
from dver.core.progress import SILENT, Progress
from dver.formats.tree import Entry
from dver.git import revisions
from dver.repo import Repository
from dver.store.trees.compare import TreeChange, TreeReader, compare, find, with_renames
from dver.tracking.browse import reader_of, tracked_at
from dver.tracking.partial_directories import complete_partial
from dver.tracking.targets import Target, TrackedData, select_targets, tracked_in_commit
from dver.workspace.changes.data_changes import RecordedData, pointer_moved, state_of
from dver.workspace.scan.hash_or_store import HashOnly
from dver.workspace.state.data_state import DataState


@dataclass(frozen=True, slots=True, repr=False)
class DiffResult(Displayed):
    """The changes from the old to the new version; paths are relative to the top of the Git worktree."""

    changes: tuple[TreeChange, ...]
    absent: tuple[bytes, ...]
    """Skipped tracked data that is not in the workspace."""
    out_of_date: tuple[bytes, ...] = ()
    """Skipped tracked data that is out of date and was not edited."""


def diff(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    old: str | None = None,
    new: str | None = None,
    progress: Progress = SILENT,
) -> DiffResult:
    """Compare the commit `old`, HEAD by default, with the commit `new` or with the workspace.

    With `paths`, only data at or below them. Raises MissingObjectError for a differing directory that is not in the
    store.
    """
    before = tracked_at(repo, old) if old is not None else _at_head(repo)
    after = tracked_at(repo, new)
    targets = select_targets(repo, {**before, **after}, paths, cwd)
    left = _recorded(repo, before, targets, old)
    readers: dict[bytes, TreeReader] = {}
    right = _recorded(repo, after, targets, new) if new is not None else _scanned(repo, targets, readers, progress)
    absent = [path for path in left if new is None and path in after and path not in right]
    behind = _out_of_date(repo, after, targets, progress) if old is None and new is None else []
    changes: list[TreeChange] = []
    for target in sorted(targets, key=lambda target: target.path):
        path = target.path
        if path not in absent and path not in behind:
            read, read_new = reader_of(repo, target, rev=old), readers.get(path) or reader_of(repo, target, rev=new)
            changes += compare(left.get(path), right.get(path), read, read_new, path=path)
    return DiffResult(tuple(with_renames(changes)), tuple(absent), tuple(behind))


def _out_of_date(
    repo: Repository, tracked: Mapping[bytes, TrackedData], targets: Sequence[Target], progress: Progress
) -> list[bytes]:
    """The targets whose pointer moved and whose data is what dver placed before."""
    placed = repo.state.placed
    moved = [one for one in targets if one.tracked.path in tracked and pointer_moved(RecordedData.of(one), placed)]
    states = ((one, repo.workspace.scan(one.path, HashOnly(), progress=progress)) for one in moved)
    return [
        one.path
        for one, snapshot in states
        if state_of(repo, RecordedData.of(one), snapshot, placed) is DataState.OUT_OF_DATE
    ]


def _at_head(repo: Repository) -> dict[bytes, TrackedData]:
    head = revisions.head(repo.git)
    return tracked_in_commit(repo, head) if head is not None else {}


def _recorded(
    repo: Repository, tracked: Mapping[bytes, TrackedData], targets: Sequence[Target], rev: str | None
) -> dict[bytes, Entry]:
    entries = {}
    for target in targets:
        one = tracked.get(target.tracked.path)
        entry = find(one.entry, target.inside, reader_of(repo, target, rev=rev)) if one is not None else None
        if entry is not None:
            entries[target.path] = entry
    return entries


def _scanned(
    repo: Repository, targets: Sequence[Target], readers: dict[bytes, TreeReader], progress: Progress
) -> dict[bytes, Entry]:
    entries = {}
    for target in targets:
        snapshot = repo.workspace.scan(target.path, HashOnly(), progress=progress)
        if snapshot is None:
            continue
        path, entries[target.path] = target.path, snapshot.root
        stored = reader_of(repo, target)
        readers[path] = repo.workspace.trees([snapshot], stored=stored)
        if not target.inside:
            entries[path], readers[path] = complete_partial(repo, path, target.tracked.entry, snapshot, stored=stored)
    return entries
