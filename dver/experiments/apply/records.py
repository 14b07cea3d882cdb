"""The undo records of a worktree: writing, reading and deleting them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from dver.core.files import fsync_dir, write_atomic
from dver.experiments.apply.record import (
    FILE,
    FINISHED,
    FOLDER,
    INDEX,
    LARGE,
    STATE_FILES,
    UndoRecord,
    encode_undo,
    expendable,
    read_records,
)
from dver.git import scratch_index
from dver.git.scratch_index import IndexFile
from dver.repo import Repository

KEEP: Final = 20
"""The number of records to keep, beside those with unsaved work."""
_REF: Final = "refs/dver/undo/"
_SHARED_INDEX: Final = "sharedindex.*"


def records_of(repo: Repository) -> list[UndoRecord]:
    """The undo records of the worktree, oldest first. Raises CorruptError."""
    return list(read_records(repo.layout.worktree_dir))


def folder_of(repo: Repository, number: int) -> Path:
    """The directory of an undo record."""
    return repo.layout.worktree_dir / FOLDER / str(number)


def copy_state(repo: Repository, index: IndexFile, folder: Path) -> None:
    """Copy Git's index and dver's state of the worktree into a new record."""
    if index.content is not None:
        write_atomic(folder / INDEX, index.content)
    for name in STATE_FILES:
        file = repo.layout.worktree_dir / name
        if file.exists():
            write_atomic(folder / name, file.read_bytes())
    for file in repo.git.git_dir.glob(_SHARED_INDEX):
        write_atomic(folder / file.name, file.read_bytes())


def publish(repo: Repository, record: UndoRecord, folder: Path, *, index_tree: str) -> None:
    """Make the directory `folder` the record, durably. From here on, `undo` can bring it back."""
    write_atomic(folder / FILE, encode_undo(record))
    scratch_index.keep_trees(
        repo.git,
        _ref_of(repo, record.number),
        worktree=record.tree,
        index=index_tree,
        head=record.head,
        message=f"before dver exp {record.kind.value}: {record.name}",
    )
    for below in (folder / LARGE, folder):
        if below.exists():
            fsync_dir(below)
    os.rename(folder, folder_of(repo, record.number))
    fsync_dir(repo.layout.worktree_dir / FOLDER)


def saved_index(repo: Repository, record: UndoRecord) -> IndexFile:
    """The index that a record has, of which other parts are restored where Git has deleted them."""
    folder = folder_of(repo, record.number)
    for file in folder.glob(_SHARED_INDEX):
        if not (repo.git.git_dir / file.name).exists():
            write_atomic(repo.git.git_dir / file.name, file.read_bytes())
    if not record.index_mtime:
        return IndexFile(None)
    return IndexFile((folder / INDEX).read_bytes(), record.index_mtime)


def restore_state(repo: Repository, record: UndoRecord) -> None:
    """Make dver's state of the worktree that of the record."""
    folder = folder_of(repo, record.number)
    for name in STATE_FILES:
        file = repo.layout.worktree_dir / name
        if (folder / name).exists():
            write_atomic(file, (folder / name).read_bytes())
        else:
            file.unlink(missing_ok=True)
    repo.state.forget_read()


def finish(repo: Repository, number: int, restored: Collection[bytes]) -> None:
    """Note that the step of a record has ended, and delete old records without unsaved work.

    The note lists the untracked files that are left now, except those that the step `restored`: some may have been
    ignored before. They are the user's, and the next step leaves them alone, too.
    """
    left = [path for path in scratch_index.untracked(repo.git) if path not in restored]
    write_atomic(folder_of(repo, number) / FINISHED, b"".join(path + b"\0" for path in left))
    for old in expendable(records_of(repo), KEEP):
        delete_record(repo, old)


def left_by(repo: Repository, record: UndoRecord, untracked: Iterable[bytes]) -> frozenset[bytes]:
    """Those of the `untracked` files that the step of a record left alone, or an interrupted one would have."""
    if not record.is_finished:
        return frozenset(untracked).difference(record.files)
    return frozenset((folder_of(repo, record.number) / FINISHED).read_bytes().split(b"\0"))


def delete_record(repo: Repository, number: int) -> None:
    """Delete a record. The data in it goes with the next gc."""
    folder = folder_of(repo, number)
    gone = folder.with_name("gone")
    shutil.rmtree(gone, ignore_errors=True)
    os.rename(folder, gone)  # a killed deletion leaves no half record
    scratch_index.delete_ref(repo.git, _ref_of(repo, number))
    shutil.rmtree(gone, ignore_errors=True)


def _ref_of(repo: Repository, number: int) -> str:
    """The ref that keeps the content of a record in Git."""
    git = repo.git
    worktree = "main" if git.git_dir == git.common_dir else f"worktrees/{git.git_dir.name}"
    return f"{_REF}{worktree}/{number}"
