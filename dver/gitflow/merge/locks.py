"""Lock files in conflict in Git's index, resolved stage by stage."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dver.core.errors import ConflictError, CorruptError
from dver.core.files import clear_leftovers, write_atomic
from dver.core.phrasing import quoted
from dver.formats import lock as lock_format
from dver.formats import lock_merge
from dver.git import index
from dver.git.pointers import is_lock_path, read_blobs
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.store.trees.merge import MergeChoice


@dataclass(frozen=True, slots=True)
class UnmergedLock:
    """A lock file in conflict, and its versions; None for a side without the file."""

    path: bytes
    base: bytes | None
    ours: bytes | None
    theirs: bytes | None


@dataclass(frozen=True, slots=True)
class MergedLock:
    """The result of merging a lock file."""

    content: bytes | None
    """The merged file; None if it is empty or in conflict as a whole."""
    clean: bool
    stages: tuple[str, ...] = ()
    """Stages that both sides changed differently; empty if one side deleted the file."""


def unmerged_locks(repo: Repository) -> list[UnmergedLock]:
    """The project's lock files in conflict in Git's index, by path."""
    files = {path: sides for path, sides in index.unmerged(repo.git, repo.layout.prefix).items() if is_lock_path(path)}
    blobs = {blob for sides in files.values() for blob in sides.values()}
    contents = read_blobs(repo.git, blobs, lock_format.MAX_SIZE)
    return [
        UnmergedLock(path, *(contents[sides[stage]] if stage in sides else None for stage in (1, 2, 3)))
        for path, sides in sorted(files.items())
    ]


def merge_lock(layout: Layout, one: UnmergedLock, choice: MergeChoice | None) -> MergedLock:
    """Merge a lock file; `choice`, ours or theirs, decides conflicting stages and deletions.

    Raises CorruptError or ConflictError for an unreadable side.
    """
    if one.ours is None or one.theirs is None:
        return MergedLock(one.theirs if choice is MergeChoice.THEIRS else one.ours, clean=choice is not None)
    prefer: Literal["ours", "theirs"] | None = None
    if choice is not None:
        prefer = "theirs" if choice is MergeChoice.THEIRS else "ours"
    try:
        content, stages = lock_merge.merge(one.base, one.ours, one.theirs, prefer=prefer)
    except (CorruptError, ConflictError) as error:
        shown = layout.shown(one.path)
        raise type(error)(
            f"a version of {shown!r} cannot be read",
            why=error.why or error.what,
            fix=f"take one side whole: git checkout --ours -- {quoted(shown)} && git add {quoted(shown)}",
        ) from error
    return MergedLock(content, not stages, stages)


def write_lock(repo: Repository, path: bytes, content: bytes | None) -> None:
    """Write and stage the lock file, or delete it. Repeating it after a kill completes it."""
    file = Path(os.fsdecode(repo.layout.absolute(path)))
    if content is None:
        file.unlink(missing_ok=True)
        repo.stage([], deleted=[path])
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(file.parent)
    write_atomic(file, content)
    repo.stage([path])
