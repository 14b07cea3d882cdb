"""Tracked directories that are in the workspace only in part. Absent files there were not deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind
from dver.repo import Repository
from dver.repo.workspace_state import WorkspaceState
from dver.store.trees.compare import TreeChange, TreeReader, compare_part
from dver.store.trees.edit import NewTrees, overlay
from dver.tracking.targets import is_at_or_below
from dver.workspace.scan.scanner import Snapshot


def is_partial(state: WorkspaceState, path: bytes, recorded: Entry) -> bool:
    """Does the workspace have only a part of the tracked directory at `path`?

    This is also so if dver never checked out anything there: files of the user do not mean that all others were
    deleted.
    """
    return recorded.kind is Kind.DIRECTORY and (path in state.partial or path not in state.placed)


def complete_partial(
    repo: Repository,
    path: bytes,
    recorded: Entry,
    snapshot: Snapshot,
    *,
    stored: TreeReader | None = None,
    emit: Callable[[Oid, bytes], None] = lambda oid, content: None,
) -> tuple[Entry, TreeReader]:
    """The content of the workspace at `path`, completed with the `recorded` content that was never checked out there,
    and a reader of its directories.

    `stored` reads recorded directories, by default from the store alone. `emit` receives the trees that are new. Raises
    MissingObjectError if a recorded directory cannot be read.
    """
    read = repo.workspace.trees([snapshot], stored=stored)
    if not is_partial(repo.state, path, recorded):
        return snapshot.root, read
    new = NewTrees(emit)
    return overlay(recorded, snapshot.root, read=read, emit=new.add), new.reader(read)


def partial_changes(repo: Repository, path: bytes, recorded: Entry, snapshot: Snapshot) -> list[TreeChange]:
    """The changes between `recorded` and the part of a directory that the workspace has at `path`.

    Raises MissingObjectError if the store does not have the listing of a directory with new files.
    """
    read = repo.workspace.trees([snapshot])
    return list(compare_part(recorded, snapshot.root, repo.store.entries, repo.store.tree, read, path=path))


def partial_below(state: WorkspaceState, places: Iterable[bytes]) -> list[bytes]:
    """The partial directories at or below any of `places`."""
    if not state.partial:
        return []
    directories = list(places)
    return [one for one in sorted(state.partial) if any(is_at_or_below(one, directory) for directory in directories)]
