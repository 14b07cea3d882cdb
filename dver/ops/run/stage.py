"""Lists stages and edits their definitions: `dver stage add`, `list` and `remove`, `dver freeze` and `unfreeze`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.display import Displayed
from dver.pipelines.definition.edit import add_stage, remove_stage, set_frozen
from dver.pipelines.definition.new_stage import NewStage
from dver.pipelines.definition.stage import Stage
from dver.pipelines.definition.yaml_tree import error_at
from dver.pipelines.engine.env_variables import SecretVariable, secret_variables
from dver.pipelines.engine.graph import Address, worktree_path
from dver.pipelines.execution.recorder import RunRecorder
from dver.pipelines.workspace.checked_edit import edit_entries, edit_pipeline, refuse_members
from dver.pipelines.workspace.locks import LockFiles
from dver.pipelines.workspace.pipelines import Pipelines, load_pipelines, named_stages, refuse_tracked, select_stages
from dver.pipelines.workspace.stage_files import out_paths
from dver.repo import Repository
from dver.tracking.targets import is_at_or_below, resolve_data_path, tracked_in_worktree


@dataclass(frozen=True, slots=True, repr=False)
class AddedStage(Displayed):
    """A stage that was added to a `dver.yaml`."""

    path: bytes
    """The path of the file."""
    secrets: tuple[SecretVariable, ...]


def list_stages(repo: Repository, targets: Sequence[str], *, cwd: Path) -> dict[Address, Stage]:
    """The stages that `targets` select, by default all, in the order of the files. Raises PipelineError, UsageError."""
    pipelines = load_pipelines(repo)
    chosen = set(select_stages(repo, pipelines, targets, cwd))
    return {one: stage for one, stage in pipelines.graph.stages.items() if one in chosen}


def add(repo: Repository, stage: NewStage, *, cwd: Path, force: bool = False) -> AddedStage:
    """Add `stage` to the `dver.yaml` in the directory `cwd`; the rest of the file stays as it is.

    With `force` it replaces an existing stage. Raises PipelineError for an invalid file or graph, and for an output
    that is tracked data, and UsageError.
    """
    folder = os.fsdecode(resolve_data_path(repo, ".", cwd))
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
    return AddedStage(path, tuple(secrets))


@dataclass(frozen=True, slots=True, repr=False)
class RemovedStages(Displayed):
    """Stages that were removed from `dver.yaml` files."""

    stages: tuple[Address, ...]
    paths: tuple[bytes, ...]
    """The paths of the files."""
    outs: tuple[bytes, ...]
    """Outputs that still exist and are no longer tracked."""


def remove(repo: Repository, names: Sequence[str], *, cwd: Path) -> RemovedStages:
    """Remove the stages `names` from `dver.yaml` and `dver.lock`; their outputs stay.

    Raises UsageError for an unknown stage and for a part of a foreach or matrix, PipelineError for a file that cannot
    be changed safely.
    """
    pipelines = load_pipelines(repo)
    stages = pipelines.graph.stages
    chosen = named_stages(repo, pipelines, names, cwd)
    refuse_members(stages, chosen, "they can be removed together only")
    paths = edit_entries(repo, stages, chosen, lambda content, entry, name: remove_stage(content, entry, name=name))
    RunRecorder(repo, load_pipelines(repo), LockFiles(repo)).write(force=True)
    outs = (path for one in chosen for path in out_paths(one, [out for out in stages[one].outs if out.cache]))
    left = (os.fsencode(path) for path in outs)
    return RemovedStages(tuple(chosen), paths, tuple(one for one in left if repo.layout.exists(one)))


def freeze(repo: Repository, targets: Sequence[str], *, cwd: Path, frozen: bool) -> tuple[Address, ...]:
    """Add `frozen: true` to the definitions of the stages that `targets` select, or remove it. A foreach or matrix is
    frozen as a whole. Returns the stages that changed.

    Raises UsageError for one member of a foreach or matrix, PipelineError for a file that cannot be changed safely.
    """
    pipelines = load_pipelines(repo)
    stages = pipelines.graph.stages
    chosen = select_stages(repo, pipelines, targets, cwd)
    refuse_members(stages, chosen, "they can be frozen together only")
    changing = [one for one in chosen if stages[one].frozen is not frozen]
    edit_entries(repo, stages, changing, lambda content, entry, name: set_frozen(content, entry, frozen, name=name))
    return tuple(changing)


def _refuse_tracked(repo: Repository, folder: str, name: str, pipelines: Pipelines) -> None:
    stages = [one for one, stage in pipelines.graph.stages.items() if one.folder == folder and name == stage.name]
    tracked = [one.path for one in tracked_in_worktree(repo).values() if one.maker is None]
    for out in (out for one in stages for out in pipelines.graph.stages[one].outs):
        out_path = os.fsencode(worktree_path(folder, out.path, out.mark))
        inside = next((path for path in tracked if path != out_path and is_at_or_below(path, out_path)), None)
        if inside is not None:
            raise error_at(
                out.mark,
                f"output {out.path!r} of stage {name!r} contains tracked data: {repo.layout.shown(inside)!r}",
                fix="use another output, or only parts of the directory",
            )
    refuse_tracked(repo, pipelines.graph, stages)
