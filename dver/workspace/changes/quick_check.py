"""Changes of tracked data, as far as a scan with tight limits finds them."""

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
from dver.tracking.targets import Target, TrackedData, decode_files
from dver.workspace.changes.data_changes import RecordedData, pointer_moved, state_of
from dver.workspace.scan.hash_or_store import HashOnly
from dver.workspace.scan.stable_read import FileToRead, HashedFile
from dver.workspace.scan.stat_cache import key_fields
from dver.workspace.state.data_state import DataState
from dver.workspace.state.placed import Placed

SECONDS: Final = 0.03
"""The time limit of a scan."""
FILES: Final = 10_000
"""The most files of one directory: listing a directory cannot be interrupted."""
HASHED: Final = 4 << 20
"""The most bytes to hash."""
NAMING: Final = 128 << 10
"""The largest pointer or lock to read, in bytes: a lock of some hundred stages."""


class _OutOfTimeError(Exception):
    """A limit was reached."""


class ChangedData(NamedTuple):
    """Data that differs from its pointer or lock on disk. `path` is relative to the top of the Git worktree."""

    path: bytes
    state: DataState
    pointer: Pointer
    maker: Maker | None = None
    """The stage of an output, recorded in its lock instead of a pointer."""


class _Limits(NamedTuple):
    """The limits of a scan: see the constants above."""

    until: float
    files: float
    hashed: float
    naming: float


def changed_data(repo: Repository, *, thorough: bool = False) -> list[ChangedData]:
    """Data that surely changed, among the data scanned within the limits; all of it with `thorough`."""
    limits = _Limits(inf, inf, inf, inf)
    if not thorough:
        limits = _Limits(time.monotonic() + SECONDS, FILES, HASHED, NAMING)
    return list(_differing(repo, limits))


def _differing(repo: Repository, limits: _Limits) -> Iterator[ChangedData]:
    placed = repo.state.placed
    intake = _LimitedHash(limits)
    for one in _on_disk(repo, limits):
        if time.monotonic() > limits.until:
            return
        # Other commands report errors; a commit reports only changes.
        with suppress(DverError, OSError, _OutOfTimeError):
            state = _state(repo, one, placed, intake, limits)
            if state not in (DataState.UNCHANGED, DataState.ABSENT):
                yield ChangedData(one.path, state, one.pointer, one.maker)


def _on_disk(repo: Repository, limits: _Limits) -> Iterator[TrackedData]:
    for path in sorted(in_index(repo.git, repo.layout.prefix)):
        if time.monotonic() > limits.until:
            return
        with suppress(DverError, OSError):
            most = int(min(limits.naming, most_bytes([path])))
            content = read_regular(repo.layout.absolute(path), most + 1)
            if len(content) <= most:
                yield from decode_files(repo, {path: PointerFile("", content)}).values()


def _state(repo: Repository, one: TrackedData, placed: Placed, intake: _LimitedHash, limits: _Limits) -> DataState:
    try:
        status = os.lstat(repo.layout.absolute(one.path))
    except FileNotFoundError:
        return DataState.ABSENT
    place = RecordedData.of(Target(one))
    if one.pointer.kind is ObjectKind.BLOB and stat.S_ISREG(status.st_mode) and status.st_size != one.pointer.size:
        if not pointer_moved(place, placed):
            return DataState.MODIFIED  # the size alone shows it
    elif one.pointer.files > limits.files:
        return DataState.UNCHANGED
    snapshot = repo.workspace.scan(one.path, intake)
    if snapshot is None or same(one.entry, snapshot.root):
        return DataState.UNCHANGED
    return state_of(repo, place, snapshot, placed)


class _LimitedHash(HashOnly):
    """Hashes until a limit is reached."""

    def __init__(self, limits: _Limits) -> None:
        self._until = limits.until
        self._bytes_left = limits.hashed

    def files(self, candidates: Sequence[FileToRead], task: Task) -> list[HashedFile]:
        """See `Intake`."""
        self._bytes_left -= sum(key_fields(one.key).size for one in candidates)
        if self._bytes_left < 0:
            raise _OutOfTimeError
        return super().files(candidates, task)

    def missing(self, oids: Callable[[], Iterable[Oid]]) -> set[Oid]:
        """See `Intake`. Called for every directory."""
        if time.monotonic() > self._until:
            raise _OutOfTimeError
        return set()
