"""Contents of tracked files as files on this machine, for libraries that read files only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from dver.core.errors import MissingObjectError
from dver.core.phrasing import quoted
from dver.formats.tree import Entry
from dver.repo import Repository


@contextmanager
def scratch_directory(repo: Repository) -> Iterator[Path]:
    """A new directory on the disk of the clone. It is gone after the block."""
    repo.layout.worktree_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="scratch-", dir=repo.layout.worktree_dir) as name:
        yield Path(name)


def content_file(repo: Repository, entry: Entry, path: bytes, rev: str | None, to: Path) -> Path:
    """A file with the content of `entry`, which is at the data path `path` of the revision `rev`.

    Without `rev` it is the file of the workspace, where a scan has found the entry. Otherwise it is the file of the
    store if there is one, or else `to`. Raises MissingObjectError or CorruptError.
    """
    if rev is None:
        return Path(os.fsdecode(repo.layout.absolute(path)))
    try:
        if repo.store.loose.present((entry.oid,)):
            return repo.store.loose.path(entry.oid)
        with open(to, "wb") as file:
            file.writelines(repo.store.stream(entry.oid))
    except MissingObjectError as error:
        shown = repo.layout.shown(path)
        raise MissingObjectError(
            f"the content of {shown!r} at {rev} is not in the store",
            why="it was never fetched, or was deleted",
            fix=f"dver fetch --rev {quoted(rev)} {quoted(shown)}",
        ) from error
    return to
