"""Existing paths that are spelled like a wrong one, for messages."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from dver.access.errors import NotADirectory, PathNotFound
from dver.access.files import Files

_MOST: Final = 2000
"""The number of names that are compared: the comparison of a million takes a minute."""


@contextmanager
def suggesting(files: Files, path: str) -> Iterator[None]:
    """Add existing paths that are spelled like `path` to a PathNotFound of the block.

    Only the command line does: programs ask often whether a path exists.
    """
    try:
        yield
    except PathNotFound as error:
        near = near_paths(files, path)
        if not near:
            raise
        fix = f"did you mean {' or '.join(map(repr, near))}?"
        raise PathNotFound(error.what, why=error.why, fix=fix) from error


def near_paths(files: Files, path: str) -> list[str]:
    """Existing paths that are spelled like `path`, up to its first missing part."""
    from difflib import get_close_matches

    parts = posixpath.normpath(path.strip("/") or ".").split("/")
    for at in range(len(parts) - 1, -1, -1):
        directory = "/".join(parts[:at])
        try:
            names = [info.name for info in files.ls(directory)]
        except (PathNotFound, NotADirectory):
            continue
        return [posixpath.join(directory, one) for one in get_close_matches(parts[at], names[:_MOST], n=3)]
    return []
