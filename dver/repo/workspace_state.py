"""dver's records of a worktree: placed data, partial directories, and the pointers that data followed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dver.formats.tree import Entry
from dver.workspace.state.followed import FILE, Followed, mark_of, read_followed, write_followed
from dver.workspace.state.placed import Placed, read_placed, write_placed


class WorkspaceState:
    """The state files of the worktree with the Git directory `git_dir`. See docs/architecture/workspace.md."""

    def __init__(self, git_dir: Path) -> None:
        self._placed_file = git_dir / "dver" / "placed.json"
        self._partial_file = git_dir / "dver" / "partial.json"
        self._followed_file = git_dir / FILE
        self._placed_read: tuple[tuple[int, int, int], Placed] | None = None
        """The last answer of `placed`, and the inode, mtime and size of its file then."""
        self._partial_read: frozenset[bytes] | None = None

    @property
    def placed(self) -> Placed:
        """The data that dver put into this worktree. Read again when the file has changed."""
        try:
            status = os.stat(self._placed_file)
        except FileNotFoundError:
            return {}
        key = (status.st_ino, status.st_mtime_ns, status.st_size)
        if self._placed_read is None or self._placed_read[0] != key:
            self._placed_read = key, read_placed(self._placed_file)
        return self._placed_read[1]

    @property
    def partial(self) -> frozenset[bytes]:
        """Tracked directories that are only partly checked out in this worktree."""
        if self._partial_read is None:
            self._partial_read = frozenset(read_placed(self._partial_file))
        return self._partial_read

    @property
    def followed(self) -> Followed:
        """The pointers that data followed last in this worktree."""
        return read_followed(self._followed_file)

    @property
    def recorded_at(self) -> int:
        """The time of the last record of placed data or followed pointers, in nanoseconds; 0 if there is none."""
        files = [one for one in (self._placed_file, self._followed_file) if one.exists()]
        return max((one.stat().st_mtime_ns for one in files), default=0)

    def forget_read(self) -> None:
        """Read the state of placed data again when it is next needed."""
        self._placed_read = None

    def record_partial(self, changes: Mapping[bytes, bool]) -> None:
        """Record for each directory whether it is partial."""
        paths = {path for path in (*self.partial, *changes) if changes.get(path, True)}
        if paths != self.partial:
            write_placed(self._partial_file, dict.fromkeys(paths, ()))
        self._partial_read = None

    def record_placed(self, changes: Mapping[bytes, tuple[Entry, ...]]) -> None:
        """Record the entries that dver placed at each path; an empty tuple means that dver removed its data."""
        placed = {**self.placed, **changes}
        write_placed(self._placed_file, {path: entries for path, entries in placed.items() if entries})
        self._placed_read = None
        # If the same pointer returns, its data must be checked out again.
        if removed := [path for path, entries in changes.items() if not entries]:
            self.record_followed(dict.fromkeys(removed))

    def record_followed(self, changes: Mapping[bytes, Entry | None]) -> None:
        """Record the entry that each data path followed, completely or not; None removes a record."""
        before = self.followed
        marks = {**before.marks, **{path: mark_of(entry) if entry else "" for path, entry in changes.items()}}
        marks = {path: mark for path, mark in marks.items() if mark}
        if marks != before.marks:
            self.write_followed(replace(before, marks=marks, index=""))

    def write_followed(self, followed: Followed) -> None:
        """Replace the record of followed pointers."""
        write_followed(self._followed_file, followed)
