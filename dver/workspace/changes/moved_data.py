"""Data that moved without dver: moved together with its pointer, or its pointer was deleted and created again.

Both correct placed.json; then data follows its pointer as usual.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from dver.core.errors import ConflictError, CorruptError
from dver.git import pointers, revisions
from dver.git.pointers import PointerChange, PointerFile
from dver.repo import Repository
from dver.repo.workspace_state import WorkspaceState
from dver.tracking.targets import SUFFIX, TrackedData, decode_files
from dver.workspace.state.followed import mark_of
from dver.workspace.state.placed import Placed


def record_moved(repo: Repository, staged: Mapping[bytes, TrackedData]) -> None:
    """Before a commit: record data that was moved from a path that no pointer names any more."""
    absent = [path for path in repo.state.placed if path not in staged and not repo.layout.exists(path)]
    left = [path for path in absent if not repo.layout.exists(path + SUFFIX)]
    if moves := list(_moves(repo, left, staged.values())):
        with repo.exclusive():
            _correct_placed(repo.state, moves)


def record_changes_of_git(
    top: Repository, index: Mapping[bytes, PointerFile], tracked: Mapping[bytes, TrackedData]
) -> None:
    """After Git changed pointers: record data that moved with its pointer, and missing data of created pointers.

    `index` and `tracked` are the pointers in the index and the tracked data on disk. Git runs only if placed data is
    missing. Call it within `top.exclusive()`.
    """
    absent = [path for path in top.state.placed if not top.layout.exists(path)]
    if not absent:
        return
    heads = [_Former.of(top, index, commit) for commit in revisions.former_heads(top.git)]
    stash = revisions.last_stash(top.git)
    former = [*heads, *([_Former.of(top, index, stash)] if stash else ())]
    created = _created(top, heads, [tracked[path] for path in absent if path in tracked])
    _correct_placed(top.state, list(_removed_by_git(top, former, absent, tracked)), created)


@dataclass(frozen=True, slots=True)
class _Move:
    """Data at another path than the one where dver placed it."""

    to: TrackedData
    origins: Sequence[bytes]
    """The paths where dver placed the data: several for equal content."""


@dataclass(frozen=True, slots=True)
class _Former:
    """The pointers and locks of a former HEAD, as a difference to the index."""

    index: Mapping[bytes, PointerFile]
    changes: Mapping[bytes, PointerChange]

    @classmethod
    def of(cls, top: Repository, index: Mapping[bytes, PointerFile], commit: str) -> _Former:
        """The difference of the commit id `commit` to the `index`."""
        return cls(index, pointers.changed_against_head(top.git, commit))

    def __contains__(self, source: bytes) -> bool:
        change = self.changes.get(source)
        return source in self.index if change is None else change.old is not None

    def removed_data(self, top: Repository) -> Iterator[TrackedData]:
        """Data of readable pointers and locks of this HEAD that neither the index nor the disk has."""
        gone = {
            path: PointerFile(change.old)
            for path, change in self.changes.items()
            if change.old is not None and change.new is None and not top.layout.exists(path)
        }
        with suppress(CorruptError):
            contents = pointers.read_blobs(top.git, (file.blob for file in gone.values()), pointers.most_bytes(gone))
            for path, file in gone.items():
                with suppress(CorruptError, ConflictError):
                    yield from decode_files(top, {path: replace(file, content=contents[file.blob])}).values()


def _removed_by_git(
    top: Repository, former: Sequence[_Former], absent: Sequence[bytes], tracked: Mapping[bytes, TrackedData]
) -> Iterator[_Move]:
    """Data that was moved with its pointer, whose pointer Git then removed.

    Data counts as moved to a path under three conditions. A former HEAD has a pointer there, and the index has none.
    dver placed the same content at another path, which is empty now. That former HEAD has no pointer at the other path.
    So data that the user deleted, or keeps without a pointer, does not count.
    """
    for commit in former:
        left = [path for path in absent if not any(source in commit for source in _sources(path, tracked))]
        candidates = commit.removed_data(top) if left else ()
        yield from _moves(top, left, (one for one in candidates if one.path not in tracked))


def _moves(repo: Repository, left: Iterable[bytes], candidates: Iterable[TrackedData]) -> Iterator[_Move]:
    """The `candidates` that exist and whose content dver placed at a path in `left`."""
    placed = repo.state.placed
    origins: dict[str, list[bytes]] = {}
    for path in left:
        for entry in placed[path]:
            origins.setdefault(mark_of(entry), []).append(path)
    for one in candidates if origins else ():
        came_from = origins.get(mark_of(one.entry))
        if came_from and one.path not in placed and repo.layout.exists(one.path):
            yield _Move(one, came_from)


def _correct_placed(state: WorkspaceState, moves: Sequence[_Move], created: Iterable[bytes] = ()) -> None:
    """Correct placed.json for `moves`, and for missing data of `created` pointers, which a checkout brings back."""
    left = {path for one in moves for path in one.origins}
    changes: Placed = dict.fromkeys([*left, *created], ())
    changes |= {one.to.path: (one.to.entry,) for one in moves}
    if changes:
        state.record_placed(changes)
    partial = {one.to.path: True for one in moves if not state.partial.isdisjoint(one.origins)}
    if partial:  # otherwise files that were never downloaded would count as deleted
        state.record_partial({**dict.fromkeys(left, False), **partial})


def _created(top: Repository, heads: Sequence[_Former], absent: Iterable[TrackedData]) -> Iterator[bytes]:
    """The paths in `absent` whose pointer or lock Git created since data last followed it.

    Git leaves unchanged files alone, so a pointer written since then was created. A lock changes with every stage: it
    was created if no former HEAD has it. So data that the user deleted stays deleted as long as its pointer or lock
    stays.
    """
    noted = top.state.recorded_at
    for one in absent:
        written = _changed_at(top, one.source) > noted
        if written and (one.maker is None or any(one.maker.lock not in head for head in heads)):
            yield one.path


def _sources(path: bytes, tracked: Mapping[bytes, TrackedData]) -> set[bytes]:
    """The files that may name the data `path`."""
    return {path + SUFFIX, *({tracked[path].source} if path in tracked else ())}


def _changed_at(top: Repository, path: bytes) -> int:
    """The ctime of the file `path` in nanoseconds; 0 for a file outside of a sparse checkout."""
    try:
        return os.lstat(top.layout.absolute(path)).st_ctime_ns
    except FileNotFoundError:
        return 0
