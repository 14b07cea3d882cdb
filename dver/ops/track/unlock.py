"""`dver unlock`: replace linked files with writable copies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.display import Displayed
from dver.core.progress import SILENT, Progress
from dver.repo import Repository
from dver.tracking.targets import select_targets, tracked_in_worktree
from dver.workspace.files.apply import refuse_symlinked_parents
from dver.workspace.files.make_private import find_linked, make_private


@dataclass(frozen=True, slots=True, repr=False)
class UnlockResult(Displayed):
    """The replaced files, relative to the top of the Git worktree, and their bytes in all."""

    unlocked: tuple[bytes, ...]
    size: int
    edited: tuple[bytes, ...] = ()
    """Files that were edited while linked: they keep the edits, and the store's earlier version is damaged."""


def unlock(repo: Repository, paths: Sequence[str], *, cwd: Path, progress: Progress = SILENT) -> UnlockResult:
    """Replace files at or below `paths` that are linked to the store with writable copies.

    Other files stay as they are; without a setting `cache.link`, no file is linked.
    """
    with repo.exclusive():
        targets = select_targets(repo, tracked_in_worktree(repo), paths, cwd)
        for target in targets:
            refuse_symlinked_parents(repo.layout.top, target.path)
        places = [repo.layout.absolute(target.path) for target in targets]
        linked = list(find_linked(places, repo.store))
        done = make_private(linked, repo.store, scratch=repo.layout.staging_dir, progress=progress)
    paths_done = tuple(os.path.relpath(one.path, repo.layout.top) for one in done)
    edited = tuple(os.path.relpath(one.path, repo.layout.top) for one in done if one.edited)
    return UnlockResult(paths_done, sum(one.size for one in linked), edited)
