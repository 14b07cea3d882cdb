"""Which data has changed since it was recorded, as far as that can be told in a moment."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from math import inf
from typing import Final, NamedTuple

from dver.core.errors import DverError
from dver.core.files import read_regular
from dver.core.oid import Oid
from dver.core.progress import Task
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer
from dver.git.pointers import PointerFile, in_index, most_bytes
from dver.repo import Repository
from dver.store.trees.compare import same
from dver.tracking.lock_outputs import Maker
from dver.tracking.targets import Target, Tracked, load
from dver.workspace.changes.data_changes import Place, has_moved, state_of
from dver.workspace.scan.hash_or_store import HashOnly
from dver.workspace.scan.stable_read import Candidate, Taken
from dver.workspace.scan.stat_cache import key_fields
from dver.workspace.state.data_state import DataState
from dver.workspace.state.placed import Placed

SECONDS: Final = 0.03
"""How long to look."""
FILES: Final = 10_000
"""How many files one directory may have to be looked at: a folder is listed in one go, whatever the time."""
HASHED: Final = 4 << 20
"""How many bytes are hashed."""
NAMING: Final = 128 << 10
"""How many bytes a pointer or lock may have to be read: of a lock, some hundred stages."""


class _OutOfTimeError(Exception):
    """It cannot be told in so short a time."""


class Changed(NamedTuple):
    """Data that is not what its pointer or lock on disk says. `path` is relative to the top of the Git worktree."""

    path: bytes
    state: DataState
    pointer: Pointer
    maker: Maker | None = None
    """Of an output: the stage, whose lock takes the place of a pointer."""


class _Limits(NamedTuple):
    """How much may be looked at: see the constants above."""

    until: float
    files: float
    hashed: float
    naming: float


def changed_data(repo: Repository, *, thorough: bool = False) -> list[Changed]:
    """The data that has surely changed, of that which could be looked at: all of it, if that is to be `thorough`."""
    limits = _Limits(inf, inf, inf, inf)
    if not thorough:
        limits = _Limits(time.monotonic() + SECONDS, FILES, HASHED, NAMING)
    return list(_differing(repo, limits))


def _differing(repo: Repository, limits: _Limits) -> Iterator[Changed]:
    placed = repo.state.placed
    intake = _Hurried(limits)
    for one in _on_disk(repo, limits):
        if time.monotonic() > limits.until:
            return
        # Whatever is wrong with it, a commit is not the moment to say so.
        with suppress(DverError, OSError, _OutOfTimeError):
            state = _state(repo, one, placed, intake, limits)
            if state not in (DataState.UNCHANGED, DataState.ABSENT):
                yield Changed(one.path, state, one.pointer, one.maker)


def _on_disk(repo: Repository, limits: _Limits) -> Iterator[Tracked]:
    for path in sorted(in_index(repo.git, repo.layout.prefix)):
        if time.monotonic() > limits.until:
            return
        with suppress(DverError, OSError):
            most = int(min(limits.naming, most_bytes([path])))
            content = read_regular(repo.layout.absolute(path), most + 1)
            if len(content) <= most:
                yield from load(repo, {path: PointerFile("", content)}).values()


def _state(repo: Repository, one: Tracked, placed: Placed, intake: _Hurried, limits: _Limits) -> DataState:
    try:
        status = os.lstat(repo.layout.absolute(one.path))
    except FileNotFoundError:
        return DataState.ABSENT
    place = Place.of(Target(one))
    if one.pointer.kind is ObjectKind.BLOB and stat.S_ISREG(status.st_mode) and status.st_size != one.pointer.size:
        if not has_moved(place, placed):
            return DataState.MODIFIED  # for certain, however large it is
    elif one.pointer.files > limits.files:
        return DataState.UNCHANGED
    snapshot = repo.workspace.scan(one.path, intake)
    if snapshot is None or same(one.entry, snapshot.root):
        return DataState.UNCHANGED
    return state_of(repo, place, snapshot, placed)


class _Hurried(HashOnly):
    """Gives up when time is up, or when there is too much to hash."""

    def __init__(self, limits: _Limits) -> None:
        self._until = limits.until
        self._bytes_left = limits.hashed

    def files(self, candidates: Sequence[Candidate], task: Task) -> list[Taken]:
        """See `Intake`."""
        self._bytes_left -= sum(key_fields(one.key).size for one in candidates)
        if self._bytes_left < 0:
            raise _OutOfTimeError
        return super().files(candidates, task)

    def lacking(self, oids: Callable[[], Iterable[Oid]]) -> set[Oid]:
        """See `Intake`. It is asked for every folder."""
        if time.monotonic() > self._until:
            raise _OutOfTimeError
        return set()
