"""Checkouts of data paths: the step that `checkout`, `pull` and the hooks share."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dver.core.display import Displayed
from dver.core.errors import ConflictError, CorruptError, DverError, MissingObjectError
from dver.core.files import clear_leftovers
from dver.core.phrasing import count, join_limited
from dver.core.progress import SILENT, Progress
from dver.formats.tree import Entry
from dver.repo import Repository
from dver.repo.workspace_state import WorkspaceState
from dver.store.objects.loose import LinkMode
from dver.store.trees.compare import find
from dver.tracking.targets import TrackedData, target_containing, tracked_in_worktree
from dver.workspace.checkout.relink_plan import keep_loose, plan_relink
from dver.workspace.files.apply import Destination, apply_plans
from dver.workspace.files.checkout_plan import CheckoutPlan, CheckoutSubject, KeptPath, files_in, plan_checkout
from dver.workspace.files.content_writer import LostFile
from dver.workspace.scan.hash_or_store import HashOnly
from dver.workspace.state.placed import NOTHING, Placed


@dataclass(frozen=True, slots=True)
class CheckoutTarget:
    """The target entry of a data path; None removes its data."""

    path: bytes
    entry: Entry | None
    whole: TrackedData | None = None
    """The tracked directory, if the path is a part of it."""


@dataclass(frozen=True, slots=True, repr=False)
class CheckoutSummary(Displayed):
    """The result of a checkout, in files."""

    created: int
    updated: int
    removed: int
    kept: tuple[KeptPath, ...]
    """Unsaved work that stayed."""
    lost: tuple[LostFile, ...]
    """Files whose content is missing or damaged in the store."""
    former_store: Path | None = None
    """The store used before this one, which may have the lost content."""
    makers: tuple[str | None, ...] = ()
    """The stages whose outputs were kept, as users name them; None stands for data without a stage."""
    parts: tuple[bytes, ...] = ()
    """Partial directories that stay partial."""

    def error(self) -> DverError | None:
        """The error for the worst problem. None if everything was checked out."""
        damaged = [one.path for one in self.lost if isinstance(one.error, CorruptError)]
        if damaged:
            what = f"{count(len(damaged), 'path')} not checked out: {_listed(damaged)}"
            return CorruptError(what, why="the copies in the store are damaged", fix="dver fsck --repair")
        if self.lost:
            what = f"{count(len(self.lost), 'path')} not checked out: {_listed([one.path for one in self.lost])}"
            return MissingObjectError(what, why="the store does not have the content", fix="dver pull")
        blocking = [kept.path for kept in self.kept if kept.blocks]
        if not blocking:
            return None
        return ConflictError(
            f"kept {count(len(blocking), 'path')} with unsaved changes: {_listed(blocking)}",
            why="the checkout would overwrite them",
            fix="`dver add` saves them, `dver checkout --force` discards them",
        )


def restore(
    repo: Repository,
    targets: Sequence[CheckoutTarget],
    *,
    force: bool = False,
    root: bytes | None = None,
    notes: bool = True,
    relink: bool = False,
    progress: Progress = SILENT,
) -> CheckoutSummary:
    """Check out each target below the directory `root`, or in the workspace.

    Unsaved work stays unless `force` is set. Without `notes`, the caller records the placed data. Call it within
    `repo.exclusive()`.
    """
    clear_leftovers(repo.layout.staging_dir)
    notes = notes and root is None
    placed = repo.state.placed if notes else {}
    if notes:
        # Recorded first: if this process is killed, the next one knows which files dver placed and may remove.
        record_targets(repo.state, targets, placed, finished=False)
        _record_new_partial(repo, [target for target in targets if target.whole is not None])
    plans = plan_restore(repo, targets, placed, force=force, root=root, relink=relink, progress=progress)
    if relink:
        for plan in plans:
            keep_loose(repo, plan)
    destination = destination_of(repo, root)
    lost: list[LostFile] = []
    done: list[CheckoutTarget] = []
    outcomes = apply_plans(plans, destination, repo.store, repo.workspace.stat_cache, progress=progress)
    for target, plan, failures in zip(targets, plans, outcomes, strict=True):
        lost += failures
        done += [target] if is_finished(target, plan.keep, failures) else []
    if notes:
        record_targets(repo.state, done, placed, finished=True)
        repo.state.record_partial({target.path: False for target in done if target.whole is None})
        repo.state.record_followed({target.path: target.entry for target in targets if target.whole is None})
    return summary(repo, plans, lost)


def is_finished(target: CheckoutTarget, kept: Sequence[KeptPath], lost: Sequence[LostFile]) -> bool:
    """Whether a target is checked out, except for edits of files that both versions share.

    Otherwise some files are of the old version, and it stays recorded that dver placed them.
    """
    return target.entry is None or not (lost or any(one.diverged for one in kept))


def destination_of(repo: Repository, root: bytes | None = None) -> Destination:
    """Where plans are applied: in the directory `root`, or in the workspace.

    Outside of the workspace, files are not linked to the store, because gc does not know them.
    """
    mode = LinkMode.AUTO if root is not None and repo.link_mode.shares_file else repo.link_mode
    return Destination(root or repo.layout.top, repo.layout.staging_dir, mode)


def plan_restore(
    repo: Repository,
    targets: Iterable[CheckoutTarget],
    placed: Placed,
    *,
    force: bool = False,
    root: bytes | None = None,
    relink: bool = False,
    progress: Progress = SILENT,
) -> list[CheckoutPlan]:
    """The plan for each of `targets`; `placed` is the data that dver placed so far."""
    with repo.workspace.stat_cache.together():
        return [
            _plan(repo, target, placed, force=force, root=root, relink=relink, progress=progress) for target in targets
        ]


def _plan(
    repo: Repository,
    target: CheckoutTarget,
    placed: Placed,
    *,
    force: bool,
    root: bytes | None,
    relink: bool,
    progress: Progress,
) -> CheckoutPlan:
    snapshot = repo.workspace.scan(target.path, HashOnly(), root=root, progress=progress)
    read = repo.workspace.trees([snapshot] if snapshot else [])
    bases = _bases(repo, target, placed)
    subject = CheckoutSubject(target.path, snapshot.root if snapshot else None, target.entry, bases)
    plan = plan_checkout([subject], read=read, saved=repo.store.present, force=force)
    if snapshot is not None and root is None and target.entry is not None:
        plan_relink(repo, plan, target.path, snapshot, every=relink)
    return plan


def _bases(repo: Repository, target: CheckoutTarget, placed: Mapping[bytes, tuple[Entry, ...]]) -> tuple[Entry, ...]:
    if target.whole is None:
        return placed.get(target.path, ())
    inside = os.path.relpath(target.path, target.whole.path).split(b"/")
    return placed_inside(repo, placed.get(target.whole.path, ()), inside)


def placed_inside(repo: Repository, versions: Iterable[Entry], inside: Sequence[bytes]) -> tuple[Entry, ...]:
    """The entries at `inside` in the `versions` of a directory that dver placed, as far as the store can read them."""
    found = []
    for entry in versions:
        with suppress(MissingObjectError, CorruptError):  # without it, files count as the user's
            found.append(find(entry, inside, repo.store.tree))
    return tuple(entry for entry in found if entry is not None)


def record_targets(state: WorkspaceState, targets: Sequence[CheckoutTarget], placed: Placed, *, finished: bool) -> None:
    """Record in placed.json the targets of a checkout, beside the data `placed` before until it has `finished`."""
    changes: Placed = {}
    for target in targets:
        if target.whole is not None:
            # Even if only the part is checked out, it belongs to this version of the whole.
            old = changes.get(target.whole.path, placed.get(target.whole.path, ()))
            changes[target.whole.path] = _each_once(*old, target.whole.entry)
        else:
            new = (target.entry,) if target.entry is not None else ()
            old = placed.get(target.path, (NOTHING,) if new else ())
            changes[target.path] = new if finished else _each_once(*old, *new)
    if changes:
        state.record_placed(changes)
        if not finished:  # an interrupted checkout followed no pointer
            state.record_followed(dict.fromkeys(changes))


def _record_new_partial(repo: Repository, targets: Sequence[CheckoutTarget]) -> None:
    wholes = {target.whole.path for target in targets if target.whole is not None}
    repo.state.record_partial({path: True for path in wholes if not repo.layout.exists(path)})


def _each_once(*entries: Entry) -> tuple[Entry, ...]:
    return tuple(dict.fromkeys(entries))


def summary(repo: Repository, plans: Sequence[CheckoutPlan], lost: Sequence[LostFile]) -> CheckoutSummary:
    """The result of applied `plans`, in files; `lost` are files without content."""
    replaced = {path for plan in plans for path, _ in plan.replace}
    unknown = {path for plan in plans for path, _, _ in plan.unknown}
    kept = tuple(kept for plan in plans for kept in plan.keep)
    not_updated = sum(one.path in replaced for one in lost)
    not_created = sum(one.entry.files for one in lost if one.path not in replaced | unknown)
    return CheckoutSummary(
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
        tracked = tracked_in_worktree(repo)
    except (CorruptError, ConflictError):  # other commands report them
        return (None,)
    found = (target_containing(tracked, path) for path in paths)
    makers = (one.tracked.maker if one is not None else None for one in found)
    return tuple(dict.fromkeys(one.shown(repo) if one is not None else None for one in makers))


def joined(parts: Sequence[CheckoutSummary]) -> CheckoutSummary:
    """The sum of several results."""
    return CheckoutSummary(
        created=sum(part.created for part in parts),
        updated=sum(part.updated for part in parts),
        removed=sum(part.removed for part in parts),
        kept=tuple(dict.fromkeys(kept for part in parts for kept in part.kept)),
        lost=tuple(lost for part in parts for lost in part.lost),
        former_store=next((part.former_store for part in parts if part.former_store), None),
        makers=tuple(dict.fromkeys(one for part in parts for one in part.makers)),
        parts=tuple(dict.fromkeys(one for part in parts for one in part.parts)),
    )


def _listed(paths: Sequence[bytes]) -> str:
    return join_limited([os.fsdecode(path) for path in paths])
