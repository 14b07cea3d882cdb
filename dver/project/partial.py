"""Tracked directories of which only parts are in the workspace: what is absent was never here, not deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from dver.core.oid import Oid
from dver.formats.tree import Entry, read_directory
from dver.project.targets import is_at_or_below
from dver.repo import Repository
from dver.store.compare import TreeReader
from dver.store.graft import overlay
from dver.worktree.scan import Snapshot


def completed(
    repo: Repository,
    path: bytes,
    recorded: Entry,
    snapshot: Snapshot,
    *,
    emit: Callable[[Oid, bytes], None] = lambda oid, content: None,
) -> tuple[Entry, TreeReader]:
    """What the workspace has at `path`, with what was never checked out there as it is `recorded`; and its directories.

    `emit` takes the trees that are new by that. Raises MissingObjectError if a recorded directory is not in the store.
    """
    read = repo.trees([snapshot])
    if path not in repo.partial:
        return snapshot.root, read
    new: dict[Oid, bytes] = {}

    def keep(oid: Oid, content: bytes) -> None:
        new[oid] = content
        emit(oid, content)

    def read_new(oid: Oid) -> Sequence[Entry]:
        return read_directory(new.__getitem__, oid) if oid in new else read(oid)

    return overlay(recorded, snapshot.root, read=read, emit=keep), read_new


def parts_below(repo: Repository, places: Iterable[bytes]) -> list[bytes]:
    """The directories at or below any of `places` of which only parts are here."""
    if not repo.partial:
        return []
    folders = list(places)
    return [one for one in sorted(repo.partial) if any(is_at_or_below(one, folder) for folder in folders)]
