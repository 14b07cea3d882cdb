"""The plan of a step that replaces Git's files in the workspace. Pure: it is made from a look at the disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from dver.core.errors import ConflictError
from dver.core.phrasing import quoted
from dver.git.scratch_index import SUBMODULE, TreeDifference


class FileKind(Enum):
    """What is at a path of the workspace."""

    FILE = "file"
    LINK = "link"
    DIRECTORY = "directory"
    REPOSITORY = "repository"
    """A directory with a Git repository of its own."""
    SPECIAL = "special"
    """A FIFO, a device or a socket."""


@dataclass(frozen=True, slots=True)
class WorkspaceView:
    """What is at the paths that a plan is about, at the directories above them, and below those in the way."""

    kinds: Mapping[bytes, FileKind]
    """Nothing is at other paths."""
    below: Mapping[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    """All paths below each directory that is in the way of a file, deepest first."""


@dataclass(frozen=True, slots=True)
class FilePlan:
    """The changes of Git's files, in the order of their execution. Nothing is at the paths of `write` by then."""

    clear: tuple[bytes, ...] = ()
    """Existing files and links to delete: those to overwrite, and those that the target does not have."""
    clear_directories: tuple[bytes, ...] = ()
    """Existing directories in the way of files, deepest first."""
    write: tuple[bytes, ...] = ()
    """Files and links to write from Git's tree."""
    restore: tuple[bytes, ...] = ()
    """Files and links to write from an undo record."""
    submodules: tuple[bytes, ...] = ()
    """Changed submodules and nested repositories. They stay."""
    new_submodules: tuple[bytes, ...] = ()
    """Those of them that are missing: they become empty directories, as in Git."""
    left_out: tuple[bytes, ...] = ()
    """Files that a sparse checkout leaves out. They stay missing."""

    @property
    def deleted(self) -> tuple[bytes, ...]:
        """The files that the target does not have."""
        written = {*self.write, *self.restore}
        return tuple(path for path in self.clear if path not in written)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The changes that a target needs, by their source."""

    write: tuple[bytes, ...]
    restore: tuple[bytes, ...]
    delete: tuple[bytes, ...]
    submodules: tuple[bytes, ...]
    new_submodules: tuple[bytes, ...]
    left_out: tuple[bytes, ...]


def wanted_changes(
    changes: Iterable[TreeDifference],
    *,
    untracked: Iterable[bytes] = (),
    restored: Collection[bytes] = (),
    left_out: Collection[bytes] = (),
    data: Collection[bytes] = (),
) -> Wanted:
    """What to write and to delete for `changes` of Git's tree.

    `untracked` files are deleted, too. `restored` paths have their content in an undo record, whatever the tree has.
    `left_out` are files that a sparse checkout leaves out, and that are missing. Deletions at or below tracked `data`
    are left to the checkout of data.
    """
    write, delete, submodules, new_submodules, absent = [], list(untracked), [], [], []
    for one in changes:
        if one.path in restored:
            continue
        if one.is_submodule:
            submodules.append(one.path)
        if one.is_submodule and one.new == SUBMODULE:
            if one.old != SUBMODULE:
                new_submodules.append(one.path)
                delete.append(one.path)
        elif one.is_submodule and one.new is None:
            pass  # as in Git, its directory stays
        elif one.path in left_out:
            absent.append(one.path)
        elif one.new is not None:
            write.append(one.path)
        elif not is_in(one.path, data):
            delete.append(one.path)
    gone = tuple(path for path in dict.fromkeys(delete) if path not in restored)
    return Wanted(tuple(write), tuple(restored), gone, tuple(submodules), tuple(new_submodules), tuple(absent))


def plan_files(wanted: Wanted, view: WorkspaceView, *, removed_data: Collection[bytes] = ()) -> FilePlan:
    """The plan for `wanted` changes in the workspace `view`.

    `removed_data` are paths that the checkout of data clears before. Raises ConflictError where a nested repository or
    a special file is in the way.
    """
    clear: dict[bytes, None] = {}
    directories: dict[bytes, None] = {}
    for path in wanted.delete:
        if view.kinds.get(path) in (FileKind.FILE, FileKind.LINK):
            clear[path] = None
    for path in (*wanted.write, *wanted.restore):
        _clear_way(path, view, clear, directories, removed_data)
    return FilePlan(
        tuple(clear),
        tuple(sorted(directories, key=lambda path: path.count(b"/"), reverse=True)),
        wanted.write,
        wanted.restore,
        wanted.submodules,
        tuple(path for path in wanted.new_submodules if view.kinds.get(path) is not FileKind.DIRECTORY),
        wanted.left_out,
    )


def _clear_way(
    path: bytes,
    view: WorkspaceView,
    clear: dict[bytes, None],
    directories: dict[bytes, None],
    removed_data: Collection[bytes],
) -> None:
    """Add what is in the way of the file `path`: at its path, below it, and in place of a directory above it."""
    for parent in parents(path):
        kind = view.kinds.get(parent)
        if kind is FileKind.REPOSITORY:
            raise _in_repository(path, parent)
        if kind not in (None, FileKind.DIRECTORY):
            if not is_in(parent, removed_data):
                _add_file(parent, view, clear)
            return
    kind = view.kinds.get(path)
    if kind is FileKind.REPOSITORY:
        raise _in_repository(path, path)
    if kind is FileKind.DIRECTORY:
        for below in view.below[path]:
            _add_below(path, below, view, clear, directories, removed_data)
        if not is_in(path, removed_data):
            directories[path] = None
    elif kind is not None and not is_in(path, removed_data):
        _add_file(path, view, clear)


def _add_below(
    top: bytes,
    path: bytes,
    view: WorkspaceView,
    clear: dict[bytes, None],
    directories: dict[bytes, None],
    removed_data: Collection[bytes],
) -> None:
    if is_in(path, removed_data):
        return
    if view.kinds[path] is FileKind.REPOSITORY:
        raise _in_repository(top, path)
    if view.kinds[path] is FileKind.DIRECTORY:
        directories[path] = None
    else:
        _add_file(path, view, clear)


def _add_file(path: bytes, view: WorkspaceView, clear: dict[bytes, None]) -> None:
    if view.kinds[path] is FileKind.SPECIAL:
        shown = os.fsdecode(path)
        raise ConflictError(
            f"{shown!r} is in the way",
            why="it is a FIFO, a device or a socket, which dver cannot save",
            fix=f"move it away: mv -- {quoted(shown)} {quoted(shown + '.old')}",
        )
    clear[path] = None


def _in_repository(path: bytes, repository: bytes) -> ConflictError:
    shown = os.fsdecode(repository)
    return ConflictError(
        f"cannot replace {os.fsdecode(path)!r}",
        why=f"{shown!r} is a Git repository of its own",
        fix=f"move it away: mv -- {quoted(shown)} {quoted(shown + '.old')}",
    )


def parents(path: bytes) -> list[bytes]:
    """The directories above `path`, from the top."""
    parts = path.split(b"/")
    return [b"/".join(parts[:length]) for length in range(1, len(parts))]


def kind_of(mode: int) -> FileKind:
    """The kind of a path with the `mode` of `lstat`; a repository counts as a directory."""
    if stat.S_ISREG(mode):
        return FileKind.FILE
    if stat.S_ISLNK(mode):
        return FileKind.LINK
    return FileKind.DIRECTORY if stat.S_ISDIR(mode) else FileKind.SPECIAL


def is_in(path: bytes, directories: Collection[bytes]) -> bool:
    """Whether `path` is one of `directories` or below one."""
    return path in directories or any(parent in directories for parent in parents(path))
