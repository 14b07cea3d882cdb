"""`dver checkout`: check out data for the current pointers or a revision."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.display import Displayed
from dver.core.errors import UsageError
from dver.core.progress import SILENT, Progress
from dver.repo import Repository
from dver.tracking.browse import entry_at
from dver.tracking.revision_scope import RevisionScope, targets_in
from dver.tracking.targets import Target
from dver.workspace.checkout.checkout import check_out
from dver.workspace.checkout.restore import CheckoutSummary, CheckoutTarget, restore


@dataclass(frozen=True, slots=True, repr=False)
class CheckoutResult(Displayed):
    """The result; paths are relative to the top of the Git worktree, or to `to`."""

    restored: CheckoutSummary
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
    relink: bool = False,
    progress: Progress = SILENT,
) -> CheckoutResult:
    """Check out the data at `paths`, or all data, for the pointers on disk or of the commit `rev`.

    With `rev`, the pointers follow and are staged for Git; HEAD does not move. With `to`, everything is written below
    that directory instead, and the workspace stays as it is. Unsaved work stays unless `force` is set. Content missing
    in the store is listed in the result, and the rest is checked out. With `relink`, large files whose link differs
    from `cache.link` are linked again; it cannot be combined with `to`.
    """
    if relink and to is not None:
        raise UsageError(
            "--relink does not go with --to", why="exported files are never linked to the store", fix="leave one out"
        )
    with repo.exclusive():
        if to is not None:
            selected = targets_in(repo, RevisionScope(rev), paths, cwd)
            return CheckoutResult(_elsewhere(repo, selected, to, force=force, progress=progress), rev, to)
        restored = check_out(repo, paths, cwd=cwd, rev=rev, force=force, relink=relink, progress=progress)
    return CheckoutResult(restored, rev, None)


def _elsewhere(
    repo: Repository, selected: Sequence[Target], to: Path, *, force: bool, progress: Progress
) -> CheckoutSummary:
    if to.exists() and not to.is_dir():
        raise UsageError(f"{os.fspath(to)!r} is not a directory", fix="name a new or existing directory")
    to.mkdir(parents=True, exist_ok=True)
    targets = [CheckoutTarget(one.path, entry_at(repo, one)) for one in selected]
    return restore(repo, targets, force=force, root=os.fsencode(to.resolve()), progress=progress)
