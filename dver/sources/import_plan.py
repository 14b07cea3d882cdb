"""What an import brings: tracked data and other files at or below a path of another repository."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dver.access.errors import PathNotFound
from dver.access.export import find_source
from dver.access.files import FileInfo, Files
from dver.access.project_files import ProjectFiles
from dver.access.suggestions import suggesting
from dver.core.errors import CorruptError
from dver.formats.pointer import SUFFIX
from dver.formats.tree import Entry, forbidden_name
from dver.repo import PROJECT_DIR, Repository

_POINTERS: Final = (SUFFIX, ".dvc")
_LEFT_OUT: Final = frozenset((b".gitignore", os.fsencode(PROJECT_DIR)))


@dataclass(frozen=True, slots=True)
class TrackedPart:
    """Tracked data of the source. `path` is relative to the import; empty for all of it."""

    path: bytes
    entry: Entry
    project: Repository
    """The source's project that tracks it."""
    remote: str | None


@dataclass(frozen=True, slots=True)
class ContentPart:
    """A file of Git in the source, or of DVC. `path` is relative to the import; empty for all of it."""

    path: bytes
    info: FileInfo


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """The parts of an import. A whole file or tracked directory has one part, with an empty path."""

    tracked: tuple[TrackedPart, ...] = ()
    contents: tuple[ContentPart, ...] = ()

    @property
    def is_directory(self) -> bool:
        """Whether the import is a directory of Git, with several parts."""
        return b"" not in [*(part.path for part in self.tracked), *(part.path for part in self.contents)]


def plan_import(files: Files, path: str) -> ImportPlan:
    """Plan the import of `path`. Leaves out pointers, `.gitignore` files and dver's own directory.

    Raises PathNotFound, and CorruptError for a name that may not be in tracked data.
    """
    with suggesting(files, path):
        info = find_source(files, path)
    parts = list(_parts(files, info, b""))
    if not parts:
        raise PathNotFound(f"{path!r} has no files to import", why="the directory is empty", fix="name another path")
    tracked = tuple(part for part in parts if isinstance(part, TrackedPart))
    return ImportPlan(tracked, tuple(part for part in parts if isinstance(part, ContentPart)))


def _parts(files: Files, info: FileInfo, path: bytes) -> Iterator[TrackedPart | ContentPart]:
    target = files.target(info.path) if isinstance(files, ProjectFiles) and info.tracked else None
    if isinstance(files, ProjectFiles) and target is not None:
        pointer = target.tracked.pointer
        yield TrackedPart(path, files.entry(target), files.project_of(target.tracked), pointer.remote)
    elif info.kind != "directory":
        yield ContentPart(path, info)
    else:
        below = files.ls(info.path)
        tracked = [one.name for one in below if one.tracked]
        left_out = {os.fsencode(name + suffix) for name in tracked for suffix in _POINTERS} | _LEFT_OUT
        for one in below:
            name = os.fsencode(one.name)
            if name not in left_out:
                yield from _parts(files, one, _checked(path, name))


def _checked(directory: bytes, name: bytes) -> bytes:
    if reason := forbidden_name(name):
        raise CorruptError(f"cannot import {os.fsdecode(name)!r}", why=reason, fix="import other paths of the source")
    return os.path.join(directory, name)
