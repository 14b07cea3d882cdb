"""Which data has to follow its pointer: decided from what the pointers say, and said when data last followed them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from dver.formats.tree import Entry
from dver.workspace.state.followed import mark_of
from dver.workspace.state.placed import Placed


@dataclass(frozen=True, slots=True)
class FollowPlan:
    """What has to be done; by data path, relative to the top of the Git worktree."""

    bring: Mapping[bytes, Entry]
    """Data whose pointer says something new, and what it says."""
    gone: tuple[bytes, ...]
    """Data that dver has put here, and that no pointer stands for any more."""
    marks: Mapping[bytes, str]
    """What is to be noted when that is done."""


def plan_following(
    pointers: Mapping[bytes, Entry], undecided: Collection[bytes], followed: Mapping[bytes, str], placed: Placed
) -> FollowPlan:
    """What data has to do to follow `pointers`, those on disk.

    The data of `undecided` ones, which are in conflict or cannot be read, stays as it is. `followed` is what was noted
    the last time, `placed` what dver has put into the worktree.
    """
    bring = {path: entry for path, entry in pointers.items() if not _has_followed(path, entry, followed, placed)}
    gone = tuple(path for path in placed if path not in pointers and path not in undecided)
    kept = {path: followed[path] for path in undecided if path in followed}
    return FollowPlan(bring, gone, {**kept, **{path: mark_of(entry) for path, entry in pointers.items()}})


def _has_followed(path: bytes, entry: Entry, followed: Mapping[bytes, str], placed: Placed) -> bool:
    there = placed.get(path, ())
    if there == (entry,):
        return True
    # With anything but this alone in its place: nothing of it could be had, or not all of it, and that was said.
    return len(there) != 1 and followed.get(path) == mark_of(entry)
