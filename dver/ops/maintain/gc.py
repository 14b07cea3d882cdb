"""`dver gc`: move unreferenced data from the store to the trash, and restore it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import RepositoryError, UsageError
from dver.core.files import is_disk_full
from dver.core.oid import Oid
from dver.core.platform import blocks
from dver.core.progress import SILENT, Progress
from dver.experiments.journal import Journal
from dver.experiments.sharing.compaction import compact_local, plan_local_compaction, removed_before
from dver.formats.objectref import ObjectKey
from dver.formats.pack import ObjectKind
from dver.git.history.gc_roots import CommitHolder, holders_of
from dver.git.worktrees import clone_at
from dver.maintenance.clone_needs import CloneNeeds, linked_blobs, needs_of, with_kinds
from dver.maintenance.unreferenced import UnreferencedData, name_unreferenced
from dver.pipelines.execution.output_backup import delete_old_backups
from dver.profile_cache.kept_objects import OidContainer, kept_roots
from dver.repo import Repository
from dver.store import registered_clones
from dver.store.gc.collection import GcResult, collect, extend_reachable, find_reachable, plan_for, take_inventory
from dver.store.registered_clones import CloneState, RegisteredClone
from dver.store.store import Store
from dver.store.trash import trash
from dver.store.trash.batch import OpenBatch, open_batch
from dver.store.trash.guard import restore_needed

_SPACE: Final = 64 << 10
"""Bytes that a gc writes: the directories of the trash, and the name of the newest batch."""

Roots = set[ObjectKey]


@dataclass(frozen=True, slots=True, repr=False)
class TrashBatch(Displayed):
    """A batch of the trash. `size` in bytes, times in Unix seconds."""

    name: str
    size: int
    made: int
    expires: int
    """The end of the grace period."""


@dataclass(frozen=True, slots=True, repr=False)
class KeptBecause(Displayed):
    """The numbers of commits, pointers, worktrees and clones that reference the kept data."""

    commits: int
    pointers: int
    worktrees: int
    clones: int
    """Clones that use this store, including this one."""
    holders: tuple[CommitHolder, ...] = ()
    """What keeps commits that no ref reaches, with `explain`."""


@dataclass(frozen=True, slots=True, repr=False)
class GcReport(Displayed):
    """The result of a gc, or the plan of a dry run. Sizes in bytes."""

    dry_run: bool
    objects: int
    size: int
    packs: int
    """Packs without referenced objects."""
    rewritten: int
    """Packs that are rewritten with their referenced objects."""
    files: int
    """Large files that are removed."""
    kept_objects: int
    kept_size: int
    reasons: KeptBecause
    left_size: int = 0
    """The size of unreferenced data in packs that are kept: too little to rewrite them."""
    damaged: tuple[str, ...] = ()
    """Packs that are kept because an object in them is corrupt."""
    unreferenced: tuple[UnreferencedData, ...] = ()
    """In a dry run, the removed data, with names if they are known."""
    deleted: tuple[TrashBatch, ...] = ()
    """The batches that were, or would be, deleted."""
    trash: tuple[TrashBatch, ...] = ()
    """The batches in the trash now."""
    experiments: int = 0
    """The removed experiments that can no longer be restored: they were removed before the grace period."""


@dataclass(frozen=True, slots=True, repr=False)
class RestoreReport(Displayed):
    batches: tuple[TrashBatch, ...]


def gc(
    repo: Repository,
    *,
    dry_run: bool = False,
    grace: int | None = None,
    explain: bool = False,
    progress: Progress = SILENT,
) -> GcReport:
    """Move data to the trash that no clone of the store references, and delete batches older than `grace` seconds.

    The default grace is `gc.grace`. `explain` finds what keeps commits that no ref reaches. Raises RepositoryError if
    a part of Git cannot be read, and CorruptError if a part of the store cannot; then nothing was moved. Raises
    ConflictError if another gc is running.
    """
    grace = repo.config.gc_grace if grace is None else grace
    experiments = _drop_experiments(repo, grace, dry_run=dry_run)
    with nullcontext() if dry_run else _batch(repo) as batch:
        inventory = take_inventory(repo.store)
        needs = _needs(repo)
        roots = _roots(repo, needs)
        if inventory.loose:
            folders = chain.from_iterable(one.git.folders for one in needs)
            roots.update((oid, ObjectKind.BLOB) for oid in linked_blobs(folders))
        needed = find_reachable(repo.store, roots, progress=progress)
        extend_reachable(repo.store, needed, kept_roots(repo, needed) | kept_roots(repo, _monitored(needs)))
        if batch is None:
            result = GcResult(plan_for(repo.store, inventory, needed))
            unreferenced = name_unreferenced(repo, needs[0].git.commits, inventory, needed)
            deleted = _due(repo, grace)
        else:
            result = collect(
                repo.store,
                batch,
                inventory,
                needed,
                roots_now=lambda: _roots_now(repo, needed),
                progress=progress,
            )
            unreferenced = ()
            deleted = _delete_due(repo, grace, batch)
            delete_old_backups(repo.layout, grace)
    holders = tuple(holders_of(repo.git)) if explain else ()
    report = _report(repo, result, needs, grace, unreferenced, deleted, holders, dry_run=dry_run)
    return replace(report, experiments=experiments)


def restore(repo: Repository, name: str | None = None) -> RestoreReport:
    """Restore the batch `name` from the trash, or all batches. Raises UsageError for an unknown batch."""
    with open_batch(repo.store) as opened:
        found = [one for one in trash.batches(repo.store.trash) if one.name != opened.batch.name]
        chosen = [one for one in found if name in (None, one.name)]
        if name is not None and not chosen:
            known = ", ".join(one.name for one in found) or "none"
            raise UsageError(
                f"no batch {name!r} in the trash", why=f"batches: {known}", fix="`dver gc --dry-run` lists them"
            )
        restored = tuple(_described(one, 0) for one in chosen)
        recipes: list[Oid] = []
        for one in chosen:
            recipes += trash.restore(repo.store, one)
        # A later batch may have their chunks.
        restore_needed(repo.store, [(oid, ObjectKind.BLOB) for oid in recipes])
    return RestoreReport(restored)


def forget(repo: Repository, clone: str, *, cwd: Path) -> int:
    """Remove a clone, by its path or mark, from the register of the store. Returns the number of its entries.

    Raises UsageError for an unknown clone, or a path of several clones.
    """
    root = repo.store_dir
    found = registered_clones.find_clones(root, clone, cwd)
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
            why=f"they have different marks: {described}",
            fix=f"if this one is deleted: dver gc --forget {marks[0]}",
        )
    registered_clones.forget(root, found)
    return len(found)


# -- disk space


@contextmanager
def _batch(repo: Repository) -> Iterator[OpenBatch]:
    """A new batch of the trash. On a full disk, deletes leftovers and the index database, a cache, first."""
    repo.store.scratch.clear_leftovers()
    if not _has_space(repo.store):
        repo.database.move_to_memory(delete=True)
    with open_batch(repo.store) as batch:
        yield batch


def _has_space(store: Store) -> bool:
    """Is there enough disk space for a gc?"""
    try:
        path, fd = store.scratch.create("space")
        try:
            written = os.write(fd, bytes(_SPACE))  # may write less before the disk is full
            blocks.sync(fd)
        finally:
            path.unlink()
            os.close(fd)
    except OSError as error:
        if is_disk_full(error):
            return False
        raise
    return written == _SPACE


# -- references


def _drop_experiments(repo: Repository, grace: int, *, dry_run: bool) -> int:
    """Rewrite the journals of this clone without experiments that were removed before the grace period.

    Their data is then unreferenced. Returns their number.
    """
    before = removed_before(grace)
    with Journal(repo) as journal:
        if not dry_run:
            return len(compact_local(repo.git, journal, before=before))
        plans = plan_local_compaction(repo.git, journal, before=before)
        return len({one for _, gone in plans.values() for one in gone})


def _needs(repo: Repository) -> list[CloneNeeds]:
    """The needs of this clone, and of all others that use the store."""
    return [needs_of(repo.git), *(_needs_of_other(one) for one in _others(repo))]


def _others(repo: Repository) -> list[RegisteredClone]:
    """The other clones that use the store, including unreadable ones."""
    found = registered_clones.list_clones(repo.store_dir)
    here = {one.git_dir: one for one in found if one.state is CloneState.PRESENT}
    here.pop(repo.git.common_dir, None)
    return [*(one for one in found if one.state is not CloneState.PRESENT), *here.values()]


def _needs_of_other(clone: RegisteredClone) -> CloneNeeds:
    try:
        if clone.state is not CloneState.PRESENT:
            raise RepositoryError("the clone cannot be read", why=_WHY[clone.state].format(clone))
        return needs_of(clone_at(clone.git_dir))
    except RepositoryError as error:
        forgetting = f"dver gc --forget {clone.mark}"
        raise RepositoryError(
            f"cannot read which data the clone {os.fspath(clone.git_dir)!r} of this store needs",
            why=error.why or error.what,
            fix=f"run `dver gc` where it can be read; or, if it is deleted: {forgetting}",
        ) from error


_WHY = {
    CloneState.GONE: "there is no clone at that path now",
    CloneState.REPLACED: "another clone is at that path now; this one moved or is in another container",
    CloneState.UNREADABLE: "it belongs to {0.user}, and may not be read",
    CloneState.ELSEWHERE: "it is on the machine {0.host}",
}


def _roots(repo: Repository, needs: Sequence[CloneNeeds]) -> Roots:
    return with_kinds(repo.store, frozenset().union(*(one.roots for one in needs)))


def _monitored(needs: Sequence[CloneNeeds]) -> frozenset[Oid]:
    return frozenset().union(*(one.monitored for one in needs))


def _roots_now(repo: Repository, needed: OidContainer) -> Roots:
    """The roots as they are now, with what describes the data that is kept."""
    needs = _needs(repo)
    return _roots(repo, needs) | kept_roots(repo, needed) | kept_roots(repo, _monitored(needs))


# -- the trash


def _delete_due(repo: Repository, grace: int, opened: OpenBatch) -> tuple[TrashBatch, ...]:
    """Delete batches after their grace period, perhaps that of this gc: all that is needed is restored by now."""
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
    # Without a grace period, a clock that was set back must not keep batches forever.
    return [one for one in trash.batches(repo.store.trash) if not grace or one.made + grace <= now]


def _described(batch: trash.Batch, grace: int) -> TrashBatch:
    return TrashBatch(batch.name, batch.size(), batch.made, batch.made + grace)


def _report(
    repo: Repository,
    result: GcResult,
    needs: Sequence[CloneNeeds],
    grace: int,
    unreferenced: tuple[UnreferencedData, ...],
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
        kept_objects=plan.kept_objects,
        kept_size=plan.kept_size,
        reasons=KeptBecause(
            commits=sum(len(one.git.commits) for one in needs),
            pointers=sum(len(one.git.blobs) for one in needs),
            worktrees=sum(len(one.git.git_dirs) for one in needs),
            clones=len(needs),
            holders=holders,
        ),
        left_size=plan.left_size,
        damaged=tuple(one.hex() for one in result.damaged),
        unreferenced=unreferenced,
        deleted=deleted,
        trash=tuple(_described(one, grace) for one in trash.batches(repo.store.trash) if one.name not in names),
    )
