"""The fix for a pointer or lock file that cannot be read."""

from __future__ import annotations

from dver.core.phrasing import quoted
from dver.git.index import is_committed
from dver.repo import Repository


def restore_fix(repo: Repository, path: bytes) -> str:
    """The command that restores the file `path` from HEAD, or from an older commit if HEAD has the same bad file."""
    shown = quoted(repo.layout.shown(path))
    if not is_committed(repo.git, path):
        return f"restore it with `git checkout HEAD -- {shown}`"
    return f"restore an older version: `git log --oneline -- {shown}` lists them, `git checkout COMMIT -- {shown}`"
