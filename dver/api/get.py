"""Downloads of files and directories from a repository, without a clone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dver.api.handle import StrPath, text_of
from dver.api.progress import ProgressCallback, progress_for

if TYPE_CHECKING:
    from dver.ops.share.get import GetResult


def get(
    path: StrPath = "",
    out: StrPath | None = None,
    *,
    repo: StrPath | None = None,
    rev: str | None = None,
    remote: str | None = None,
    force: bool = False,
    progress: ProgressCallback | None = None,
) -> GetResult:
    """Write a file or a directory of a repository to this machine. It appears when it is complete and verified.

    Args:
        path: Tracked data or a file of Git. By default all files.
        out: The file or directory to write; with a slash at the end, the directory to write into. By default the last
            part of `path`, in the current directory.
        repo: A directory, or a URL that Git can clone. By default the project around the current directory.
        rev: A branch, tag or commit. By default the pointers on disk; of a URL, the default branch.
        remote: The name of the remote to read from, instead of those that the pointers name.
        force: Replace an existing file or directory.
        progress: Called with the task `get`, in bytes.

    Raises:
        FileNotFoundError: The revision has no such path.
        ConflictError: `out` exists.
        RemoteError, RepositoryError, UsageError: The repository or the revision cannot be read.
        MissingObjectError, CorruptError: Content is missing or damaged on the remote.
    """
    from dver.ops.share.get import get

    return get(
        os.fspath(repo) if repo is not None else ".",
        text_of(path),
        cwd=Path.cwd(),
        rev=rev,
        out=None if out is None else os.fspath(out),
        remote=remote,
        force=force,
        progress=progress_for(progress),
    )
