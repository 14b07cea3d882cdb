"""A temporary worktree of a commit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from dver.core.platform.processes import is_alive
from dver.git.git_repo import GitRepo, discover, run
from dver.git.revisions import CommitId


@contextmanager
def scratch_worktree(git: GitRepo, folder: Path, commit: CommitId) -> Iterator[GitRepo]:
    """A new worktree of `commit` below `folder`, deleted at the end of the block. No hooks run.

    Leftovers of killed processes are deleted first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _clear(git, folder)
    place = Path(mkdtemp(prefix=f"{os.getpid()}-", dir=folder))
    try:
        options = ["-c", f"core.hooksPath={os.devnull}"]
        run(git, [*options, "worktree", "add", "--quiet", "--detach", os.fspath(place), commit])
        yield discover(place)
    finally:
        _remove(git, place)


def _clear(git: GitRepo, folder: Path) -> None:
    for place in folder.iterdir():
        pid = place.name.partition("-")[0]
        if not pid.isdecimal() or not is_alive(int(pid)):
            _remove(git, place)


def _remove(git: GitRepo, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    run(git, ["worktree", "prune"])
