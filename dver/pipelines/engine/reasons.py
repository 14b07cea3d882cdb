"""The reasons why a stage is out of date: its lock entry compared with its current inputs and outputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dver.formats import lock
from dver.formats.lock import LockedItem
from dver.pipelines.definition.param_files import ABSENT, NoValue, flatten
from dver.pipelines.definition.stage import Stage
from dver.pipelines.engine.graph import Address
from dver.store.trees.compare import TreeChange


@dataclass(frozen=True, slots=True)
class NeverRun:
    """The lock has no entry for the stage."""


@dataclass(frozen=True, slots=True)
class CommandChanged:
    """The command changed."""

    old: str | tuple[str, ...]
    new: str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FolderChanged:
    """The working directory of the command changed."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class DependencyChanged:
    """A dependency changed, was added (`old` is None) or was removed (`new` is None)."""

    path: str
    old: LockedItem | None
    new: LockedItem | None
    files: tuple[TreeChange, ...] | None = None
    """The changed files of a directory, with paths relative to it; None if they were not compared or the old version is
    unknown."""


@dataclass(frozen=True, slots=True)
class DependencyMissing:
    """A dependency is missing."""

    path: str


@dataclass(frozen=True, slots=True)
class ExternalChanged:
    """A dependency outside of the repository changed, was added (`old` is None) or was removed (`new` is None).

    `old` and `new` are fingerprints. `new` is empty for an added dependency that was not asked for.
    """

    url: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class ExternalMissing:
    """There is nothing at the address of a dependency outside of the repository."""

    url: str


@dataclass(frozen=True, slots=True)
class ParamChanged:
    """A parameter changed. `key` is dotted."""

    file: str
    key: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class EnvChanged:
    """An environment variable changed. `old` and `new` are digests; None if it is not set."""

    name: str
    old: str | NoValue | None
    new: str | NoValue | None


@dataclass(frozen=True, slots=True)
class OutputMissing:
    """An output is missing."""

    path: str


@dataclass(frozen=True, slots=True)
class OutputChanged:
    """An output changed after the stage made it."""

    path: str
    old: LockedItem
    new: LockedItem
    files: tuple[TreeChange, ...] | None = None
    """As in `DependencyChanged`."""


@dataclass(frozen=True, slots=True)
class OutputsDiffer:
    """The outputs in `dver.yaml` differ from those of the last run."""

    added: tuple[str, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Upstream:
    """Upstream stages will run before this one."""

    stages: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Always:
    """The stage always runs: `dver.yaml` declares it, or it has neither inputs nor outputs."""

    declared: bool = True


@dataclass(frozen=True, slots=True)
class Forced:
    """The user forces the run."""


Reason = (
    NeverRun
    | CommandChanged
    | FolderChanged
    | DependencyChanged
    | DependencyMissing
    | ExternalChanged
    | ExternalMissing
    | ParamChanged
    | EnvChanged
    | OutputMissing
    | OutputChanged
    | OutputsDiffer
    | Upstream
    | Always
    | Forced
)


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a stage, which decide whether it is out of date."""

    deps: Mapping[str, LockedItem | None] = field(default_factory=dict)
    """By path as in `dver.yaml`; None for a missing dependency."""
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Value by key by file, without missing keys."""
    env: Mapping[str, str | None] = field(default_factory=dict)
    """Digest by name of the variable; None if it is not set."""
    external: Mapping[str, str | None] = field(default_factory=dict)
    """Fingerprint by address, as far as it was asked for; None if there is nothing."""


def find_reasons(
    stage: Stage, last: lock.LockedStage | None, inputs: Inputs, outs: Mapping[str, LockedItem | None]
) -> tuple[Reason, ...]:
    """Why `stage` is out of date; empty if it is not. `last` is its lock entry, `outs` are its current outputs."""
    if last is None:
        missing = [DependencyMissing(path) for path, item in inputs.deps.items() if item is None]
        nothing = [ExternalMissing(url) for url, found in inputs.external.items() if found is None]
        return (NeverRun(), *missing, *nothing)
    found: list[Reason] = []
    if stage.always_changed or stage.compares_nothing:
        found.append(Always(stage.always_changed))
    if last.cmd != stage.cmd:
        found.append(CommandChanged(last.cmd, stage.cmd))
    if last.wdir != stage.wdir:
        found.append(FolderChanged(last.wdir, stage.wdir))
    found += _changed_deps(last, inputs)
    found += _changed_external(stage, last, inputs)
    found += _changed_params(last, inputs)
    found += _changed_env(last, inputs)
    found += _changed_outs(stage, last, outs)
    return tuple(found)


def lock_entry(stage: Stage, inputs: Inputs, outs: Iterable[LockedItem] = ()) -> lock.LockedStage:
    """The lock entry for a run of `stage` with these inputs and outputs."""
    return lock.LockedStage(
        stage.cmd,
        tuple(sorted((one for one in inputs.deps.values() if one is not None), key=lambda one: one.path)),
        tuple(sorted(outs, key=lambda one: one.path)),
        {file: values for file, values in inputs.params.items() if values},
        inputs.env,
        stage.wdir,
        {url: found for url, found in inputs.external.items() if found is not None},
    )


def run_key(run: lock.LockedStage, outs: Iterable[str]) -> str:
    """The run cache key for making `outs` from the inputs of `run`: 64 hex digits, equal on every machine.

    It does not depend on the directory of `dver.yaml`, nor on the content of the outputs.
    """
    # Existing keys must not change: leave a new field out where it has its default.
    said = {
        "cmd": run.cmd,
        "wdir": run.wdir,
        "deps": sorted([item.path, str(item.oid), item.executable] for item in run.deps),
        "params": {file: dict(values) for file, values in run.params.items()},
        "env": dict(run.env),
        "outs": sorted(outs),
        **({"external": dict(run.external)} if run.external else {}),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _changed_deps(last: lock.LockedStage, inputs: Inputs) -> Iterator[Reason]:
    before = {item.path: item for item in last.deps}
    for path, item in inputs.deps.items():
        if item is None:
            yield DependencyMissing(path)
        elif path not in before or not has_same_content(before[path], item):
            yield DependencyChanged(path, before.get(path), item)
    for path, item in before.items():
        if path not in inputs.deps:
            yield DependencyChanged(path, item, None)


def _changed_external(
    stage: Stage, last: lock.LockedStage, inputs: Inputs
) -> Iterator[ExternalChanged | ExternalMissing]:
    urls = [one.path for one in stage.external]
    for url in urls:
        old, new = last.external.get(url), inputs.external.get(url, "")
        if new is None:
            yield ExternalMissing(url)
        elif old is None or new not in (old, ""):
            yield ExternalChanged(url, old, new)
    for url, old in last.external.items():
        if url not in urls:
            yield ExternalChanged(url, old, None)


def has_same_content(one: LockedItem, other: LockedItem | None) -> bool:
    """Return whether both items exist and have the same content."""
    return other is not None and (one.oid, one.kind, one.executable) == (other.oid, other.kind, other.executable)


def _changed_params(last: lock.LockedStage, inputs: Inputs) -> Iterator[ParamChanged]:
    for file in sorted(last.params.keys() | inputs.params.keys()):
        old, new = (flatten(one.get(file, {})) for one in (last.params, inputs.params))
        for key in sorted(old.keys() | new.keys()):
            before, after = old.get(key, ABSENT), new.get(key, ABSENT)
            if not _equal(before, after):
                yield ParamChanged(file, key, before, after)


def _equal(one: Any, other: Any) -> bool:
    # In Python True == 1 == 1.0, but a program may distinguish them.
    if one is other or type(one) is not type(other):
        return one is other  # NaN differs from itself
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


def _changed_env(last: lock.LockedStage, inputs: Inputs) -> Iterator[EnvChanged]:
    for name in sorted(last.env.keys() | inputs.env.keys()):
        old, new = last.env.get(name, ABSENT), inputs.env.get(name, ABSENT)
        if old != new:
            yield EnvChanged(name, old, new)


def _changed_outs(stage: Stage, last: lock.LockedStage, outs: Mapping[str, LockedItem | None]) -> Iterator[Reason]:
    before = {item.path: item for item in last.outs}
    named = [one.path for one in stage.outs]
    if before.keys() != set(named):
        added = tuple(path for path in named if path not in before)
        yield OutputsDiffer(added, tuple(path for path in before if path not in named))
    for path in named:
        item = outs.get(path)
        if item is None:
            yield OutputMissing(path)
        elif path in before and not has_same_content(before[path], item):
            yield OutputChanged(path, before[path], item)
