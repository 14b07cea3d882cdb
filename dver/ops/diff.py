"""`dver diff`: two versions of the data, compared file by file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.progress import SILENT, Progress
from dver.formats.tree import Entry
from dver.project.partial import completed
from dver.project.targets import Target, Tracked, in_commit, in_worktree, select
from dver.repo import Repository
from dver.scm import revisions
from dver.store.compare import Change, TreeReader, compare, find, with_renames
from dver.worktree.intake import HashOnly


@dataclass(frozen=True, slots=True)
class DiffResult:
    """The changes from the old to the new version; paths are relative to the top of the Git worktree."""

    changes: tuple[Change, ...]
    absent: tuple[bytes, ...]
    """Tracked data that was left out: it is not in the workspace at all."""


def diff(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    old: str | None = None,
    new: str | None = None,
    progress: Progress = SILENT,
) -> DiffResult:
    """Compare the commit `old`, HEAD by default, with the commit `new`, or with the workspace.

    Only what is at or below `paths` counts, if there are any. Raises MissingObjectError where a directory that differs
    is not in the store.
    """
    before = _tracked_at(repo, old)
    after = in_commit(repo, revisions.resolve(repo.git, new)) if new is not None else in_worktree(repo)
    targets = select(repo, {**before, **after}, paths, cwd)
    left = _recorded(repo, before, targets)
    readers: dict[bytes, TreeReader] = {}
    right = _recorded(repo, after, targets) if new is not None else _scanned(repo, targets, readers, progress)
    absent = [path for path in left if new is None and path in after and path not in right]
    changes: list[Change] = []
    for path in sorted({*left, *right} - set(absent)):
        changes += compare(
            left.get(path), right.get(path), repo.store.tree, readers.get(path, repo.store.tree), path=path
        )
    return DiffResult(tuple(with_renames(changes)), tuple(absent))


def _tracked_at(repo: Repository, rev: str | None) -> dict[bytes, Tracked]:
    if rev is not None:
        return in_commit(repo, revisions.resolve(repo.git, rev))
    head = revisions.head(repo.git)
    return in_commit(repo, head) if head is not None else {}


def _recorded(repo: Repository, tracked: Mapping[bytes, Tracked], targets: Sequence[Target]) -> dict[bytes, Entry]:
    entries = {}
    for target in targets:
        one = tracked.get(target.tracked.path)
        entry = find(one.entry, target.inside, repo.store.tree) if one is not None else None
        if entry is not None:
            entries[target.path] = entry
    return entries


def _scanned(
    repo: Repository, targets: Sequence[Target], readers: dict[bytes, TreeReader], progress: Progress
) -> dict[bytes, Entry]:
    entries = {}
    for target in targets:
        snapshot = repo.scan(target.path, HashOnly(), progress=progress)
        if snapshot is not None:
            entries[target.path], readers[target.path] = completed(repo, target.path, target.tracked.entry, snapshot)
    return entries
