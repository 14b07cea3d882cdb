"""The working tree of a run: the files of a snapshot, and the tracked data that its stages read.

Everything comes from Git's objects and from the store. What the last run in the same worktree left behind is deleted,
except data that this run needs, too: only its differences are checked out.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from dver.core.errors import MissingObjectError
from dver.core.files import delete_any
from dver.core.progress import SILENT, Progress
from dver.git.git_repo import CommitId, GitRepo
from dver.git.reusable_worktree import open_worktree, reset_worktree, untracked_paths
from dver.pipelines.engine.graph import Address, Graph
from dver.pipelines.execution.cached_runs import is_cacheable
from dver.pipelines.workspace.stage_files import dep_paths
from dver.repo import Repository
from dver.sources.download import download_input
from dver.store.trees.compare import find
from dver.tracking.browse import entry_at
from dver.tracking.targets import (
    Target,
    TrackedData,
    ancestors,
    is_at_or_below,
    target_containing,
    tracked_below,
    tracked_in_worktree,
)
from dver.workspace.checkout.restore import CheckoutTarget, restore

_STATE_OF_RUNS: Final = ("aside", "logs")
"""What earlier runs left in the worktree's own directory."""


def open_files(git: GitRepo, place: Path, baseline: CommitId, snapshot: CommitId) -> GitRepo:
    """The worktree at `place`, with HEAD at `baseline` and the files of the commit `snapshot`, staged.

    Untracked files are still those of the last run. `git` is any worktree of the clone.
    """
    worktree = open_worktree(git, place, baseline)
    reset_worktree(worktree, baseline, f"{snapshot}^{{tree}}")
    return worktree


def delete_untracked(repo: Repository) -> None:
    """Delete the files of earlier runs that are neither in the snapshot nor tracked data."""
    _delete_untracked(repo, tracked_in_worktree(repo))
    for name in _STATE_OF_RUNS:
        delete_any(repo.layout.worktree_dir / name)


def check_out_inputs(repo: Repository, graph: Graph, stages: Collection[Address], progress: Progress = SILENT) -> None:
    """Check out the tracked data that `stages` need, and delete other tracked data.

    Data that the store does not have is downloaded. Raises MissingObjectError for what no remote has either.
    """
    tracked = tracked_in_worktree(repo)
    targets = needed_data(graph, stages, tracked)
    # The run compares the outputs that are present, and restores only what differs.
    outputs = [path for path, one in tracked.items() if _maker(one) in stages]
    _delete_untracked(repo, [*outputs, *(one.path for one in targets)])
    if missing := [one for one in targets if not _is_stored(repo, one)]:
        download_input(repo, missing, progress)
    entries = [CheckoutTarget(one.path, entry_at(repo, one), one.tracked if one.inside else None) for one in targets]
    with repo.exclusive():
        done = restore(repo, entries, force=True, progress=progress)
    if (error := done.error()) is not None:
        raise error


def _is_stored(repo: Repository, target: Target) -> bool:
    try:
        entry = find(target.tracked.entry, target.inside, repo.store.tree)
    except MissingObjectError:
        return False
    return entry is None or not repo.store.find_missing([entry.ref(target.path)])


def needed_data(graph: Graph, stages: Collection[Address], tracked: dict[bytes, TrackedData]) -> list[Target]:
    """The tracked data to check out before a run of `stages`.

    That is what they read, except outputs that the run itself restores, and outputs that no run can restore. An output
    is restored by its stage, unless that one cannot be cached or is not run.
    """
    left = {path: one for path, one in tracked.items() if not _is_restored_by_run(one, graph, stages)}
    found: dict[bytes, Target] = {}
    for address in stages:
        for text in dep_paths(address, graph.stages[address]):
            found.update((one.path, one) for one in _within(left, os.fsencode(text)))
    found.update((path, Target(one)) for path, one in left.items() if _maker(one) in stages)
    return [found[path] for path in _outermost(found)]


def _is_restored_by_run(one: TrackedData, graph: Graph, stages: Collection[Address]) -> bool:
    maker = _maker(one)
    return maker is not None and maker in stages and is_cacheable(graph.stages[maker])


def _maker(one: TrackedData) -> Address | None:
    if one.maker is None:
        return None
    return Address(os.fsdecode(os.path.dirname(one.maker.lock)), one.maker.stage)


def _within(tracked: dict[bytes, TrackedData], path: bytes) -> Iterable[Target]:
    target = target_containing(tracked, path)
    return [target] if target is not None else [Target(one) for one in tracked_below(tracked, path)]


def _outermost(paths: Iterable[bytes]) -> Iterator[bytes]:
    """The paths that are not in another one."""
    last: bytes | None = None
    for path in sorted(paths, key=lambda one: one.split(b"/")):
        if last is None or not is_at_or_below(path, last):
            last = path
            yield path


def _delete_untracked(repo: Repository, kept: Iterable[bytes]) -> None:
    """Delete all files that are not in the index, except those at and below the paths `kept`."""
    whole = set(kept)
    above = {folder for path in whole for folder in ancestors(path)}
    for path in untracked_paths(repo.git):
        if whole.isdisjoint(ancestors(path)):
            _delete(repo.layout.absolute(path), path, whole, above)


def _delete(absolute: bytes, path: bytes, kept: Collection[bytes], above: Collection[bytes]) -> None:
    if path in kept:
        return
    if path not in above or not os.path.isdir(absolute) or os.path.islink(absolute):
        delete_any(absolute)
        return
    for name in os.listdir(absolute):
        _delete(os.path.join(absolute, name), os.path.join(path, name), kept, above)
