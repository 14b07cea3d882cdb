"""`dver gc`: move unreferenced data out of the store, and restore it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from dver.core.errors import RepositoryError, UsageError
from dver.core.files import is_disk_full
from dver.core.oid import Oid
from dver.core.platform import blocks
from dver.core.progress import SILENT, Progress
from dver.formats.objectref import ObjectKey
from dver.formats.pack import ObjectKind
from dver.formats.registered_clone import MARK
from dver.git.history.unreferenced_commits import CommitHolder, holders_of
from dver.git.worktrees import clone_at
from dver.maintenance.clone_needs import CloneNeeds, linked_blobs, needs_of, with_kinds
from dver.maintenance.unreferenced import UnreferencedData, name_unreferenced
from dver.pipelines.execution.output_backup import delete_old_backups
from dver.repo import Repository
from dver.store import registered_clones
from dver.store.gc.collection import GcPlan, GcResult, collect, find_reachable, plan_for, take_inventory
from dver.store.registered_clones import CloneState, RegisteredClone
from dver.store.store import Store
from dver.store.trash import trash
from dver.store.trash.batch import OpenBatch, open_batch
from dver.store.trash.guard import restore_needed

_ROOM: Final = 64 << 10
"""Bytes that a gc needs while it works: directories of the trash, and the file that says which gc was the last."""

Roots = set[ObjectKey]


@dataclass(frozen=True, slots=True)
class TrashBatch:
    """What one gc has moved to the trash. `size` in bytes, times in Unix seconds."""

    name: str
    size: int
    made: int
    expires: int
    """From then on it may be deleted."""


@dataclass(frozen=True, slots=True)
class KeptBecause:
    """Why the rest is kept: where pointers were read."""

    commits: int
    pointers: int
    worktrees: int
    clones: int
    """Clones that use this store, this one among them."""
    holders: tuple[CommitHolder, ...] = ()
    """What keeps commits that no ref leads to, where that was asked for."""


@dataclass(frozen=True, slots=True)
class GcReport:
    """What a gc did, or with a dry run would do. Sizes in bytes."""

    dry_run: bool
    objects: int
    size: int
    packs: int
    """Packs that go as a whole."""
    rewritten: int
    """Packs of which only what is needed stays."""
    files: int
    """Large files that go."""
    kept_objects: int
    kept_size: int
    reasons: KeptBecause
    left_size: int = 0
    """Of unreferenced data in packs that stay as they are: too little of each to write the rest again."""
    damaged: tuple[str, ...] = ()
    """Packs that stay as they are, since something in them is damaged."""
    unneeded: tuple[UnreferencedData, ...] = ()
    """In a dry run, what goes, by name as far as names are known."""
    deleted: tuple[TrashBatch, ...] = ()
    """What was, or would be, deleted for good."""
    trash: tuple[TrashBatch, ...] = ()
    """What is in the trash now."""


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What was brought back."""

    batches: tuple[TrashBatch, ...]


def gc(
    repo: Repository,
    *,
    dry_run: bool = False,
    grace: int | None = None,
    explain: bool = False,
    progress: Progress = SILENT,
) -> GcReport:
    """Move to the trash what no clone that uses the store may still need, and delete what was there for longer than
    `grace` seconds, by default `gc.grace`. With `explain`, find out what keeps commits that no ref leads to.

    Raises RepositoryError that names what of Git cannot be read, CorruptError for what cannot be read in the store;
    then nothing was moved. ConflictError if another gc is running.
    """
    grace = repo.config.gc_grace if grace is None else grace
    with nullcontext() if dry_run else _batch(repo) as batch:
        inventory = take_inventory(repo.store)
        needs = _needs(repo)
        roots = _roots(repo, needs)
        if inventory.loose:
            folders = chain.from_iterable(one.git.folders for one in needs)
            roots.update((oid, ObjectKind.BLOB) for oid in linked_blobs(folders))
        needed = find_reachable(repo.store, roots, progress=progress)
        if batch is None:
            result = GcResult(plan_for(repo.store, inventory, needed))
            unneeded = name_unreferenced(repo, needs[0].git.commits, inventory, needed)
            deleted = _due(repo, grace)
        else:
            result = collect(
                repo.store,
                batch,
                inventory,
                needed,
                roots_now=lambda: _roots(repo, _needs(repo)),
                progress=progress,
            )
            unneeded = ()
            deleted = _delete_due(repo, grace, batch)
            delete_old_backups(repo, grace)
    holders = tuple(holders_of(repo.git)) if explain else ()
    return _report(repo, result, needs, grace, unneeded, deleted, holders, dry_run=dry_run)


def restore(repo: Repository, name: str | None = None) -> RestoreReport:
    """Bring back what is in the trash: the batch `name`, or all. Raises UsageError if there is no such batch."""
    with open_batch(repo.store) as opened:
        found = [one for one in trash.batches(repo.store.trash) if one.name != opened.batch.name]
        chosen = [one for one in found if name in (None, one.name)]
        if name is not None and not chosen:
            known = ", ".join(one.name for one in found) or "none"
            raise UsageError(
                f"no batch in the trash is called {name!r}", why=f"there are: {known}", fix="dver gc --dry-run"
            )
        restored = tuple(_described(one, 0) for one in chosen)
        recipes: list[Oid] = []
        for one in chosen:
            recipes += trash.restore(repo.store, one)
        # Their chunks may have gone with another batch, later.
        restore_needed(repo.store, [(oid, ObjectKind.BLOB) for oid in recipes])
    return RestoreReport(restored)


def forget(repo: Repository, clone: str, *, cwd: Path) -> int:
    """Remove a clone from the register of the store; the number of its entries. `clone` is a path or a mark.

    Raises UsageError if there is no such clone, or if several were used at that path.
    """
    root = repo.store_dir
    found = (
        registered_clones.clones_with_mark(root, clone)
        if MARK.fullmatch(clone)
        else registered_clones.clones_at(root, cwd / clone)
    )
    if not found:
        known = ", ".join(str(one.git_dir) for one in registered_clones.list_clones(root)) or "none"
        raise UsageError(
            f"no clone at {clone!r} uses this store", why=f"the register has: {known}", fix="name one of these"
        )
    marks = sorted({one.mark for one in found})
    if len(marks) > 1:
        described = ", ".join(f"{one.mark} ({one.user} on {one.host})" for one in found)
        raise UsageError(
            f"several clones of this store were used at {clone!r}",
            why=f"they have these marks: {described}",
            fix=f"if this one is gone for good: dver gc --forget {marks[0]}",
        )
    registered_clones.forget(root, found)
    return len(found)


# -- room to work


@contextmanager
def _batch(repo: Repository) -> Iterator[OpenBatch]:
    """A new batch of the trash. On a full disk, leftovers and the index database (a cache) make room for it."""
    repo.store.scratch.clear_leftovers()
    if not _has_room(repo.store):
        repo.database.move_to_memory(delete=True)
    with open_batch(repo.store) as batch:
        yield batch


def _has_room(store: Store) -> bool:
    """Is there room in the store for what a gc needs while it works?"""
    try:
        path, fd = store.scratch.create("room")
    except OSError as error:
        if is_disk_full(error):
            return False
        raise
    try:
        written = os.write(fd, bytes(_ROOM))  # less than that before the disk is full
        blocks.sync(fd)
    except OSError as error:
        if is_disk_full(error):
            return False
        raise
    finally:
        path.unlink()
        os.close(fd)
    return written == _ROOM


# -- what is needed


def _needs(repo: Repository) -> list[CloneNeeds]:
    """What this clone needs, and all others that use the store."""
    return [needs_of(repo.git), *(_needs_of_other(one) for one in _others(repo))]


def _others(repo: Repository) -> list[RegisteredClone]:
    """The other clones that use the store, those that cannot be read included."""
    found = registered_clones.list_clones(repo.store_dir)
    here = {one.git_dir: one for one in found if one.state is CloneState.PRESENT}
    here.pop(repo.git.common_dir, None)
    return [*(one for one in found if one.state is not CloneState.PRESENT), *here.values()]


def _needs_of_other(clone: RegisteredClone) -> CloneNeeds:
    try:
        if clone.state is not CloneState.PRESENT:
            raise RepositoryError("it cannot be read", why=_WHY[clone.state].format(clone))
        return needs_of(clone_at(clone.git_dir))
    except RepositoryError as error:
        forgetting = f"dver gc --forget {clone.mark}"
        raise RepositoryError(
            f"cannot tell what the clone {os.fspath(clone.git_dir)!r} needs, which uses this store too",
            why=error.why or error.what,
            fix=f"run `dver gc` where it can be read; or, if it is gone for good: {forgetting}",
        ) from error


_WHY = {
    CloneState.GONE: "there is no clone at that path any more",
    CloneState.REPLACED: "another clone is at that path now; this one moved or is in another container",
    CloneState.UNREADABLE: "it belongs to {0.user}, and may not be read",
    CloneState.ELSEWHERE: "it is on the machine {0.host}",
}


def _roots(repo: Repository, needs: Sequence[CloneNeeds]) -> Roots:
    return with_kinds(repo.store, frozenset().union(*(one.roots for one in needs)))


# -- the trash


def _delete_due(repo: Repository, grace: int, opened: OpenBatch) -> tuple[TrashBatch, ...]:
    """Delete what is old enough: all that is needed is back, so this run's own batch may go as well."""
    gone = []
    for one in _old(repo, grace):
        if one.finished or one.name in (opened.batch.name, *(orphan.name for orphan in opened.orphans)):
            gone.append(_described(one, grace))
            trash.delete(repo.store, one)
    return tuple(one for one in gone if one.size)


def _due(repo: Repository, grace: int) -> tuple[TrashBatch, ...]:
    return tuple(_described(one, grace) for one in _old(repo, grace))


def _old(repo: Repository, grace: int) -> list[trash.Batch]:
    now = time.time()
    # A clock that was set back must not keep anything for ever where no grace is wanted.
    return [one for one in trash.batches(repo.store.trash) if not grace or one.made + grace <= now]


def _described(batch: trash.Batch, grace: int) -> TrashBatch:
    return TrashBatch(batch.name, batch.size(), batch.made, batch.made + grace)


def _report(
    repo: Repository,
    result: GcResult,
    needs: Sequence[CloneNeeds],
    grace: int,
    unneeded: tuple[UnreferencedData, ...],
    deleted: tuple[TrashBatch, ...],
    holders: tuple[CommitHolder, ...],
    *,
    dry_run: bool,
) -> GcReport:
    plan = result.plan
    names = {one.name for one in deleted}
    return GcReport(
        dry_run=dry_run,
        objects=plan.objects,
        size=plan.size,
        packs=len(plan.dead_packs),
        rewritten=len(plan.rewritten),
        files=len(plan.dead_loose),
        kept_objects=_kept_objects(plan),
        kept_size=_kept_size(plan),
        reasons=KeptBecause(
            commits=sum(len(one.git.commits) for one in needs),
            pointers=sum(len(one.git.blobs) for one in needs),
            worktrees=sum(len(one.git.git_dirs) for one in needs),
            clones=len(needs),
            holders=holders,
        ),
        left_size=_left_size(plan),
        damaged=tuple(one.hex() for one in result.damaged),
        unneeded=unneeded,
        deleted=deleted,
        trash=tuple(_described(one, grace) for one in trash.batches(repo.store.trash) if one.name not in names),
    )


def _kept_objects(plan: GcPlan) -> int:
    return sum(one.live for one in (*plan.kept, *plan.rewritten)) + len(plan.kept_loose)


def _left_size(plan: GcPlan) -> int:
    return sum([one.size - one.live_size for one in plan.kept if one.dead])


def _kept_size(plan: GcPlan) -> int:
    whole = sum(one.size for one in plan.kept) + sum(one.live_size for one in plan.rewritten)
    return whole + sum(one.size for one in plan.kept_loose)
