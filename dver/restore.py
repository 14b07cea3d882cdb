"""Bringing places of the workspace to wanted content: the step that `checkout` and `pull` share."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dver.core.progress import SILENT, Progress
from dver.formats.tree import Entry
from dver.repo import Repository
from dver.store.compare import find
from dver.worktree.apply import Destination, apply_plan
from dver.worktree.intake import HashOnly
from dver.worktree.materialise import Lost
from dver.worktree.placed import Placed
from dver.worktree.plan import CheckoutPlan, Kept, Subject, files_in, plan_checkout


@dataclass(frozen=True, slots=True)
class Wish:
    """What should be at a data path; None for nothing."""

    path: bytes
    entry: Entry | None
    whole: bytes | None = None
    """The tracked directory that the path lies in, where it is only a part of it."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What restoring did, in files; and what it could not do."""

    created: int
    updated: int
    removed: int
    kept: tuple[Kept, ...]
    """Unsaved work that was left alone."""
    lost: tuple[Lost, ...]
    """Content that is not in the store, or damaged there."""


def restore(
    repo: Repository,
    wishes: Sequence[Wish],
    *,
    force: bool = False,
    root: bytes | None = None,
    progress: Progress = SILENT,
) -> Restored:
    """Bring each place to what is wished for, below the folder `root`, or in the workspace.

    Unsaved work is kept unless `force` is set. Call it within `repo.exclusive()`.
    """
    placed = repo.placed if root is None else {}
    if root is None:
        # Written down first: whatever a killed process has put there, the next one knows that it may take it away.
        _note(repo, wishes, placed, finished=False)
    plans = [_plan(repo, wish, placed, force=force, root=root, progress=progress) for wish in wishes]
    destination = Destination(root or repo.top, repo.scratch, repo.link_mode)
    lost: list[Lost] = []
    for plan in plans:
        lost += apply_plan(plan, destination, repo.store, repo.stat_cache, progress=progress)
    if root is None and not lost:
        _note(repo, wishes, placed, finished=True)
    return _summary(plans, lost)


def _plan(
    repo: Repository, wish: Wish, placed: Placed, *, force: bool, root: bytes | None, progress: Progress
) -> CheckoutPlan:
    snapshot = repo.scan(wish.path, HashOnly(), root=root, progress=progress)
    read = repo.trees([snapshot] if snapshot else [])
    bases = _bases(repo, wish, placed)
    subject = Subject(wish.path, snapshot.root if snapshot else None, wish.entry, bases)
    return plan_checkout([subject], read=read, saved=repo.store.present, force=force)


def _bases(repo: Repository, wish: Wish, placed: Mapping[bytes, tuple[Entry, ...]]) -> tuple[Entry, ...]:
    if wish.whole is None:
        return placed.get(wish.path, ())
    inside = os.path.relpath(wish.path, wish.whole).split(b"/")
    found = [find(entry, inside, repo.store.tree) for entry in placed.get(wish.whole, ())]
    return tuple(entry for entry in found if entry is not None)


def _note(repo: Repository, wishes: Sequence[Wish], placed: Placed, *, finished: bool) -> None:
    changes: Placed = {}
    for wish in wishes:
        if wish.whole is not None:
            continue
        new = (wish.entry,) if wish.entry is not None else ()
        changes[wish.path] = new if finished else (*placed.get(wish.path, ()), *new)
    if changes:
        repo.note_placed(changes)


def _summary(plans: Sequence[CheckoutPlan], lost: Sequence[Lost]) -> Restored:
    return Restored(
        created=max(0, sum(files_in(plan.create) for plan in plans) - sum(one.entry.files for one in lost)),
        updated=sum(len(plan.replace) for plan in plans),
        removed=sum(len(plan.remove) for plan in plans),
        kept=tuple(kept for plan in plans for kept in plan.keep),
        lost=tuple(lost),
    )
