"""Bringing places of the workspace to wanted content: the step that `checkout` and `pull` share."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dver.core.errors import ConflictError, CorruptError, MissingObjectError
from dver.core.files import clear_leftovers
from dver.core.progress import SILENT, Progress
from dver.formats.tree import Entry
from dver.repo import Repository
from dver.store.objects.loose import LinkMode
from dver.store.trees.compare import find
from dver.tracking.targets import Tracked, containing, in_worktree
from dver.workspace.checkout.relink_plan import keep_loose, plan_relink
from dver.workspace.files.apply import Destination, apply_plans
from dver.workspace.files.content_writer import Lost
from dver.workspace.files.plan import CheckoutPlan, Kept, Subject, files_in, plan_checkout
from dver.workspace.scan.hash_or_store import HashOnly
from dver.workspace.state.placed import NOTHING, Placed


@dataclass(frozen=True, slots=True)
class Wish:
    """What should be at a data path; None for nothing."""

    path: bytes
    entry: Entry | None
    whole: Tracked | None = None
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
    former_store: Path | None = None
    """Where lost content may be: the store that was used before this one."""
    makers: tuple[str | None, ...] = ()
    """The stages that make what was kept, as a user names them; None among them for what no stage makes."""
    parts: tuple[bytes, ...] = ()
    """Directories of which only parts are in the workspace, and stay there alone."""


def restore(
    repo: Repository,
    wishes: Sequence[Wish],
    *,
    force: bool = False,
    root: bytes | None = None,
    notes: bool = True,
    relink: bool = False,
    progress: Progress = SILENT,
) -> Restored:
    """Bring each place to what is wished for, below the folder `root`, or in the workspace.

    Unsaved work is kept unless `force` is set. Without `notes`, the caller notes what was put where in the workspace.
    Call it within `repo.exclusive()`.
    """
    clear_leftovers(repo.layout.staging_dir)
    notes = notes and root is None
    placed = repo.state.placed if notes else {}
    if notes:
        # Written down first: whatever a killed process has put there, the next one knows that it may take it away.
        note(repo, wishes, placed, finished=False)
        _note_parts(repo, [wish for wish in wishes if wish.whole is not None])
    plans = plan_restore(repo, wishes, placed, force=force, root=root, relink=relink, progress=progress)
    if relink:
        for plan in plans:
            keep_loose(repo, plan)
    destination = destination_of(repo, root)
    lost: list[Lost] = []
    done: list[Wish] = []
    outcomes = apply_plans(plans, destination, repo.store, repo.workspace.stat_cache, progress=progress)
    for wish, plan, failures in zip(wishes, plans, outcomes, strict=True):
        lost += failures
        done += [wish] if is_finished(wish, plan.keep, failures) else []
    if notes:
        note(repo, done, placed, finished=True)
        repo.state.record_partial({wish.path: False for wish in done if wish.whole is None})
        repo.state.record_followed({wish.path: wish.entry for wish in wishes if wish.whole is None})
    return summary(repo, plans, lost)


def is_finished(wish: Wish, kept: Sequence[Kept], lost: Sequence[Lost]) -> bool:
    """Is what is wished for there, but for edits of what did not change?

    Otherwise some files are still the old version, and it stays noted that dver placed them.
    """
    return wish.entry is None or not (lost or any(one.diverged for one in kept))


def destination_of(repo: Repository, root: bytes | None = None) -> Destination:
    """Where plans are carried out: in the folder `root`, or in the workspace.

    Outside of the workspace nothing is linked to the store: gc does not know of links there.
    """
    mode = LinkMode.AUTO if root is not None and repo.link_mode.shares_file else repo.link_mode
    return Destination(root or repo.layout.top, repo.layout.staging_dir, mode)


def plan_restore(
    repo: Repository,
    wishes: Iterable[Wish],
    placed: Placed,
    *,
    force: bool = False,
    root: bytes | None = None,
    relink: bool = False,
    progress: Progress = SILENT,
) -> list[CheckoutPlan]:
    """What `restore` will do for each of `wishes`; `placed` is what dver has put into the workspace so far."""
    with repo.workspace.stat_cache.together():
        return [_plan(repo, wish, placed, force=force, root=root, relink=relink, progress=progress) for wish in wishes]


def _plan(
    repo: Repository,
    wish: Wish,
    placed: Placed,
    *,
    force: bool,
    root: bytes | None,
    relink: bool,
    progress: Progress,
) -> CheckoutPlan:
    snapshot = repo.workspace.scan(wish.path, HashOnly(), root=root, progress=progress)
    read = repo.workspace.trees([snapshot] if snapshot else [])
    bases = _bases(repo, wish, placed)
    subject = Subject(wish.path, snapshot.root if snapshot else None, wish.entry, bases)
    plan = plan_checkout([subject], read=read, saved=repo.store.present, force=force)
    if snapshot is not None and root is None and wish.entry is not None:
        plan_relink(repo, plan, wish.path, snapshot, every=relink)
    return plan


def _bases(repo: Repository, wish: Wish, placed: Mapping[bytes, tuple[Entry, ...]]) -> tuple[Entry, ...]:
    if wish.whole is None:
        return placed.get(wish.path, ())
    inside = os.path.relpath(wish.path, wish.whole.path).split(b"/")
    found = []
    for entry in placed.get(wish.whole.path, ()):
        with suppress(MissingObjectError, CorruptError):  # then nothing proves that dver put the files there
            found.append(find(entry, inside, repo.store.tree))
    return tuple(entry for entry in found if entry is not None)


def note(repo: Repository, wishes: Sequence[Wish], placed: Placed, *, finished: bool) -> None:
    """Note in placed.json what `restore` puts at its places, beside what was `placed` there until it has `finished`."""
    changes: Placed = {}
    for wish in wishes:
        if wish.whole is not None:
            # The part may be all that is here, so what is here is that version of the whole, or a part of it.
            old = changes.get(wish.whole.path, placed.get(wish.whole.path, ()))
            changes[wish.whole.path] = _each_once(*old, wish.whole.entry)
        else:
            new = (wish.entry,) if wish.entry is not None else ()
            old = placed.get(wish.path, (NOTHING,) if new else ())
            changes[wish.path] = new if finished else _each_once(*old, *new)
    if changes:
        repo.state.record_placed(changes)
        if not finished:  # killed in the middle, it has followed no pointer
            repo.state.record_followed(dict.fromkeys(changes))


def _note_parts(repo: Repository, wishes: Sequence[Wish]) -> None:
    wholes = {wish.whole.path for wish in wishes if wish.whole is not None}
    repo.state.record_partial({path: True for path in wholes if not os.path.lexists(repo.layout.absolute(path))})


def _each_once(*entries: Entry) -> tuple[Entry, ...]:
    return tuple(dict.fromkeys(entries))


def summary(repo: Repository, plans: Sequence[CheckoutPlan], lost: Sequence[Lost]) -> Restored:
    """What carrying out `plans` did, in files, and what was `lost`."""
    replaced = {path for plan in plans for path, _ in plan.replace}
    unknown = {path for plan in plans for path, _, _ in plan.unknown}
    kept = tuple(kept for plan in plans for kept in plan.keep)
    not_updated = sum(one.path in replaced for one in lost)
    not_created = sum(one.entry.files for one in lost if one.path not in replaced | unknown)
    return Restored(
        created=sum(files_in(plan.create) for plan in plans) - not_created,
        updated=len(replaced) - not_updated,
        removed=sum(len(plan.remove) for plan in plans),
        kept=kept,
        lost=tuple(lost),
        former_store=repo.former_store_dir if lost else None,
        makers=_makers(repo, [one.path for one in kept]) if kept else (),
    )


def _makers(repo: Repository, paths: Iterable[bytes]) -> tuple[str | None, ...]:
    try:
        tracked = in_worktree(repo)
    except (CorruptError, ConflictError):  # which is for others to tell
        return (None,)
    found = (containing(tracked, path) for path in paths)
    makers = (one.tracked.maker if one is not None else None for one in found)
    return tuple(dict.fromkeys(one.shown(repo) if one is not None else None for one in makers))


def together(parts: Sequence[Restored]) -> Restored:
    """What several steps did, as one."""
    return Restored(
        created=sum(part.created for part in parts),
        updated=sum(part.updated for part in parts),
        removed=sum(part.removed for part in parts),
        kept=tuple(dict.fromkeys(kept for part in parts for kept in part.kept)),
        lost=tuple(lost for part in parts for lost in part.lost),
        former_store=next((part.former_store for part in parts if part.former_store), None),
        makers=tuple(dict.fromkeys(one for part in parts for one in part.makers)),
        parts=tuple(dict.fromkeys(one for part in parts for one in part.parts)),
    )
