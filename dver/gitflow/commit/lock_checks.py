"""Checks of staged lock files: they are readable, agree with pointers, and have their data."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from dver.core.errors import ConflictError, CorruptError
from dver.core.phrasing import quoted
from dver.formats import lock as lock_format
from dver.formats.lock import Lock, LockedItem
from dver.git.git_repo import GitRepo, run
from dver.git.pointers import PointerFile, is_lock_path, read_blobs
from dver.git.staged import StagedFile, bases, was_committed
from dver.gitflow.commit.pointer_checks import CommitProblem, missing_objects
from dver.repo import Repository
from dver.tracking.availability import availability_of
from dver.tracking.lock_outputs import Maker, output_path, read_lock
from dver.tracking.targets import TrackedData, ancestors, data_named_by, decode_files, overlap_error


class StagedLock(NamedTuple):
    """A readable staged lock file, and its outputs."""

    file: StagedFile
    lock: Lock
    outputs: tuple[TrackedData, ...]

    @property
    def path(self) -> bytes:
        """The path of the lock file."""
        return self.file.path


class OutdatedStage(NamedTuple):
    """A stage that was recorded with another version of a dependency than the tracked one."""

    stage: str
    """The stage's name, as users write it."""
    path: bytes
    """The dependency, relative to the top of the Git worktree."""


def read_locks(repo: Repository, files: Iterable[StagedFile]) -> tuple[list[StagedLock], list[CommitProblem]]:
    """The staged lock files, and a problem for each that cannot be read."""
    found: list[StagedLock] = []
    problems: list[CommitProblem] = []
    for file in files:
        try:
            content = read_blobs(repo.git, [file.blob], lock_format.MAX_SIZE)[file.blob]
            outputs = tuple(data_named_by(repo, file.path, file.blob, content))
            found.append(StagedLock(file, read_lock(repo, file.path, content), outputs))
        except (CorruptError, ConflictError) as error:
            problems.append(CommitProblem(file.path, error.what, error.why, error.fix))
    return found, problems


def lock_problems(
    repo: Repository, locks: Iterable[StagedLock], tracked: Mapping[bytes, TrackedData]
) -> list[CommitProblem]:
    """The problems of staged lock files. `tracked` is the other data in the index, by data path."""
    problems: list[CommitProblem] = []
    for one in locks:
        fresh = _new_entries(repo.git, one)
        problems += overlaps(repo, one.outputs, tracked)
        problems += _without_data(repo, one, fresh)
    return problems


def new_outputs(repo: Repository, locks: Iterable[StagedLock]) -> Iterator[TrackedData]:
    """The outputs of the entries of staged locks that no parent commit has."""
    for lock in locks:
        fresh = _new_entries(repo.git, lock)
        yield from (one for one in lock.outputs if one.maker is not None and one.maker.stage in fresh.stages)


def outdated_stages(
    repo: Repository, locks: Iterable[StagedLock], tracked: Mapping[bytes, TrackedData]
) -> Iterator[OutdatedStage]:
    """New entries of staged locks whose dependencies differ from their pointers.

    That is legitimate: a stage may be frozen, or its run may still be due. `tracked` is as in `lock_problems`.
    """
    for one in locks:
        for name, stage in _new_entries(repo.git, one).stages.items():
            for item in stage.deps:
                other = tracked.get(_place(one.path, item))
                if other is not None and other.maker is None and not _agree(other, item):
                    yield OutdatedStage(Maker(name, one.path).shown(repo), other.path)


def _new_entries(git: GitRepo, staged: StagedLock) -> Lock:
    """The entries of a lock that no parent commit has."""
    before = [_lock_in(git, base, staged.path) for base in bases(git)]
    stages = staged.lock.stages.items()
    return Lock({name: one for name, one in stages if all(other.stages.get(name) != one for other in before)})


def outputs_of(repo: Repository, files: Mapping[bytes, PointerFile]) -> dict[bytes, TrackedData]:
    """The outputs of the lock files among `files`. Unreadable lock files are skipped: they are not staged."""
    found: dict[bytes, TrackedData] = {}
    for path, file in files.items():
        with suppress(CorruptError, ConflictError):
            found.update(decode_files(repo, {path: file}) if is_lock_path(path) else {})
    return found


def overlaps(
    repo: Repository, staged: Iterable[TrackedData], beside: Mapping[bytes, TrackedData]
) -> Iterator[CommitProblem]:
    """A problem for staged data that equals, contains or lies in data of another file: one of both is an output."""
    around = {folder: one for path, one in beside.items() for folder in ancestors(path)}
    for one in staged:
        others = [around.get(one.path), *(beside.get(folder) for folder in ancestors(one.path)[:-1])]
        for other in others:
            if other is not None:
                error = overlap_error(repo, other, one)
                yield CommitProblem(one.source, error.what, error.why, error.fix)
                break


def _lock_in(git: GitRepo, commit: str, path: bytes) -> Lock:
    """The lock file in a commit; an empty one if it is missing or unreadable."""
    content = run(git, ["cat-file", "blob", os.fsencode(commit) + b":" + path], ok=(0, 128))
    with suppress(CorruptError, ConflictError):
        return lock_format.decode(content)
    return Lock()


def _place(lock_path: bytes, item: LockedItem) -> bytes:
    with suppress(CorruptError):
        return output_path(lock_path, item)
    return b""  # nothing that is tracked


def _agree(other: TrackedData, item: LockedItem) -> bool:
    return (other.pointer.oid, other.pointer.kind) == (item.oid, item.kind)


def _without_data(repo: Repository, lock: StagedLock, fresh: Lock) -> Iterator[CommitProblem]:
    new = [one for one in lock.outputs if one.maker is not None and one.maker.stage in fresh.stages]
    in_store = availability_of(repo, [one.pointer for one in new]).in_store
    missing = [one for one in new if one.pointer.oid not in in_store]
    if missing and was_committed(repo.git, lock.file):  # as after a revert, in a clone that never pulled it
        return
    for one in missing:
        if missing_objects(repo, [one.ref]):
            shown = repo.layout.shown(one.path)
            yield CommitProblem(
                lock.path,
                f"the data of the output {shown} is not in the store",
                "it is not on a known remote either",
                f"dver fetch {quoted(shown)}, or run its stage again",
            )
