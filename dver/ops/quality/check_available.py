"""`dver check available`: check that all data of a commit is in the store, or on its remotes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.display import Displayed
from dver.remote.repair.lost_packs import find_missing_in_packs, lost_packs
from dver.remote.transfer.push_plan import missing_on_remote
from dver.repo import Repository
from dver.tracking.revision_scope import RevisionScope, by_remote, roots_of, targets_in


@dataclass(frozen=True, slots=True, repr=False)
class MissingPath(Displayed):
    """Data that is missing. `where` is the name of the remote, or "store"."""

    path: str
    where: str


@dataclass(frozen=True, slots=True, repr=False)
class CheckResult(Displayed):
    """The number of pointers checked, and the missing data."""

    checked: int
    absent: tuple[MissingPath, ...]
    remotes: tuple[str, ...] = ()
    """The remotes that were checked. Empty if the store was checked."""


def check_available(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    scope: RevisionScope,
    on_remote: bool,
    remote: str | None = None,
) -> CheckResult:
    """Check that the data of the pointers in `scope` is on its remotes, or in the store.

    Reads the indexes of a remote and lists its packs, but does not read them.
    """
    targets = targets_in(repo, scope, paths, cwd)
    if not on_remote:
        missing = repo.store.find_missing(roots_of(repo, targets))
        return CheckResult(len(targets), tuple(MissingPath(os.fsdecode(one.path), "store") for one in missing))
    pushed = [target for target in targets if target.tracked.pointer.push]
    absent: list[MissingPath] = []
    groups = by_remote(repo.remotes, pushed, remote)
    for name, group in groups.items():
        catalog = repo.remotes.catalog(name)
        catalog.refresh()
        find = find_missing_in_packs if lost_packs(catalog) else missing_on_remote
        missing = find(roots_of(repo, group), repo.store, catalog)
        absent += [MissingPath(os.fsdecode(one.path), name) for one in missing]
    return CheckResult(len(pushed), tuple(absent), tuple(groups))
