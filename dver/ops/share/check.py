"""`dver check`: is all that a commit needs where it should be?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.remote.repair.lost_packs import find_missing_in_packs, lost_packs
from dver.remote.transfer.push_plan import missing_on_remote
from dver.repo import Repository
from dver.tracking.revision_scope import Scope, by_remote, roots_of, targets_in
from dver.tracking.targets import Target


@dataclass(frozen=True, slots=True)
class Absent:
    """Something that is not where it is needed. `where` is the remote's name, or "store"."""

    path: str
    where: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was looked for, and what was not found."""

    checked: int
    absent: tuple[Absent, ...]
    remotes: tuple[str, ...] = ()
    """The remotes that were asked; none where the store was."""


def check(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    scope: Scope,
    on_remote: bool,
    remote: str | None = None,
) -> CheckResult:
    """Look for all that the pointers of `scope` stand for: on the remotes that it belongs on, or in the store.

    The remote is asked for its indexes and for the names of its packs; these are not read.
    """
    targets = targets_in(repo, scope, paths, cwd)
    if not on_remote:
        missing = repo.store.find_missing(roots_of(repo, targets))
        return CheckResult(len(targets), tuple(Absent(_text(one.path), "store") for one in missing))
    pushed = [target for target in targets if target.tracked.pointer.push]
    absent: list[Absent] = []
    groups = by_remote(repo, pushed, remote)
    for name, group in groups.items():
        absent += _absent_on(repo, name, group)
    return CheckResult(len(pushed), tuple(absent), tuple(groups))


def _absent_on(repo: Repository, name: str, targets: Sequence[Target]) -> list[Absent]:
    catalog = repo.remotes.catalog(name)
    catalog.refresh()
    look = find_missing_in_packs if lost_packs(catalog) else missing_on_remote
    return [Absent(_text(one.path), name) for one in look(roots_of(repo, targets), repo.store, catalog)]


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
