"""How tracked data differs from its pointer: found out by a scan of the workspace."""

from __future__ import annotations

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.progress import Progress
from dver.formats.pointer import Pointer
from dver.formats.tree import Entry
from dver.project.partial import completed
from dver.project.targets import entry_of
from dver.repo import Repository
from dver.store.compare import Change, compare, same, with_renames
from dver.worktree.intake import HashOnly


def examine(
    repo: Repository, path: bytes, pointer: Pointer, progress: Progress
) -> tuple[Entry | None, tuple[Change, ...] | None]:
    """What is at `path`, and how does it differ from what `pointer` says? None where that cannot be read here."""
    snapshot = repo.scan(path, HashOnly(), progress=progress)
    recorded = entry_of(path, pointer)
    if snapshot is None:
        return None, ()
    if same(recorded, snapshot.root):
        return snapshot.root, ()
    try:
        found, read = completed(repo, path, recorded, snapshot)
        return found, tuple(with_renames(compare(recorded, found, repo.store.tree, read, path=path)))
    except (MissingObjectError, CorruptError):
        return snapshot.root, None
