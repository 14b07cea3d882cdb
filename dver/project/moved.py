"""What Git did to pointers unseen by dver: data was moved along with them, or they went and came back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from dver.core.errors import ConflictError, CorruptError
from dver.project.targets import SUFFIX, Tracked, load
from dver.repo import Repository
from dver.scm import pointers, revisions
from dver.scm.pointers import Change, PointerFile
from dver.worktree.followed import mark_of
from dver.worktree.placed import Placed


def note_moved(repo: Repository, staged: Mapping[bytes, Tracked]) -> None:
    """Before a commit: note under its new path what dver placed under an old one that no pointer on disk names."""
    absent = [path for path in repo.placed if path not in staged and not _exists(repo, path)]
    left = [path for path in absent if not _exists(repo, path + SUFFIX)]
    if moved := _moved(repo, left, staged.values()):
        with repo.exclusive():
            repo.note_placed(moved)


def find_moved(top: Repository, index: Mapping[bytes, PointerFile], tracked: Mapping[bytes, Tracked]) -> Placed:
    """How placed.json has to change because data was moved with its pointer, and Git then took the pointer away.

    Data counts as moved to a path under three conditions. A commit that was checked out, or the last stash, has a
    pointer there, and the index has none. dver placed the same content at another path, where nothing is now. That
    commit has no pointer at the other path. So data that the user deleted, or keeps without a pointer, does not count.

    `index` and `tracked` are the pointers in the index, and what is named on disk. Git is asked only if placed data is
    absent.
    """
    absent = [path for path in top.placed if not _exists(top, path)]
    moved: Placed = {}
    for commit in _recent_commits(top) if absent else ():
        changes = pointers.changed_against_head(top.git, commit)
        left = [path for path in absent if not any(_has(one, changes, index) for one in _sources(path, tracked))]
        taken = _taken_away(top, changes) if left else ()
        moved |= _moved(top, left, (one for one in taken if one.path not in tracked))
    return moved


def _moved(repo: Repository, left: Iterable[bytes], candidates: Iterable[Tracked]) -> Placed:
    """How placed.json has to change if those of `candidates` whose data dver placed at a path that was `left` are where
    that data is now."""
    placed = repo.placed
    origins: dict[str, list[bytes]] = {}
    for path in left:
        for entry in placed[path]:
            origins.setdefault(mark_of(entry), []).append(path)
    moved: Placed = {}
    for one in candidates if origins else ():
        came_from = origins.get(mark_of(one.entry), ())
        if came_from and one.path not in placed and _exists(repo, one.path):
            moved |= {one.path: (one.entry,), **dict.fromkeys(came_from, ())}
    return moved


def find_recreated(
    top: Repository, index: Mapping[bytes, PointerFile], tracked: Mapping[bytes, Tracked]
) -> frozenset[bytes]:
    """Data that is absent, and whose pointer Git has created since data last followed the pointers.

    A pointer that was written since was created, since Git leaves one alone that stays the same. A lock changes with
    every stage: it was created if a commit that was checked out does not have it. So data that the user deleted stays
    deleted as long as its pointer or lock stays.
    """
    noted = top.noted_at
    absent = [one for one in tracked.values() if not _exists(top, one.path) and _changed_at(top, one.source) > noted]
    locks = {one.maker.lock for one in absent if one.maker is not None}
    created: set[bytes] = set()
    for commit in revisions.former_heads(top.git) if locks else ():
        changes = pointers.changed_against_head(top.git, commit)
        created |= {lock for lock in locks if not _has(lock, changes, index)}
    return frozenset(one.path for one in absent if one.maker is None or one.maker.lock in created)


def _recent_commits(top: Repository) -> list[str]:
    stash = revisions.last_stash(top.git)
    return [*revisions.former_heads(top.git), *([stash] if stash else ())]


def _changed_at(top: Repository, path: bytes) -> int:
    """When the file `path` was last written, in nanoseconds; 0 outside of a sparse checkout, where it is not."""
    try:
        return os.lstat(top.absolute(path)).st_ctime_ns
    except FileNotFoundError:
        return 0


def _exists(repo: Repository, path: bytes) -> bool:
    return os.path.lexists(repo.absolute(path))


def _sources(path: bytes, tracked: Mapping[bytes, Tracked]) -> set[bytes]:
    """The files that may name the data `path`."""
    return {path + SUFFIX, *({tracked[path].source} if path in tracked else ())}


def _has(source: bytes, changes: Mapping[bytes, Change], index: Mapping[bytes, PointerFile]) -> bool:
    """Does the commit that differs from the index by `changes` have the file `source`?"""
    return changes[source].old is not None if source in changes else source in index


def _taken_away(top: Repository, changes: Mapping[bytes, Change]) -> Iterator[Tracked]:
    """What the pointers and locks name that neither the index nor the disk has any more, as far as they can be read."""
    gone = {
        path: PointerFile(change.old)
        for path, change in changes.items()
        if change.old is not None and change.new is None and not _exists(top, path)
    }
    with suppress(CorruptError):
        blobs = (file.blob for file in gone.values())
        contents = pointers.read_blobs(top.git, blobs, pointers.most_bytes(gone))
        for path, file in gone.items():
            with suppress(CorruptError, ConflictError):
                yield from load(top, {path: replace(file, content=contents[file.blob])}).values()
