"""Candidates for the completion of words in a shell. Only reads, and only from this machine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from dver.config.schema import BY_KEY
from dver.core.remote_schema import BY_NAME
from dver.formats.tree import Kind
from dver.git import revisions
from dver.git.git_repo import run
from dver.pipelines.definition.stage import PARAMS_FILE
from dver.repo import Repository
from dver.store.trees.compare import join
from dver.tracking.browse import entry_at
from dver.tracking.targets import resolve_data_path, target_containing, tracked_in_worktree

if TYPE_CHECKING:
    from dver.git.registry.state import RegisteredArtifact


class WordKind(Enum):
    """The kind of a word on the command line."""

    PATH = "path"
    STAGE = "stage"
    REVISION = "revision"
    REMOTE = "remote"
    KEY = "key"
    REMOTE_KEY = "remote key"
    GIT_REMOTE = "git remote"
    EXPERIMENT = "experiment"
    EXPERIMENT_VALUE = "experiment value"
    """A metric or parameter, as `dver exp show --sort` names it."""
    PARAMETER = "parameter"
    """A parameter with `=`, as `dver exp run -S` takes it."""
    SWEEP = "sweep"
    MODEL = "model"
    """A model of the registry, or one of its versions, such as `churn@v1.0.0` and `churn#prod`."""
    MODEL_STAGE = "model stage"


def completions(repo: Repository, word: WordKind, typed: str, *, cwd: Path) -> list[str]:
    """The completions of `typed`, the beginning of a word. Paths are limited to data that is missing in the workspace,
    since the shell completes existing files: one level of directories at a time, with a slash after each directory.

    Raises UsageError for a path outside the project, MissingObjectError for a directory that is not in the store,
    PipelineError if stages cannot be read.
    """
    return [text for text in _all(repo, word, typed, cwd) if text.startswith(typed)]


def _all(repo: Repository, word: WordKind, typed: str, cwd: Path) -> Iterable[str]:
    match word:
        case WordKind.PATH:
            return _absent(repo, typed, cwd)
        case WordKind.STAGE:
            return _stages(repo, cwd)
        case WordKind.REVISION:
            return ["HEAD", *revisions.ref_names(repo.git)]
        case WordKind.REMOTE:
            return repo.config.remote_names
        case WordKind.KEY:
            return _keys(repo.config.remote_names)
        case WordKind.REMOTE_KEY:
            return BY_NAME
        case WordKind.GIT_REMOTE:
            return run(repo.git, ["remote"]).decode(errors="replace").split()
        case WordKind.EXPERIMENT | WordKind.EXPERIMENT_VALUE | WordKind.PARAMETER:
            return _of_experiments(repo, word)
        case WordKind.SWEEP:
            return _sweeps(repo)
        case WordKind.MODEL:
            return _models(repo, typed)
        case WordKind.MODEL_STAGE:
            return sorted({stage for model in _registry(repo).values() for stage in model.stages})


def _absent(repo: Repository, typed: str, cwd: Path) -> list[str]:
    folder, slash, _ = typed.rpartition("/")
    place = resolve_data_path(repo, folder or ("/" if slash else "."), cwd)
    names = {name for name in _names_in(repo, place) if not repo.layout.exists(join(place, name))}
    return sorted(folder + slash + os.fsdecode(name) for name in names)


def _names_in(repo: Repository, place: bytes) -> Iterator[bytes]:
    """The names of tracked data in the directory `place`, with a slash after directories."""
    tracked = tracked_in_worktree(repo)
    prefix = place + b"/" if place else b""
    for path, one in tracked.items():
        name, slash, _ = path.removeprefix(prefix).partition(b"/")
        if path.startswith(prefix):
            yield name + (slash or _slash(one.entry.kind))
    target = target_containing(tracked, place) if place else None
    entry = entry_at(repo, target) if target is not None else None
    if entry is not None and entry.kind is Kind.DIRECTORY:
        yield from (child.name + _slash(child.kind) for child in repo.store.tree(entry.oid))


def _slash(kind: Kind) -> bytes:
    return b"/" if kind is Kind.DIRECTORY else b""


def _stages(repo: Repository, cwd: Path) -> list[str]:
    from dver.pipelines.workspace.pipelines import load_pipelines  # slow to import

    here = os.fsdecode(resolve_data_path(repo, ".", cwd))
    stages = load_pipelines(repo).graph.stages
    return sorted(one.name if one.folder == here else str(one) for one in stages)


def _sweeps(repo: Repository) -> list[str]:
    from dver.experiments.sweep_setup import all_sweeps  # slow to import

    return sorted(one.key for one in all_sweeps(repo))


def _of_experiments(repo: Repository, word: WordKind) -> list[str]:
    from dver.experiments.journal import Journal  # slow to import
    from dver.experiments.table.columns import columns_of
    from dver.experiments.values import read_params

    if word is WordKind.PARAMETER:
        files = read_params(repo).items()
        return [f"{key}=" if file == PARAMS_FILE else f"{file}:{key}=" for file, values in files for key in values]
    with Journal(repo) as journal:
        found = journal.all()
    if word is WordKind.EXPERIMENT:
        return list(dict.fromkeys(one.name for one in reversed(found)))
    return [one.title for one in columns_of(found)]


def _models(repo: Repository, typed: str) -> Iterator[str]:
    found = _registry(repo)
    yield from found
    for name, model in found.items():
        if typed.startswith((f"{name}@", f"{name}#")):
            yield from (f"{name}@{one.version}" for one in model.versions if one.is_active and one.registration)
            yield from (f"{name}#{stage}" for stage in model.stages)


def _registry(repo: Repository) -> Mapping[str, RegisteredArtifact]:
    from dver.git.registry.events import read_registry_tags  # slow to import
    from dver.git.registry.state import registry_state

    return registry_state(read_registry_tags(repo.git).events)


def _keys(remote_names: Iterable[str]) -> Iterator[str]:
    yield from (key for key in BY_KEY if not key.startswith("remote.NAME."))
    yield from (f"remote.{name}.{key}" for name in remote_names for key in BY_NAME)
