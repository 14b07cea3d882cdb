"""The mirrors of Git repositories in the user's cache, as a list, and their removal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dver.core.display import Displayed
from dver.core.files import delete_any
from dver.core.worktree_lock import locked


@dataclass(frozen=True, slots=True, repr=False)
class CachedMirror(Displayed):
    """A mirror of the Git repository at `url`, its bytes on the disk, and the time of its last use."""

    url: str
    directory: Path
    size: int
    last_used: float


def cached_mirrors(cache_dir: Path) -> list[CachedMirror]:
    """The mirrors below the user's cache directory, sorted by URL."""
    return sorted(_found(cache_dir / "mirrors"), key=lambda one: one.url)


def remove_mirror(mirror: CachedMirror) -> None:
    """Delete a mirror. Waits for a process that fetches into it."""
    with locked(mirror.directory.with_suffix(".lock")):
        delete_any(mirror.directory)


def _found(mirrors: Path) -> Iterator[CachedMirror]:
    with suppress(OSError):
        for directory in mirrors.iterdir():
            with suppress(OSError, UnicodeDecodeError):
                url = (directory / "description").read_text().strip()
                yield CachedMirror(url, directory, _size(directory), directory.stat().st_mtime)


def _size(directory: Path) -> int:
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total
