"""Requests to add data that is out of date. Adding it would revert its pointer."""

from __future__ import annotations

from collections.abc import Sequence

from dver.core.errors import ConflictError
from dver.core.phrasing import quoted
from dver.core.progress import Progress
from dver.repo import Repository
from dver.tracking.availability import availability_of
from dver.tracking.directory_listings import DirectoryReader
from dver.workspace.add.add import AddRequest
from dver.workspace.changes.data_changes import RecordedData, pointer_moved, state_of
from dver.workspace.scan.hash_or_store import HashOnly
from dver.workspace.state.data_state import DataState


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
