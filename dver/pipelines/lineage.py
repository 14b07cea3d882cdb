"""Lineage: the code, data, parameters and environment that produced an output, by the lock files."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from dver.core.display import Displayed
from dver.core.oid import Oid
from dver.formats import lock
from dver.formats.lock import LockedItem, LockedStage
from dver.formats.run_record import RunRecord
from dver.git.git_repo import CommitId, run
from dver.git.index import tracked_under
from dver.pipelines.engine.graph import Address, OutputIndex
from dver.pipelines.run_cache.entries import RunCache, cache_key
from dver.pipelines.run_cache.share import lock_files
from dver.repo import Repository
from dver.tracking.lock_outputs import read_lock
from dver.tracking.revision_scope import RevisionScope

_NAME = os.fsencode(lock.NAME)


class InputOrigin(Enum):
    """Where the versions of an input are stored."""

    STAGE = "stage"
    POINTER = "dver"
    """Data that a pointer tracks."""
    GIT = "git"
    LINK = "link"
    """A symbolic link in Git, without its target."""
    EXTERNAL = "outside"
    """At a URL or an absolute path."""
    OTHER = "elsewhere"
    """Tracked by neither Git nor dver."""


@dataclass(frozen=True, slots=True, repr=False)
class LineageInput(Displayed):
    """An input of a stage."""

    place: str
    """Relative to the top of the Git worktree; or a URL or an absolute path."""
    origin: InputOrigin
    item: LockedItem | None
    """None for an input outside of the repository."""
    stages: tuple[Address, ...] = ()
    """The stages that made it or parts of it."""


@dataclass(frozen=True, slots=True, repr=False)
class LineageStep(Displayed):
    """The last run of a stage, and its inputs."""

    address: Address
    run: LockedStage
    sources: tuple[LineageInput, ...]
    record: RunRecord | None
    """User, machine and time; None if this clone has no record."""


@dataclass(frozen=True, slots=True, repr=False)
class Lineage(Displayed):
    """The stages that produced an output, the most upstream last."""

    place: str
    stages: tuple[LineageStep, ...]


def trace(repo: Repository, place: str, commit: CommitId | None) -> Lineage | None:
    """Trace `place`, relative to the top of the Git worktree, through `dver.lock` on disk or in `commit`.

    None if no stage made it. Raises the errors of reading lock files.
    """
    stages = locked_stages(repo, commit)
    makers = _makers(stages)
    last = makers.of(place)
    if not last:
        return None
    runs, files = RunCache(repo), _Files(repo, commit)
    found: dict[Address, LineageStep] = {}
    waiting = [*last]
    while waiting:
        address = waiting.pop(0)
        if address in found:
            continue
        stage = stages[address]
        sources = (
            *(_source(makers, files, address, item) for item in stage.deps),
            *(LineageInput(url, InputOrigin.EXTERNAL, None, ()) for url in stage.external),
        )
        found[address] = LineageStep(address, stage, sources, runs.record(cache_key(stage)))
        waiting += [one for source in sources for one in source.stages]
    return Lineage(place, tuple(found.values()))


def upstream_stages(stages: Mapping[Address, LockedStage], place: str) -> dict[Address, LockedStage]:
    """The stages that produced `place`, relative to the top of the Git worktree, and all their upstream stages."""
    makers = _makers(stages)
    found: dict[Address, LockedStage] = {}
    waiting = [*makers.of(place)]
    while waiting:
        address = waiting.pop()
        if address not in found:
            found[address] = stages[address]
            waiting += [one for item in stages[address].deps for one in makers.of(_place(address, item.path))]
    return found


def consumers(stages: Mapping[Address, LockedStage], place: str) -> dict[Address, LockedStage]:
    """Those of `stages` that depend on `place`, a path in it, or a directory around it."""
    inputs = ((one, _place(one, item.path)) for one, stage in stages.items() for item in stage.deps)
    return {one: stages[one] for one, path in inputs if _overlap(path, place)}


def output_places(stages: Mapping[Address, LockedStage]) -> list[str]:
    """The outputs of `stages`, relative to the top of the Git worktree."""
    return [_place(one, item.path) for one, stage in stages.items() for item in stage.outs]


def lineage_digest(stages: Mapping[Address, LockedStage]) -> str:
    """The BLAKE3 of `stages`, as hexadecimal text: of their addresses and blocks in lock files, sorted by address."""
    blocks = sorted((one.key, lock.encode_stage(one.name, stage)) for one, stage in stages.items())
    text = "".join(f"{key}\n{block}" for key, block in blocks)
    return Oid.of(text.encode(errors="surrogateescape")).hex()


def _makers(stages: Mapping[Address, LockedStage]) -> OutputIndex:
    return OutputIndex({_place(one, item.path): one for one, stage in stages.items() for item in stage.outs})


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _source(makers: OutputIndex, files: _Files, address: Address, item: LockedItem) -> LineageInput:
    place = _place(address, item.path)
    stages = tuple(one for one in makers.of(place) if one != address)
    return LineageInput(place, InputOrigin.STAGE if stages else files.origin(place), item, stages)


def _place(address: Address, path: str) -> str:
    return posixpath.normpath(posixpath.join(address.folder, path))


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


def locked_stages(repo: Repository, commit: CommitId | None) -> dict[Address, LockedStage]:
    """The stages of all lock files on disk or in `commit`. Raises the errors of reading lock files."""
    found: dict[Address, LockedStage] = {}
    for path, content in lock_files(repo, RevisionScope(commit)):
        folder = os.fsdecode(os.path.dirname(path))
        stages = read_lock(repo, path, content).stages
        found.update({Address(folder, name, repo.layout.subdirectory): stage for name, stage in stages.items()})
    return found
