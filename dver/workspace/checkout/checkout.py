"""Checkouts for pointers and locks: the step that `checkout` and `pull` share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from dver.core.errors import DverError
from dver.core.progress import Progress
from dver.git.index import tracked_under
from dver.git.pointers import read_blobs
from dver.repo import Repository
from dver.sharing.prefetch import with_listings
from dver.store.trash.guard import GcGuard
from dver.store.trees.edit import NewTrees, keep_common
from dver.tracking.browse import entry_at
from dver.tracking.pointer_files import write_pointers
from dver.tracking.revision_scope import RevisionScope, targets_in
from dver.tracking.targets import Target, is_at_or_below, resolve_data_path, tracked_in_worktree
from dver.workspace.checkout.incremental import plan_update, update
from dver.workspace.checkout.relink_plan import keep_loose, plan_relink
from dver.workspace.checkout.restore import CheckoutSummary, CheckoutTarget, destination_of, joined, restore, summary
from dver.workspace.files.apply import apply_plan
from dver.workspace.files.checkout_plan import CheckoutSubject, plan_checkout
from dver.workspace.scan.hash_or_store import HashOnly


def check_out(
    repo: Repository,
    paths: Sequence[str],
    *,
    cwd: Path,
    rev: str | None,
    force: bool,
    progress: Progress,
    relink: bool = False,
) -> CheckoutSummary:
    """Check out the data at `paths`, or all data, for the pointers and locks on disk or of the commit `rev`.

    The pointers of `rev` are written to disk and to the index; lock files stay Git's. Data that dver placed and that no
    pointer names any more is removed. A partial directory is completed if the rest is in the store; otherwise its
    present files are updated. With `relink`, files whose link differs from `cache.link` are linked again. Call it
    within `repo.exclusive()`.
    """
    guard = GcGuard(repo.store) if rev is not None else None
    selected = targets_in(repo, RevisionScope(rev), paths, cwd)
    gone = _gone(repo, paths, cwd, selected) if rev is None else ()
    targets = [CheckoutTarget(one.path, entry_at(repo, one), one.tracked if one.inside else None) for one in selected]
    targets += [CheckoutTarget(path, None) for path in gone]
    parts = [target for target in targets if is_in_part(repo, target)]
    rest = [target for target in targets if target not in parts]
    restored = restore(repo, rest, force=force, relink=relink, progress=progress)
    if parts:
        remotes = [one.tracked.pointer.remote for one in selected]
        with suppress(DverError):  # missing data is reported later
            with_listings(repo, lambda: plan_update(repo, parts, progress=progress), remotes)
        restored = joined([restored, restore_parts(repo, parts, force=force, relink=relink, progress=progress)])
    if rev is not None:
        whole = {one.tracked.path: one.tracked.blob for one in selected if not one.inside and one.tracked.maker is None}
        contents = read_blobs(repo.git, set(whole.values()))
        write_pointers(repo, {path: contents[blob] for path, blob in whole.items()}, guard)
    return restored


def is_in_part(repo: Repository, target: CheckoutTarget) -> bool:
    """Whether the target is a whole partial directory, and the rest of it is missing in the store too."""
    if target.whole is not None or target.entry is None or target.path not in repo.state.partial:
        return False
    return bool(repo.store.find_missing([target.entry.ref(target.path)]))


def restore_parts(
    repo: Repository,
    targets: Sequence[CheckoutTarget],
    *,
    force: bool = False,
    relink: bool = False,
    progress: Progress,
) -> CheckoutSummary:
    """Check out the present files of partial directories; missing files stay missing."""
    done = update(repo, targets, progress=progress)
    if force:
        done = replace(done, kept=())  # the forced steps below replace those paths
    rest = [restore_part(repo, target, force=force, relink=relink, progress=progress) for target in targets]
    return replace(joined([done, *rest]), parts=tuple(target.path for target in targets))


def restore_part(
    repo: Repository, target: CheckoutTarget, *, force: bool, relink: bool, progress: Progress
) -> CheckoutSummary:
    """Check out the present files of one partial directory."""
    snapshot = repo.workspace.scan(target.path, HashOnly(), progress=progress)
    if snapshot is None or target.entry is None:
        return joined([])
    made = NewTrees()
    read = repo.workspace.trees([snapshot])
    want = keep_common(target.entry, snapshot.root, entries=repo.store.entries, read=read, emit=made.add)
    subject = CheckoutSubject(target.path, snapshot.root, want, repo.state.placed.get(target.path, ()))
    plan = plan_checkout([subject], read=made.reader(read), saved=repo.store.present, force=force)
    plan_relink(repo, plan, target.path, snapshot, every=relink)
    if relink:
        keep_loose(repo, plan)
    lost = apply_plan(plan, destination_of(repo), repo.store, repo.workspace.stat_cache, progress=progress)
    return summary(repo, [plan], lost)


def _gone(repo: Repository, paths: Sequence[str], cwd: Path, selected: Sequence[Target]) -> Iterator[bytes]:
    """Data that dver placed and that no pointer names any more, for example after a change of branch."""
    folders = [resolve_data_path(repo, text, cwd) for text in paths] or [repo.layout.prefix]
    below = (path for path in repo.state.placed if any(is_at_or_below(path, folder) for folder in folders))
    unnamed = set(below) - {one.path for one in selected}
    tracked = tracked_in_worktree(repo) if unnamed else {}
    for path in sorted(unnamed - tracked.keys()):
        # Files that another branch has in Git belong to Git, and stay.
        if not tracked_under(repo.git, path):
            yield path
