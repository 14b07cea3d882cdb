"""`dver remove`: stop tracking data, or remove files from a tracked directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dver.core.display import Displayed
from dver.core.errors import ConflictError, DverError, UsageError
from dver.core.oid import Oid
from dver.core.phrasing import join_limited, quoted
from dver.core.progress import SILENT, Progress
from dver.formats.pointer import Pointer
from dver.formats.tree import Entry, Kind
from dver.repo import Repository
from dver.store.trash.guard import GcGuard
from dver.store.trees.compare import TreeReader
from dver.store.trees.edit import directory_entry
from dver.store.writer import StoreWriter
from dver.tracking.browse import not_found_error
from dver.tracking.directory_listings import DirectoryReader
from dver.tracking.pointer_files import ATTEMPTS, DeletedByGcError, write_pointers
from dver.tracking.targets import Target, ancestors, select_targets, tracked_in_worktree
from dver.tracking.trackable import refuse_outputs
from dver.workspace.checkout.restore import destination_of
from dver.workspace.files.apply import apply_plan
from dver.workspace.files.checkout_plan import CheckoutPlan, CheckoutSubject, files_in, plan_checkout
from dver.workspace.scan.hash_or_store import HashOnly
from dver.workspace.state.placed import after_rewrite


@dataclass(frozen=True, slots=True, repr=False)
class RemoveResult(Displayed):
    """The result; paths are relative to the top of the Git worktree."""

    untracked: tuple[bytes, ...]
    """Data that lost its pointer."""
    taken_out: tuple[bytes, ...]
    """Paths removed from tracked directories."""
    deleted: int
    """Files deleted from the workspace."""


def remove(
    repo: Repository,
    paths: Sequence[str],
    *,
    cwd: Path,
    data: bool = False,
    force: bool = False,
    progress: Progress = SILENT,
) -> RemoveResult:
    """Stop tracking the data at `paths`: remove its pointers and `.gitignore` lines; staged for Git.

    The data stays in the workspace, unless `data` is set. Paths inside of a tracked directory are removed from it and
    deleted. Raises ConflictError before any change if unsaved work would be lost, unless `force` is set.
    """
    with repo.exclusive():
        targets = _outermost(_selected(repo, paths, cwd))
        refuse_outputs(repo, targets)
        parts = [target for target in targets if target.inside]
        wholes = [target.path for target in targets if not target.inside]
        guard = GcGuard(repo.store)
        rewritten = _without(repo, parts)
        doomed = [target.path for target in targets if data or target.inside]
        plan = _plan(repo, doomed, force=force, progress=progress)
        # The workspace comes first: after a kill, the same command finds the unchanged pointers and completes.
        apply_plan(plan, destination_of(repo), repo.store, repo.workspace.stat_cache)
        # Data without a pointer belongs to the user from now on: no checkout may remove it.
        repo.state.record_placed(dict.fromkeys(wholes, ()))
        rewritten = _write(repo, parts, rewritten, wholes, guard)
        placed = repo.state.placed
        before = {target.tracked.path: target.tracked.entry for target in parts}
        repo.state.record_placed(
            {
                path: after_rewrite(placed[path], before[path], one.entry(path))
                for path, one in rewritten.items()
                if path in placed
            }
        )
    return RemoveResult(tuple(wholes), tuple(target.path for target in parts), files_in(plan.remove))


def _selected(repo: Repository, paths: Sequence[str], cwd: Path) -> list[Target]:
    try:
        return select_targets(repo, tracked_in_worktree(repo), paths, cwd)
    except UsageError as error:
        from dver.pipelines.workspace.pipelines import load_pipelines, named_stages  # for the error only

        stages = []
        with suppress(DverError):
            stages = named_stages(repo, load_pipelines(repo), paths, cwd)
        if not stages:
            raise
        fix = f"dver stage remove {' '.join(map(quoted, paths))}"
        kind = "is a stage" if len(paths) == 1 else "are stages"
        raise UsageError(
            f"{join_limited([repr(one) for one in paths])} {kind}, not data", why=error.what, fix=fix
        ) from None


def _write(
    repo: Repository, parts: Sequence[Target], rewritten: dict[bytes, Pointer], wholes: Sequence[bytes], guard: GcGuard
) -> dict[bytes, Pointer]:
    """Write the changed pointers; `rewritten` ones again if a gc deleted their trees meanwhile."""
    for _ in range(ATTEMPTS):
        with suppress(DeletedByGcError):
            write_pointers(repo, {**rewritten, **dict.fromkeys(wholes)}, guard)
            return rewritten
        guard = GcGuard(repo.store)
        rewritten = _without(repo, parts)
    write_pointers(repo, {**rewritten, **dict.fromkeys(wholes)}, guard)
    return rewritten


def _outermost(targets: Sequence[Target]) -> list[Target]:
    """`targets` without those inside of another one."""
    paths = {target.path for target in targets}
    return [target for target in targets if not any(parent in paths for parent in ancestors(target.path)[:-1])]


def _without(repo: Repository, parts: Sequence[Target]) -> dict[bytes, Pointer]:
    """The pointers of the tracked directories without `parts`; their trees are durable in the store."""
    lost: dict[bytes, list[Target]] = {}
    for target in parts:
        lost.setdefault(target.tracked.path, []).append(target)
    if not lost:
        return {}
    rewritten = {}
    with StoreWriter(repo.store) as writer:
        for path, targets in lost.items():
            tracked = targets[0].tracked
            read = DirectoryReader(repo, tracked)
            top = _prune(repo, tracked.entry, [(one.inside, one) for one in targets], read, writer.add_tree)
            rewritten[path] = Pointer.of(top, tracked.pointer)
    return rewritten


NestedNames = Sequence[tuple[Sequence[bytes], Target]]
"""Nested names from a directory down to the removed targets."""


def _prune(
    repo: Repository, top: Entry, places: NestedNames, read: TreeReader, emit: Callable[[Oid, bytes], None]
) -> Entry:
    """The directory `top` without `places`. Each directory on the way is read and written once."""
    going: dict[bytes, list[tuple[Sequence[bytes], Target]]] = {}
    for inside, target in places:
        going.setdefault(inside[0], []).append((inside[1:], target))
    kept = []
    for child in read(top.oid) if top.kind is Kind.DIRECTORY else ():
        deeper = going.pop(child.name, None)
        if deeper is None:
            kept.append(child)
        elif all(inside for inside, _ in deeper):
            kept.append(_prune(repo, child, deeper, read, emit))
    for (_, target), *_ in going.values():
        raise not_found_error(repo.layout, target)
    return directory_entry(top.name, kept, emit)


def _plan(repo: Repository, paths: Sequence[bytes], *, force: bool, progress: Progress) -> CheckoutPlan:
    """The plan to delete the workspace's data at `paths`. Raises ConflictError for unsaved work."""
    subjects, snapshots = [], []
    for path in paths:
        snapshot = repo.workspace.scan(path, HashOnly(), progress=progress)
        if snapshot is not None:
            snapshots.append(snapshot)
            # Its own base: everything saved may be removed, also files that the user put there.
            subjects.append(CheckoutSubject(path, snapshot.root, None, (snapshot.root,)))
    plan = plan_checkout(subjects, read=repo.workspace.trees(snapshots), saved=repo.store.present, force=force)
    if plan.keep:
        raise ConflictError(
            "nothing was removed, since some content would be lost",
            why=f"not saved: {join_limited([repo.layout.shown(kept.path) for kept in plan.keep])}",
            fix="`dver add` saves it; --force discards it",
        )
    return plan
