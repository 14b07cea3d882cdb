"""Contents of tracked files as files on this machine, for libraries that read files only."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from dver.core.errors import MissingObjectError
from dver.core.phrasing import quoted
from dver.formats.tree import Entry
from dver.repo import Repository
from dver.store.objects.file_creation import DAY

_PREFIX: Final = "scratch-"


@contextmanager
def scratch_directory(repo: Repository) -> Iterator[Path]:
    """A new directory: in the Git directory, whose disk has space for data, or else in that of the system.

    It is gone after the block. Those of killed processes are deleted after a day.
    """
    folder = _directory_of_scratch(repo)
    with TemporaryDirectory(prefix=_PREFIX, dir=folder, ignore_cleanup_errors=True) as name:
        yield Path(name)


def _directory_of_scratch(repo: Repository) -> Path | None:
    folder = repo.layout.worktree_dir
    with suppress(OSError):  # a repository that is read-only
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        return None
    for left in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - DAY:
                shutil.rmtree(left)
    return folder


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
