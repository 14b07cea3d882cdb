"""`dver list`: the files of another repository, without a clone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dver.access.files import FileInfo
from dver.access.repositories import open_files
from dver.access.suggestions import suggesting


@contextmanager
def list_files(
    repo: str,
    path: str = "",
    *,
    cwd: Path,
    rev: str | None = None,
    remote: str | None = None,
    recursive: bool = False,
) -> Iterator[Iterator[FileInfo]]:
    """The entries of the directory `path` of `repo` at `rev`, or the file itself.

    With `recursive`, all files and links below it. Raises UsageError for a wrong path or revision.
    """
    files = open_files(repo, rev=rev, remote=remote, cwd=cwd)
    try:
        with suggesting(files, path):
            info = files.info(path)
        if info.kind != "directory":
            yield iter((info,))
        elif recursive:
            yield (one for one in files.walk(path) if one.kind != "directory")
        else:
            yield iter(files.ls(path))
    finally:
        files.close()
