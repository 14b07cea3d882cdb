"""The workspace as a commit: code, parameters, pointers and locks, as if all changes had been added."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dver.core.errors import UsageError
from dver.core.files import read_regular
from dver.core.progress import SILENT, Progress
from dver.formats import lock, pointer
from dver.formats.objectref import ObjectKey
from dver.git import revisions
from dver.git.git_repo import CommitId
from dver.git.journal import write_commit
from dver.git.snapshot import snapshot_worktree
from dver.repo import Repository
from dver.store.trash.guard import GcGuard
from dver.tracking.lock_outputs import output_path
from dver.tracking.pointer_files import DeletedByGcError
from dver.tracking.targets import SUFFIX, Target, tracked_in_worktree
from dver.workspace.add import AddedPointer, AddRequest, scan_requests
from dver.workspace.changes.quick_check import ChangedData, changed_data
from dver.workspace.scan.hash_or_store import storing_pool
from dver.workspace.state.data_state import DataState


@dataclass(frozen=True, slots=True)
class WorkspaceSnapshot:
    """The state of a workspace as a tree of Git. The index and the files of the user stay as they are."""

    baseline: CommitId
    """The commit of HEAD."""
    tree: str
    contents: Mapping[bytes, bytes]
    """Pointers and locks that differ from those on disk, because data was edited; by path."""
    left_out: tuple[bytes, ...]
    """Untracked files that are too large for Git, and other Git repositories. The tree does not have them."""
    guard: GcGuard
    stored: tuple[ObjectKey, ...]
    """The edited data, which was stored for the snapshot."""

    def recheck(self) -> None:
        """Restore stored data that a gc deleted meanwhile. Call it when a journal has the commit of the snapshot.

        Raises DeletedByGcError if it cannot be restored.
        """
        if lost := self.guard.recheck(self.stored):
            raise DeletedByGcError(len(lost))


def take_snapshot(repo: Repository, *, outputs: bool = False, progress: Progress = SILENT) -> WorkspaceSnapshot:
    """Take a snapshot of the workspace, with edited data in the store; with `outputs`, edited outputs, too.

    Raises UsageError before the first commit.
    """
    baseline = revisions.head(repo.git)
    if baseline is None:
        raise UsageError(
            "an experiment needs a commit to start from",
            why="this branch has no commits yet",
            fix='git add -A && git commit -m "first version"',
        )
    guard = GcGuard(repo.store)
    contents, added = _edited(repo, outputs, progress)
    found = snapshot_worktree(repo.git, largest=repo.config.max_file_size, instead=contents)
    stored = tuple(one.pointer.ref().key for one in added)
    return WorkspaceSnapshot(baseline, found.tree, contents, found.left_out, guard, stored)


def commit_snapshot(repo: Repository, tree: str, baseline: CommitId, name: str, message: str) -> CommitId:
    """Write the commit of an experiment, on top of its `baseline`. No ref names it yet."""
    text = f"experiment {name}\n" + (f"\n{message}\n" if message else "")
    return write_commit(repo.git, tree, text.encode("utf-8", "replace"), parents=[baseline])


def _edited(repo: Repository, outputs: bool, progress: Progress) -> tuple[dict[bytes, bytes], list[AddedPointer]]:
    """The new contents of pointers (and of locks, with `outputs`) of edited data, which is stored."""
    edited = [one for one in changed_data(repo, thorough=True) if _is_taken(one, outputs)]
    if not edited:
        return {}, []
    with repo.exclusive(), storing_pool(repo.store_dir, repo.layout.database_file, repo.sharing) as pool:
        tracked = tracked_in_worktree(repo)
        requests = [AddRequest(one.path, Target(tracked[one.path])) for one in edited if one.path in tracked]
        added = scan_requests(repo, tracked, requests, pool, remote=None, progress=progress).added
    contents = {
        one.path + SUFFIX: pointer.rewrite(_on_disk(repo, one.path + SUFFIX), one.pointer)
        for one in added
        if tracked[one.path].maker is None
    }
    made = [one for one in added if tracked[one.path].maker is not None]
    for path in {tracked[one.path].source for one in made}:
        of_file = [one for one in made if tracked[one.path].source == path]
        contents[path] = _edited_lock(path, _on_disk(repo, path), of_file)
    return contents, added


def _is_taken(one: ChangedData, outputs: bool) -> bool:
    return one.state is DataState.MODIFIED and (outputs or one.maker is None)


def _edited_lock(path: bytes, content: bytes, made: Sequence[AddedPointer]) -> bytes:
    """The lock file at `path` with the present content of the outputs `made`."""
    pointers = {one.path: one.pointer for one in made}

    def edited(item: lock.LockedItem) -> lock.LockedItem:
        found = pointers.get(output_path(path, item))
        if found is None:
            return item
        return replace(
            item, kind=found.kind, oid=found.oid, size=found.size, files=found.files, executable=found.executable
        )

    stages = lock.decode(content).stages
    return lock.encode(
        lock.Lock({name: replace(one, outs=tuple(map(edited, one.outs))) for name, one in stages.items()})
    )


def _on_disk(repo: Repository, path: bytes) -> bytes:
    return read_regular(Path(os.fsdecode(repo.layout.absolute(path))))
