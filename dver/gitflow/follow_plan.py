"""The plan of a checkout that follows Git: data with a new pointer, and data without one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from dver.formats.tree import Entry
from dver.workspace.state.followed import mark_of
from dver.workspace.state.placed import Placed


@dataclass(frozen=True, slots=True)
class FollowPlan:
    """The steps of a hook, by data path relative to the top of the Git worktree."""

    bring: Mapping[bytes, Entry]
    """Data with a new pointer, and its target entry."""
    gone: tuple[bytes, ...]
    """Data that dver placed and that no pointer names any more."""
    marks: Mapping[bytes, str]
    """The marks of pointers to record afterwards."""


def plan_following(
    pointers: Mapping[bytes, Entry], undecided: Collection[bytes], followed: Mapping[bytes, str], placed: Placed
) -> FollowPlan:
    """The plan for the `pointers` on disk.

    Data of `undecided` pointers, which are in conflict or unreadable, stays as it is. `followed` are the recorded
    marks, `placed` is the data that dver put into the worktree.
    """
    bring = {path: entry for path, entry in pointers.items() if not _has_followed(path, entry, followed, placed)}
    gone = tuple(path for path in placed if path not in pointers and path not in undecided)
    kept = {path: followed[path] for path in undecided if path in followed}
    return FollowPlan(bring, gone, {**kept, **{path: mark_of(entry) for path, entry in pointers.items()}})


def _has_followed(path: bytes, entry: Entry, followed: Mapping[bytes, str], placed: Placed) -> bool:
    present = placed.get(path, ())
    if present == (entry,):
        return True
    # An earlier run tried this pointer and could not place all of its data. It reported that, so do not retry.
    return len(present) != 1 and followed.get(path) == mark_of(entry)
