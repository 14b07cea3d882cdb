"""`dver checkout`: bring data to what the pointers say, or to what they said at a revision."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.errors import CorruptError, MissingObjectError, UsageError
from dver.core.progress import SILENT, Progress
from dver.formats.tree import Entry
from dver.pointerfiles import write_pointers
from dver.repo import Repository
from dver.restore import Restored, Wish, restore
from dver.scm import revisions
from dver.store.compare import find
from dver.targets import Target, Tracked, data_path, in_commit, in_worktree, is_at_or_below, select


@dataclass(frozen=True, slots=True)
class CheckoutResult:
    """What was done; paths are relative to the top of the Git worktree, or to where `to` said."""

    restored: Restored
    rev: str | None
    to: Path | None


def checkout(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    rev: str | None = None,
    to: Path | None = None,
    force: bool = False,
    progress: Progress = SILENT,
) -> CheckoutResult:
    """Bring the data at `paths`, or all of it, to what its pointers say: those on disk, or those of the commit `rev`.

    With `rev`, the pointers follow, and are staged for Git; HEAD does not move. With `to`, everything is written
    below that folder instead, and the workspace stays as it is. Work that is saved nowhere is kept unless `force` is
    set; content that is not in the store is listed in the result, and everything else is restored.
    """
    tracked = in_worktree(repo) if rev is None else in_commit(repo, revisions.resolve(repo.git, rev))
    targets = select(repo, tracked, paths, cwd)
    with repo.exclusive():
        if to is not None:
            return CheckoutResult(_elsewhere(repo, targets, to, force=force, progress=progress), rev, to)
        gone = _gone(repo, tracked, paths, cwd) if rev is None else []
        wishes = [*(_wish(repo, target) for target in targets), *(Wish(path, None) for path in gone)]
        restored = restore(repo, wishes, force=force, progress=progress)
        if rev is not None:
            write_pointers(repo, {one.tracked.path: one.tracked.pointer for one in targets if not one.inside})
    return CheckoutResult(restored, rev, None)


def _wish(repo: Repository, target: Target) -> Wish:
    return Wish(target.path, _wanted(repo, target), whole=None if not target.inside else target.tracked.path)


def _wanted(repo: Repository, target: Target) -> Entry:
    try:
        entry = find(target.tracked.entry, target.inside, repo.store.tree)
    except (MissingObjectError, CorruptError) as error:
        place = os.fsdecode(target.tracked.path)
        raise type(error)(f"cannot look into {place!r}: {error.what}", why=error.why, fix=error.fix) from error
    if entry is None:
        raise UsageError(
            f"{os.fsdecode(target.path)!r} does not exist in the tracked data",
            why=f"{os.fsdecode(target.tracked.path)!r} has no such entry in this version",
            fix="`dver ls` lists what it has",
        )
    return entry


def _gone(repo: Repository, tracked: Mapping[bytes, Tracked], paths: Sequence[str], cwd: Path) -> Iterable[bytes]:
    """Data that dver has put here, and that no pointer names any more: another branch was checked out since."""
    folders = [data_path(repo, text, cwd) for text in paths] or [repo.prefix]
    for path in repo.placed:
        if path not in tracked and any(is_at_or_below(path, folder) for folder in folders):
            yield path


def _elsewhere(repo: Repository, targets: Sequence[Target], to: Path, *, force: bool, progress: Progress) -> Restored:
    if to.exists() and not to.is_dir():
        raise UsageError(f"{os.fspath(to)!r} is no folder", fix="name a folder, new or not")
    to.mkdir(parents=True, exist_ok=True)
    wishes = [Wish(target.path, _wanted(repo, target)) for target in targets]
    return restore(repo, wishes, force=force, root=os.fsencode(to.resolve()), progress=progress)
