"""`dver lineage`: trace an output to the code, data, parameters and environment that produced it."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dver.core.errors import ConflictError, CorruptError, UsageError
from dver.core.files import read_regular
from dver.formats import lock
from dver.formats.lock import LockedItem
from dver.formats.run_record import RunRecord
from dver.git import revisions
from dver.git.git_repo import run
from dver.git.index import files_named, tracked_under
from dver.pipelines.engine.graph import Address, OutputIndex
from dver.pipelines.engine.reasons import run_key
from dver.pipelines.run_cache.entries import RunCache
from dver.repo import Repository
from dver.tracking.targets import resolve_data_path

_NAME = os.fsencode(lock.NAME)


class InputOrigin(Enum):
    """Where the versions of an input are stored."""

    STAGE = "stage"
    POINTER = "dver"
    """Data that a pointer tracks."""
    GIT = "git"
    LINK = "link"
    """A symbolic link in Git, without its target."""
    OTHER = "elsewhere"
    """Tracked by neither Git nor dver."""


@dataclass(frozen=True, slots=True)
class LineageInput:
    """An input of a stage."""

    place: str
    """Relative to the top of the Git worktree."""
    origin: InputOrigin
    item: LockedItem
    stages: tuple[Address, ...] = ()
    """The stages that made it or parts of it."""


@dataclass(frozen=True, slots=True)
class LineageStep:
    """The last run of a stage, and its inputs."""

    address: Address
    run: lock.LockedStage
    sources: tuple[LineageInput, ...]
    record: RunRecord | None
    """User, machine and time; None if this clone has no record."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """The stages that produced an output, the most upstream last."""

    place: str
    stages: tuple[LineageStep, ...]


def lineage(repo: Repository, path: str, *, cwd: Path, rev: str | None = None) -> Lineage:
    """Trace `path`, an output or a path inside of one, through `dver.lock` on disk or in `rev`.

    Raises UsageError if no lock file contains it, and the errors of reading them.
    """
    place = os.fsdecode(resolve_data_path(repo, path, cwd))
    commit = revisions.resolve(repo.git, rev) if rev is not None else None
    locks = _LockIndex(_stages(repo, commit))
    last = locks.makers.of(place)
    if not last:
        where = f" of {rev}" if rev is not None else ""
        raise UsageError(
            f"no stage in dver.lock{where} made {path!r}",
            fix="`dver stage list` lists outputs; `dver repro` runs stages",
        )
    runs, files = RunCache(repo), _Files(repo, commit)
    found: dict[Address, LineageStep] = {}
    waiting = [*last]
    while waiting:
        address = waiting.pop(0)
        if address in found:
            continue
        stage = locks.stages[address]
        sources = tuple(_source(locks, files, address, item) for item in stage.deps)
        key = run_key(stage, [item.path for item in stage.outs])
        found[address] = LineageStep(address, stage, sources, runs.record(key))
        waiting += [one for source in sources for one in source.stages]
    return Lineage(place, tuple(found.values()))


def _source(locks: _LockIndex, files: _Files, address: Address, item: LockedItem) -> LineageInput:
    place = _place(address, item.path)
    stages = tuple(one for one in locks.makers.of(place) if one != address)
    return LineageInput(place, InputOrigin.STAGE if stages else files.origin(place), item, stages)


def _place(address: Address, path: str) -> str:
    return posixpath.normpath(posixpath.join(address.folder, path))


class _LockIndex:
    """The entries of all lock files, and the stages by output."""

    def __init__(self, stages: Mapping[Address, lock.LockedStage]) -> None:
        self.stages = stages
        self.makers = OutputIndex({_place(one, item.path): one for one, stage in stages.items() for item in stage.outs})


class _Files:
    """The files that Git tracks on disk or in a commit."""

    def __init__(self, repo: Repository, commit: str | None) -> None:
        self._repo = repo
        self._commit = commit

    def origin(self, place: str) -> InputOrigin:
        """Find out what tracks the file at `place`."""
        path = os.fsencode(place)
        folders = [path]
        while os.path.dirname(folders[-1]):
            folders.append(os.path.dirname(folders[-1]))
        if self._tracked([one + b".dver" for one in folders]):
            return InputOrigin.POINTER
        if not self._tracked([path]):
            return InputOrigin.OTHER
        return InputOrigin.LINK if self._is_link(path) else InputOrigin.GIT

    def _is_link(self, path: bytes) -> bool:
        args = ["ls-files", "-s"] if self._commit is None else ["ls-tree", self._commit]
        return run(self._repo.git, [*args, "-z", "--", path]).startswith(b"120000 ")

    def _tracked(self, paths: Sequence[bytes]) -> bool:
        if self._commit is None:
            return bool(tracked_under(self._repo.git, *paths))
        return bool(run(self._repo.git, ["ls-tree", "-z", "--name-only", self._commit, "--", *paths]))


def _stages(repo: Repository, commit: str | None) -> dict[Address, lock.LockedStage]:
    found: dict[Address, lock.LockedStage] = {}
    for path, content in _lock_files(repo, commit).items():
        folder = os.fsdecode(os.path.dirname(path))
        try:
            stages = lock.decode(content).stages
        except (CorruptError, ConflictError) as error:
            raise type(error)(f"cannot read {repo.layout.shown(path)!r}", why=error.why, fix=error.fix) from error
        found.update({Address(folder, name, repo.layout.subdirectory): stage for name, stage in stages.items()})
    return found


def _lock_files(repo: Repository, commit: str | None) -> dict[bytes, bytes]:
    if commit is None:
        paths = [
            one
            for one in files_named(repo.git, _NAME, under=repo.layout.prefix)
            if os.path.isfile(repo.layout.absolute(one))
        ]
        return {path: read_regular(repo.layout.absolute(path), lock.MAX_SIZE + 1) for path in paths}
    under = [repo.layout.prefix] if repo.layout.prefix else []
    listed = run(repo.git, ["ls-tree", "-r", "-z", "--name-only", commit, "--", *under]).split(b"\0")[:-1]
    paths = [one for one in listed if os.path.basename(one) == _NAME]
    return {path: run(repo.git, ["cat-file", "blob", commit.encode() + b":" + path]) for path in paths}
