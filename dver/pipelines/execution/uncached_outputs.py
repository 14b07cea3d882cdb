"""Outputs with `cache: false`, which dver leaves to Git."""

from __future__ import annotations

import os
from collections.abc import Iterable

from dver.git.index import ignored, tracked_under
from dver.pipelines.engine.graph import Address, Graph, worktree_path
from dver.repo import Repository
from dver.tracking.targets import is_at_or_below


def outputs_not_in_git(repo: Repository, graph: Graph, stages: Iterable[Address]) -> tuple[bytes, ...]:
    """The uncached outputs of `stages` that Git neither tracks nor ignores."""
    paths = {
        os.fsencode(worktree_path(address.folder, out.path, out.mark)): None
        for address in stages
        for out in graph.stages[address].outs
        if not out.cache
    }
    if not paths:
        return ()
    tracked, excluded = tracked_under(repo.git, *paths), ignored(repo.git, paths)
    return tuple(
        path
        for path in paths
        if path not in excluded
        and not any(is_at_or_below(file, path) for file in tracked)
        and os.path.lexists(repo.layout.absolute(path))
    )
