"""Data that dver placed, and that was moved or whose pointer went and came back without dver.

Both correct what placed.json says of it; then data follows its pointer as ever.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

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


def changed_by_git(top: Repository, index: Mapping[bytes, PointerFile], tracked: Mapping[bytes, Tracked]) -> Placed:
    """How placed.json has to change, after Git has changed pointers: for data that was moved together with its pointer,
    and for absent data whose pointer was created.

    `index` and `tracked` are the pointers in the index, and what is named on disk. Git is asked only if placed data is
    absent.
    """
    absent = [path for path in top.placed if not _exists(top, path)]
    if not absent:
        return {}
    heads = [_Former.of(top, index, commit) for commit in revisions.former_heads(top.git)]
    stash = revisions.last_stash(top.git)
    former = [*heads, *([_Former.of(top, index, stash)] if stash else ())]
    created = _created(top, heads, [tracked[path] for path in absent if path in tracked])
    return {**dict.fromkeys(created, ()), **_taken_away(top, former, absent, tracked)}


@dataclass(frozen=True, slots=True)
class _Former:
    """The pointers and locks of a commit that was checked out, as a difference to the index."""

    index: Mapping[bytes, PointerFile]
    changes: Mapping[bytes, Change]

    @classmethod
    def of(cls, top: Repository, index: Mapping[bytes, PointerFile], commit: str) -> _Former:
        """Those of `commit` (an id)."""
        return cls(index, pointers.changed_against_head(top.git, commit))

    def __contains__(self, source: bytes) -> bool:
        change = self.changes.get(source)
        return source in self.index if change is None else change.old is not None

    def taken_away(self, top: Repository) -> Iterator[Tracked]:
        """What its files name that neither the index nor the disk has any more, as far as they can be read."""
        gone = {
            path: PointerFile(change.old)
            for path, change in self.changes.items()
            if change.old is not None and change.new is None and not _exists(top, path)
        }
        with suppress(CorruptError):
            contents = pointers.read_blobs(top.git, (file.blob for file in gone.values()), pointers.most_bytes(gone))
            for path, file in gone.items():
                with suppress(CorruptError, ConflictError):
                    yield from load(top, {path: replace(file, content=contents[file.blob])}).values()


def _taken_away(
    top: Repository, former: Sequence[_Former], absent: Sequence[bytes], tracked: Mapping[bytes, Tracked]
) -> Placed:
    """How placed.json has to change because data was moved with its pointer, and Git then took the pointer away.

    Data counts as moved to a path under three conditions. A former commit has a pointer there, and the index has none.
    dver placed the same content at another path, where nothing is now. That commit has no pointer at the other path.
    So data that the user deleted, or keeps without a pointer, does not count.
    """
    moved: Placed = {}
    for commit in former:
        left = [path for path in absent if not any(source in commit for source in _sources(path, tracked))]
        candidates = commit.taken_away(top) if left else ()
        moved |= _moved(top, left, (one for one in candidates if one.path not in tracked))
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


def _created(top: Repository, heads: Sequence[_Former], absent: Iterable[Tracked]) -> Iterator[bytes]:
    """Which data of `absent` has a pointer or lock that Git has created since data last followed it.

    A pointer that was written since was created, since Git leaves one alone that stays the same. A lock changes with
    every stage: it was created if a commit that was checked out does not have it. So data that the user deleted stays
    deleted as long as its pointer or lock stays.
    """
    noted = top.noted_at
    for one in absent:
        written = _changed_at(top, one.source) > noted
        if written and (one.maker is None or any(one.maker.lock not in head for head in heads)):
            yield one.path


def _exists(repo: Repository, path: bytes) -> bool:
    return os.path.lexists(repo.absolute(path))


def _sources(path: bytes, tracked: Mapping[bytes, Tracked]) -> set[bytes]:
    """The files that may name the data `path`."""
    return {path + SUFFIX, *({tracked[path].source} if path in tracked else ())}


def _changed_at(top: Repository, path: bytes) -> int:
    """When the file `path` was last written, in nanoseconds; 0 outside of a sparse checkout, where it is not."""
    try:
        return os.lstat(top.absolute(path)).st_ctime_ns
    except FileNotFoundError:
        return 0
