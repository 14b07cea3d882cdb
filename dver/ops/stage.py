"""`dver stage add` and `dver stage list`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dver.core.errors import ConflictError
from dver.core.words import typed
from dver.pipeline.define import NewStage
from dver.pipeline.graph import Address, place_of
from dver.pipeline.insert import add_stage
from dver.pipeline.stage import Stage
from dver.project.pipelines import Pipelines, load_pipelines, select_stages
from dver.project.targets import Tracked, data_path, in_worktree, is_at_or_below
from dver.project.yamledit import edit_pipeline
from dver.repo import Repository


@dataclass(frozen=True, slots=True)
class Listed:
    """A stage in the list."""

    address: Address
    stage: Stage


def list_stages(repo: Repository, targets: Sequence[str], *, cwd: Path) -> tuple[Listed, ...]:
    """The stages that `targets` mean, or all, as they are written. Raises PipelineError, UsageError."""
    pipelines = load_pipelines(repo)
    chosen = set(select_stages(repo, pipelines, targets, cwd))
    return tuple(Listed(one, stage) for one, stage in pipelines.graph.stages.items() if one in chosen)


def add(repo: Repository, stage: NewStage, *, cwd: Path, force: bool = False) -> bytes:
    """Put `stage` into the `dver.yaml` of the folder `cwd`, as text: what is there stays as it is. Returns its path.

    With `force` it takes the place of the stage of that name. Raises PipelineError if the file or the graph of all
    stages would not be right, ConflictError for outputs that are tracked by themselves, UsageError.
    """
    folder = os.fsdecode(data_path(repo, ".", cwd))
    folder = "" if folder == "." else folder
    definition = stage.definition()

    def change(content: bytes, name: str) -> bytes:
        return add_stage(content, stage.name, definition, name=name, replace=force)

    return edit_pipeline(repo, folder, change, check=partial(_refuse_tracked, repo, folder, stage.name))


def _refuse_tracked(repo: Repository, folder: str, name: str, pipelines: Pipelines) -> None:
    tracked = in_worktree(repo)
    stage = pipelines.graph.stages.get(Address(folder, name))
    for out in stage.outs if stage is not None else ():
        place = os.fsencode(place_of(folder, out.path, out.mark))
        other = _meeting(tracked, place)
        if other is not None:
            raise ConflictError(
                f"{repo.shown(other.path)!r} is tracked by itself, and stage {name!r} would make {repo.shown(place)!r}",
                why="data is either tracked or made by a stage",
                fix=f"dver remove {typed(repo.shown(other.path))}, or let the stage make something else",
            )


def _meeting(tracked: Mapping[bytes, Tracked], place: bytes) -> Tracked | None:
    """What is tracked at a place, in it or around it, without being made by a stage."""
    for path, one in tracked.items():
        if one.maker is None and (is_at_or_below(path, place) or is_at_or_below(place, path)):
            return one
    return None
