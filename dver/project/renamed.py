"""Data that was renamed together with its pointer, by `git mv` or by hand: dver placed it all the same."""

from __future__ import annotations

import os
from collections.abc import Mapping

from dver.project.targets import SUFFIX, Tracked
from dver.repo import Repository
from dver.store.compare import same


def note_renamed(repo: Repository, staged: Mapping[bytes, Tracked]) -> None:
    """Note under its new path what dver placed under an old one that has neither pointer nor data any more, so that a
    checkout of the commit before may take it away again."""
    placed = repo.placed
    new = [one for path, one in staged.items() if path not in placed and os.path.lexists(repo.absolute(path))]
    left = [path for path in placed if new and not _is_there(repo, path)]
    renamed = {old: one for one in new for old in left if len(placed[old]) == 1 and same(placed[old][0], one.entry)}
    if renamed:
        with repo.exclusive():
            repo.note_placed({**dict.fromkeys(renamed, ()), **{one.path: (one.entry,) for one in renamed.values()}})


def _is_there(repo: Repository, path: bytes) -> bool:
    return any(os.path.lexists(repo.absolute(one)) for one in (path, path + SUFFIX))
