"""Tracked directories of which only parts are in the workspace: what is absent was never here, not deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind, read_directory
from dver.repo import Repository
from dver.store.trees.compare import TreeChange, TreeReader, compare_part
from dver.store.trees.edit import overlay
from dver.tracking.targets import is_at_or_below
from dver.workspace.scan.scanner import Snapshot


def is_partial(repo: Repository, path: bytes, recorded: Entry) -> bool:
    """Is what the workspace has of the tracked directory at `path` only a part of it?

    So it is where dver has put nothing there: files of the user do not say that the others were deleted.
    """
    return recorded.kind is Kind.DIRECTORY and (path in repo.state.partial or path not in repo.state.placed)


def complete_partial(
    repo: Repository,
    path: bytes,
    recorded: Entry,
    snapshot: Snapshot,
    *,
    stored: TreeReader | None = None,
    emit: Callable[[Oid, bytes], None] = lambda oid, content: None,
) -> tuple[Entry, TreeReader]:
    """What the workspace has at `path`, with what was never checked out there as it is `recorded`; and its directories.

    `stored` reads recorded directories, by default from the store alone. `emit` takes the trees that are new by that.
    Raises MissingObjectError if a recorded directory cannot be read.
    """
    read = repo.workspace.trees([snapshot], stored=stored)
    if not is_partial(repo, path, recorded):
        return snapshot.root, read
    new: dict[Oid, bytes] = {}

    def keep(oid: Oid, content: bytes) -> None:
        new[oid] = content
        emit(oid, content)

    def read_new(oid: Oid) -> Sequence[Entry]:
        return read_directory(new.__getitem__, oid) if oid in new else read(oid)

    return overlay(recorded, snapshot.root, read=read, emit=keep), read_new


def partial_changes(repo: Repository, path: bytes, recorded: Entry, snapshot: Snapshot) -> list[TreeChange]:
    """How the part of a directory that the workspace has at `path` differs from what is `recorded`.

    Raises MissingObjectError if a listing of a directory with something new in it is not in the store.
    """
    read = repo.workspace.trees([snapshot])
    return list(compare_part(recorded, snapshot.root, repo.store.entries, repo.store.tree, read, path=path))


def partial_below(repo: Repository, places: Iterable[bytes]) -> list[bytes]:
    """The directories at or below any of `places` of which only parts are here."""
    if not repo.state.partial:
        return []
    folders = list(places)
    return [one for one in sorted(repo.state.partial) if any(is_at_or_below(one, folder) for folder in folders)]
