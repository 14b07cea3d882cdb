"""Lock files that are staged: whether they can be read, agree with what is beside them, and have their data."""

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
from dver.gitflow.commit.checks import Problem, ancestors, missing
from dver.repo import Repository
from dver.tracking.availability import presence_of
from dver.tracking.lock_outputs import Maker, place_of, read
from dver.tracking.targets import Tracked, load, named_in, shared


class StagedLock(NamedTuple):
    """A lock file that is staged and can be read, and the outputs that it names."""

    file: StagedFile
    lock: Lock
    outputs: tuple[Tracked, ...]

    @property
    def path(self) -> bytes:
        """Where it is."""
        return self.file.path


class StageBehind(NamedTuple):
    """A stage that was recorded with another version of a dependency than the one that is tracked."""

    stage: str
    """As a user names it."""
    path: bytes
    """The dependency, relative to the top of the Git worktree."""


def read_locks(repo: Repository, files: Iterable[StagedFile]) -> tuple[list[StagedLock], list[Problem]]:
    """The lock files among what is staged, and a problem for each that cannot be read."""
    found: list[StagedLock] = []
    problems: list[Problem] = []
    for file in files:
        try:
            content = read_blobs(repo.git, [file.blob], lock_format.MAX_SIZE)[file.blob]
            outputs = tuple(named_in(repo, file.path, file.blob, content))
            found.append(StagedLock(file, read(repo, file.path, content), outputs))
        except (CorruptError, ConflictError) as error:
            problems.append(Problem(file.path, error.what, error.why, error.fix))
    return found, problems


def lock_problems(repo: Repository, locks: Iterable[StagedLock], tracked: Mapping[bytes, Tracked]) -> list[Problem]:
    """What is wrong with the lock files that are staged. `tracked` is what else the index has, by the path of the
    data."""
    problems: list[Problem] = []
    for one in locks:
        fresh = _fresh(repo, one)
        problems += meetings(repo, one.outputs, tracked)
        problems += _without_data(repo, one, fresh)
    return problems


def stages_behind(
    repo: Repository, locks: Iterable[StagedLock], tracked: Mapping[bytes, Tracked]
) -> Iterator[StageBehind]:
    """The new entries of staged locks whose dependencies have other content than their pointers. `tracked` is as of
    `lock_problems`.

    That is legitimate: a stage may be frozen, or not have run again yet.
    """
    for one in locks:
        for name, stage in _fresh(repo, one).stages.items():
            for item in stage.deps:
                other = tracked.get(_place(one.path, item))
                if other is not None and other.maker is None and not _agree(other, item):
                    yield StageBehind(Maker(name, one.path).shown(repo), other.path)


def _fresh(repo: Repository, staged: StagedLock) -> Lock:
    """The entries of a lock that no commit before has."""
    before = [_at(repo.git, base, staged.path) for base in bases(repo.git)]
    return Lock({name: stage for name, stage in staged.lock.stages.items() if _is_new(name, staged.lock, before)})


def outputs_of(repo: Repository, files: Mapping[bytes, PointerFile]) -> dict[bytes, Tracked]:
    """The outputs that the lock files among `files` name, as far as these can be read: what is not staged does not
    stand against a commit."""
    found: dict[bytes, Tracked] = {}
    for path, file in files.items():
        with suppress(CorruptError, ConflictError):
            found.update(load(repo, {path: file}) if is_lock_path(path) else {})
    return found


def meetings(repo: Repository, staged: Iterable[Tracked], beside: Mapping[bytes, Tracked]) -> Iterator[Problem]:
    """A problem for data that is, contains or lies in what a file `beside` names: one of both is an output."""
    around = {folder: one for path, one in beside.items() for folder in ancestors(path)}
    for one in staged:
        others = [around.get(one.path), *(beside.get(folder) for folder in ancestors(one.path)[:-1])]
        for other in others:
            if other is not None:
                error = shared(repo, other, one)
                yield Problem(one.source, error.what, error.why, error.fix)
                break


def _is_new(name: str, lock: Lock, before: Iterable[Lock]) -> bool:
    return all(other.stages.get(name) != lock.stages[name] for other in before)


def _at(git: GitRepo, commit: str, path: bytes) -> Lock:
    """The lock file as a commit has it; an empty one where it has none that can be read."""
    content = run(git, ["cat-file", "blob", os.fsencode(commit) + b":" + path], ok=(0, 128))
    with suppress(CorruptError, ConflictError):
        return lock_format.decode(content)
    return Lock()


def _place(lock_path: bytes, item: LockedItem) -> bytes:
    with suppress(CorruptError):
        return place_of(lock_path, item)
    return b""  # nothing that is tracked


def _agree(other: Tracked, item: LockedItem) -> bool:
    return (other.pointer.oid, other.pointer.kind) == (item.oid, item.kind)


def _without_data(repo: Repository, lock: StagedLock, fresh: Lock) -> Iterator[Problem]:
    new = [one for one in lock.outputs if one.maker is not None and one.maker.stage in fresh.stages]
    here = presence_of(repo, [one.pointer for one in new]).in_store
    lacking = [one for one in new if one.pointer.oid not in here]
    if lacking and was_committed(repo.git, lock.file):  # as after a revert, in a clone that never pulled it
        return
    for one in lacking:
        if missing(repo, [one.ref]):
            shown = repo.layout.shown(one.path)
            yield Problem(
                lock.path,
                f"the data of the output {shown} is not in the store",
                "it is on no remote that is known here either",
                f"dver fetch {quoted(shown)}, or run its stage again",
            )
