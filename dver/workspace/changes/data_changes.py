"""Changes of tracked data against its pointer, found by a scan of the workspace."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from dver.core.errors import ConflictError, CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.core.progress import Progress
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer
from dver.formats.tree import Entry, Kind
from dver.repo import Repository
from dver.store.trees.compare import TreeChange, TreeReader, compare, same, with_renames
from dver.tracking.partial_directories import complete_partial, is_partial, partial_changes
from dver.tracking.targets import Target
from dver.workspace.scan.hash_or_store import HashOnly
from dver.workspace.scan.scanner import Snapshot
from dver.workspace.state.data_state import DataState, ReadEntries, data_state
from dver.workspace.state.placed import NOTHING, Placed


def unchanged_files(repo: Repository, pointers: Mapping[bytes, Pointer], progress: Progress) -> dict[bytes, Entry]:
    """The single files among `pointers` that match their pointers, by path.

    One scan per directory: a scan costs more than a file, and there may be thousands of single files.
    """
    folders: dict[bytes, list[bytes]] = {}
    for path, pointer in pointers.items():
        if pointer.kind is ObjectKind.BLOB:
            folders.setdefault(os.path.dirname(path), []).append(os.path.basename(path))
    found: dict[bytes, Entry] = {}
    for folder, names in folders.items():
        try:
            snapshot = repo.workspace.scan_names(folder, sorted(names), HashOnly(), progress=progress)
        except ConflictError:  # a file is being written: comparing each one finds it
            continue
        for entry in (snapshot.tree(snapshot.root.oid) or ()) if snapshot is not None else ():
            path = os.path.join(folder, entry.name)
            if same(pointers[path].entry(path), entry):
                found[path] = entry
    return found


@dataclass(frozen=True, slots=True)
class DataChanges:
    """The state of a tracked path in the workspace."""

    found: Entry | None
    state: DataState
    changes: tuple[TreeChange, ...] | None = ()
    """Changes against the pointer, if the data was edited; None if the store cannot read the recorded version."""
    is_complete: bool = False
    """Whether all recorded files are present. Known for unchanged data only."""


def compare_with_pointer(
    repo: Repository, path: bytes, pointer: Pointer, placed: Placed, progress: Progress
) -> DataChanges:
    """Compare the data at `path` with its `pointer` and with the data that dver `placed` there."""
    snapshot = repo.workspace.scan(path, HashOnly(), progress=progress)
    recorded = pointer.entry(path)
    if snapshot is None:
        return DataChanges(None, DataState.ABSENT)
    if same(recorded, snapshot.root):
        return DataChanges(snapshot.root, DataState.UNCHANGED, is_complete=True)
    state = state_of(repo, RecordedData(path, recorded), snapshot, placed)
    if state is DataState.OUT_OF_DATE:
        return DataChanges(snapshot.root, state)
    try:
        found, changes = _changes(repo, path, recorded, snapshot)
    except (MissingObjectError, CorruptError):
        return DataChanges(snapshot.root, state, None)
    return DataChanges(found, state, changes) if changes else DataChanges(found, DataState.UNCHANGED)


def _changes(
    repo: Repository, path: bytes, recorded: Entry, snapshot: Snapshot
) -> tuple[Entry, tuple[TreeChange, ...]]:
    """The data at `path`, completed with recorded files that were never checked out, and its changes."""
    if is_partial(repo.state, path, recorded):
        changes = tuple(with_renames(partial_changes(repo, path, recorded, snapshot)))
        return (complete_partial(repo, path, recorded, snapshot)[0] if changes else recorded), changes
    return snapshot.root, tuple(
        with_renames(compare(recorded, snapshot.root, repo.store.tree, repo.workspace.trees([snapshot]), path=path))
    )


@dataclass(frozen=True, slots=True)
class RecordedData:
    """Tracked data as its pointer or lock records it, or a path inside of it."""

    path: bytes
    """The path of the tracked data."""
    recorded: Entry
    inside: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, target: Target) -> RecordedData:
        """The recorded data of a target."""
        return cls(target.tracked.path, target.tracked.entry, target.inside)


def pointer_moved(place: RecordedData, placed: Placed) -> bool:
    """Whether the pointer moved since dver placed its data. Data that differs may then be merely out of date."""
    return any(not same(one, place.recorded) for one in placed.get(place.path, (NOTHING,)))


def state_of(
    repo: Repository,
    place: RecordedData,
    snapshot: Snapshot | None,
    placed: Placed,
    *,
    stored: TreeReader | None = None,
) -> DataState:
    """The state of the data at `place`, from the `snapshot` of it and the data that dver `placed` there.

    `stored` reads directories that are not in the store. Without it, unreadable directories count as changed.
    """

    def listing(oid: Oid, names: Collection[bytes] | None) -> Mapping[bytes, Entry]:
        if oid == NOTHING.oid:
            return {}
        try:
            return {one.name: one for one in repo.store.tree(oid)} if names is None else repo.store.entries(oid, names)
        except MissingObjectError:
            if stored is None:
                raise
            return {one.name: one for one in stored(oid) if names is None or one.name in names}

    return data_state(
        snapshot.root if snapshot is not None else None,
        _inside(place.recorded, place.inside, listing),
        [_inside(one, place.inside, listing) or NOTHING for one in placed.get(place.path, ())],
        repo.workspace.trees([snapshot] if snapshot is not None else []),
        listing,
        part=is_partial(repo.state, place.path, place.recorded),
    )


def _inside(entry: Entry, names: Sequence[bytes], listing: ReadEntries) -> Entry | None:
    """The entries at `names` below `entry`, as far as they can be read."""
    found: Entry | None = entry
    for name in names:
        if found is None or found.kind is not Kind.DIRECTORY:
            return None
        try:
            found = listing(found.oid, (name,)).get(name)
        except (MissingObjectError, CorruptError):
            return None
    return found
