"""`dver move`: rename tracked data, its pointer and its line in `.gitignore`."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dver.core.display import Displayed
from dver.core.errors import ConflictError, UsageError
from dver.core.files import fsync_dir, write_atomic
from dver.core.phrasing import quoted
from dver.core.progress import SILENT, Progress
from dver.formats.pack import ObjectKind
from dver.git import index
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.store.trees.compare import join, same
from dver.tracking.browse import target_at
from dver.tracking.pointer_files import write_pointers
from dver.tracking.targets import (
    SUFFIX,
    TrackedData,
    resolve_data_path,
    target_containing,
    tracked_below,
    tracked_in_worktree,
)
from dver.tracking.trackable import check_destination, refuse_outputs
from dver.workspace.scan.hash_or_store import HashOnly


@dataclass(frozen=True, slots=True, repr=False)
class MoveResult(Displayed):
    """The old and the new path, relative to the top of the Git worktree."""

    old: bytes
    new: bytes
    moved_data: bool
    """Whether the workspace had data to move."""


def move(repo: Repository, source: str, destination: str, *, cwd: Path, progress: Progress = SILENT) -> MoveResult:
    """Rename the data `source` to `destination`, or move it into that directory; staged for Git.

    Also for data that is not checked out, and for data that the user already renamed. Raises UsageError if `source` is
    not tracked as a whole, ConflictError if a file would be overwritten.
    """
    with repo.exclusive():
        tracked = tracked_in_worktree(repo)
        one = _source(repo, tracked, source, cwd)
        has_data = repo.layout.exists(one.path)
        path = _named(repo, source, destination, cwd)
        new = None if has_data else _moved_already(repo, tracked, one, path, progress)
        if new is None:
            new = _destination(repo.layout, one, path, destination)
            _check(repo.layout, tracked, new)
        check_destination(repo, tracked, new, repo.layout.shown(new))
        _carry_out(repo, one, new, has_data=has_data)
    return MoveResult(one.path, new, has_data)


def _source(repo: Repository, tracked: Mapping[bytes, TrackedData], text: str, cwd: Path) -> TrackedData:
    target = target_at(repo, tracked, text, cwd)
    if target is None:
        raise UsageError(
            f"{text!r} is not tracked itself",
            why="it is a directory that contains tracked data",
            fix="move its data one by one",
        )
    if target.inside:
        whole = repo.layout.shown(target.tracked.path)
        raise UsageError(
            f"{text!r} is a part of {whole!r}, which is tracked as a whole",
            why="it has no pointer of its own that could be moved",
            fix=f"rename the file with mv, then `dver add {quoted(whole)}`; its content is not stored again",
        )
    refuse_outputs(repo, [target])
    return target.tracked


def _named(repo: Repository, source: str, destination: str, cwd: Path) -> bytes:
    """The data path of `destination`; the name of a pointer stands for its data, as in `source`."""
    path = resolve_data_path(repo, destination, cwd)
    suffix = os.fsdecode(SUFFIX)
    return path.removesuffix(SUFFIX) if source.endswith(suffix) and destination.endswith(suffix) else path


def _destination(layout: Layout, one: TrackedData, path: bytes, text: str) -> bytes:
    """The new data path: as with `mv`, a directory `path` receives the data."""
    if os.path.isdir(layout.absolute(path)):
        return join(path, os.path.basename(one.path))
    folder = os.path.dirname(layout.absolute(path))
    if text.endswith("/") and one.pointer.kind is not ObjectKind.TREE:
        folder = layout.absolute(path)
    if not os.path.isdir(folder):
        shown = layout.shown(os.path.relpath(folder, layout.top))
        raise UsageError(f"no directory {shown!r}", why="data cannot be moved into it", fix=f"mkdir -p {quoted(shown)}")
    return path


def _moved_already(
    repo: Repository, tracked: Mapping[bytes, TrackedData], one: TrackedData, path: bytes, progress: Progress
) -> bytes | None:
    """The path of data that the user or an interrupted move renamed before."""
    for place in (path, join(path, os.path.basename(one.path))):
        if place != one.path and place in tracked and tracked[place].blob == one.blob:
            return place  # an interrupted move copied the pointer
        if place == b"" or target_containing(tracked, place) or tracked_below(tracked, place):
            continue
        if repo.layout.exists(place) and not index.tracked_under(repo.git, place):
            snapshot = repo.workspace.scan(place, HashOnly(), progress=progress)
            if snapshot is not None and same(snapshot.root, one.entry):
                return place
    return None


def _check(layout: Layout, tracked: Mapping[bytes, TrackedData], new: bytes) -> None:
    shown = layout.shown(new)
    around = target_containing(tracked, new)
    if around is not None and around.inside:
        raise ConflictError(
            f"{shown!r} lies in {layout.shown(around.tracked.path)!r}, which is tracked as a whole",
            why="data inside of it cannot have a pointer of its own",
            fix="choose a path outside of tracked data",
        )
    if around is not None or layout.exists(new) or layout.exists(new + SUFFIX):
        raise ConflictError(
            f"{shown!r} exists already",
            why="it is tracked" if around is not None else "it would be overwritten",
            fix="choose another name, or remove that one first",
        )


def _carry_out(repo: Repository, one: TrackedData, new: bytes, *, has_data: bool) -> None:
    pointer_file = Path(os.fsdecode(repo.layout.absolute(new + SUFFIX)))
    content = Path(os.fsdecode(repo.layout.absolute(one.source))).read_bytes()
    if has_data:
        _rename(repo.layout, one.path, new)
    try:
        write_atomic(pointer_file, content)  # with the user's edits
        write_pointers(repo, {new: one.pointer, one.path: None})
    except BaseException:
        pointer_file.unlink(missing_ok=True)
        if has_data:
            _rename(repo.layout, new, one.path)
        raise
    repo.workspace.stat_cache.move(repo.layout.absolute(one.path), repo.layout.absolute(new))
    placed = repo.state.placed.get(one.path, ())
    name = os.path.basename(new)
    repo.state.record_placed({one.path: (), new: tuple(entry._replace(name=name) for entry in placed)})


def _rename(layout: Layout, old: bytes, new: bytes) -> None:
    try:
        os.rename(layout.absolute(old), layout.absolute(new))
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        raise UsageError(
            f"{layout.shown(new)!r} is on another disk than {layout.shown(old)!r}",
            why="a rename cannot move data between disks",
            fix="move the data yourself with mv, then run the same command again",
        ) from error
    for path in (old, new):
        fsync_dir(os.path.dirname(layout.absolute(path)))
