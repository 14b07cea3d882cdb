"""Directories of files that dver writes for people. Git ignores them, and dver may overwrite what is in them."""

from __future__ import annotations

import os
from pathlib import Path

from dver.core.errors import ConflictError
from dver.core.files import write_atomic
from dver.core.phrasing import quoted


def make_own_directory(folder: Path, verb: str) -> Path:
    """The directory `folder`, created if it is missing. Its `.gitignore` says that `dver VERB` made it.

    Raises ConflictError if it contains files of others.
    """
    own = f"# made by dver {verb}\n*\n".encode()
    mark = folder / ".gitignore"
    if folder.exists() and not folder.is_dir():
        raise ConflictError(f"{os.fspath(folder)!r} is not a directory", fix="choose another directory: -o DIR")
    if folder.is_dir() and any(folder.iterdir()) and not (mark.is_file() and mark.read_bytes() == own):
        raise ConflictError(
            f"{os.fspath(folder)!r} contains other files",
            why="dver could overwrite them",
            fix=f"choose a new directory: -o {quoted(os.fspath(folder / verb))}",
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(mark, own, durable=False)
    return folder
