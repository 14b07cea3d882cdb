"""`dver stage add` and `dver stage list`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.pipeline.define import NewStage
from dver.pipeline.environment import SecretVariable, secret_variables
from dver.pipeline.graph import Address, place_of
from dver.pipeline.insert import add_stage
from dver.pipeline.stage import Stage
from dver.pipeline.yamltree import wrong
from dver.project.targets import data_path, in_worktree, is_at_or_below
from dver.repo import Repository
from dver.stages.pipelines import Pipelines, load_pipelines, refuse_tracked, select_stages
from dver.stages.yamledit import edit_pipeline


@dataclass(frozen=True, slots=True)
class Listed:
    """A stage in the list."""

    address: Address
    stage: Stage


@dataclass(frozen=True, slots=True)
class Added:
    """A stage that was written to a `dver.yaml`."""

    path: bytes
    """Of that file."""
    secrets: tuple[SecretVariable, ...]


def list_stages(repo: Repository, targets: Sequence[str], *, cwd: Path) -> tuple[Listed, ...]:
    """The stages that `targets` mean, or all, as they are written. Raises PipelineError, UsageError."""
    pipelines = load_pipelines(repo)
    chosen = set(select_stages(repo, pipelines, targets, cwd))
    return tuple(Listed(one, stage) for one, stage in pipelines.graph.stages.items() if one in chosen)


def add(repo: Repository, stage: NewStage, *, cwd: Path, force: bool = False) -> Added:
    """Put `stage` into the `dver.yaml` of the folder `cwd`, as text: what is there stays as it is.

    With `force` it takes the place of the stage of that name. Raises PipelineError if the file or the graph of all
    stages would not be right, or for an output that is tracked by itself, and UsageError.
    """
    folder = os.fsdecode(data_path(repo, ".", cwd))
    folder = "" if folder == "." else folder
    definition = stage.definition()

    def change(content: bytes, name: str) -> bytes:
        return add_stage(content, stage.name, definition, name=name, replace=force)

    secrets: list[SecretVariable] = []

    def check(pipelines: Pipelines) -> None:
        refused = pipelines.graph.stages[Address(folder, stage.name)].refused
        if refused is not None:
            raise refused
        _refuse_tracked(repo, folder, stage.name, pipelines)
        secrets.extend(secret_variables(pipelines.graph.stages, [Address(folder, stage.name, folder)]))

    path = edit_pipeline(repo, folder, change, check=check)
    return Added(path, tuple(secrets))


def _refuse_tracked(repo: Repository, folder: str, name: str, pipelines: Pipelines) -> None:
    stages = [one for one, stage in pipelines.graph.stages.items() if one.folder == folder and name == stage.name]
    tracked = [one.path for one in in_worktree(repo).values() if one.maker is None]
    for out in (out for one in stages for out in pipelines.graph.stages[one].outs):
        place = os.fsencode(place_of(folder, out.path, out.mark))
        inside = next((path for path in tracked if path != place and is_at_or_below(path, place)), None)
        if inside is not None:
            raise wrong(
                out.mark,
                f"stage {name!r} makes {out.path!r}, in which {repo.shown(inside)!r} is tracked by itself",
                fix="let it make something else, or only parts of that",
            )
    refuse_tracked(repo, pipelines.graph, stages)
