"""The paths of the inputs and outputs of a stage, their items in a lock file, and the job that runs it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from dver.core.errors import StageError
from dver.core.oid import Oid
from dver.formats.lock import LockedItem
from dver.formats.tree import Entry, Kind
from dver.pipelines.definition.param_files import is_selected
from dver.pipelines.definition.stage import Output, Stage
from dver.pipelines.definition.yaml_tree import error_at
from dver.pipelines.engine import env_variables
from dver.pipelines.engine.graph import Address, worktree_path
from dver.pipelines.engine.job import Job
from dver.pipelines.engine.reasons import Inputs
from dver.pipelines.workspace.dvclive import pipeline_variables
from dver.repo import Repository

_LINK: Final = b"symbolic link "


def locked_item(path: str, entry: Entry, out: Output | None = None) -> LockedItem:
    """The lock file item for `entry` at `path`; for an output, with its settings in `dver.yaml`."""
    # Lock files have no kind for links, and the hash of a link must differ from that of a file with its text.
    oid = entry.oid if entry.kind is not Kind.SYMLINK else Oid.of(_LINK + bytes(entry.oid))
    executable = entry.kind is Kind.EXECUTABLE
    item = LockedItem(path, entry.object_kind, oid, entry.size, entry.files, executable)
    return item if out is None else replace(item, cache=out.cache, push=out.push, remote=out.remote)


def refuse_missing_params(stage: Stage, inputs: Inputs) -> None:
    """Raise PipelineError for a parameter that its file does not contain."""
    for one in stage.params:
        for key in one.keys:
            if not is_selected(key, inputs.params.get(one.file, {})):
                raise error_at(
                    one.mark,
                    f"stage {stage.name!r} needs parameter {key!r}, which is not in {one.file!r}",
                    fix="add it to the file, or remove it from `params`",
                )


def dep_paths(address: Address, stage: Stage) -> list[str]:
    """The paths of the dependencies of a stage, relative to the top of the Git worktree."""
    return [worktree_path(address.folder, one.path, one.mark) for one in stage.deps]


def param_paths(address: Address, stage: Stage) -> list[str]:
    """The paths of its parameter files."""
    return [worktree_path(address.folder, one.file, one.mark) for one in stage.params]


def out_paths(address: Address, outs: Iterable[Output]) -> list[str]:
    """The paths of `outs` of a stage."""
    return [worktree_path(address.folder, one.path, one.mark) for one in outs]


def make_job(repo: Repository, address: Address, stage: Stage) -> Job:
    """The job that runs the stage. Raises StageError if its directory does not exist."""

    def absolute(path: str) -> str:
        return os.path.join(os.fsdecode(repo.layout.top), worktree_path(address.folder, path, stage.mark))

    if not os.path.isdir(absolute(stage.wdir)):
        raise StageError(
            f"stage {str(address)!r} cannot run",
            why=f"its `wdir` {stage.wdir!r} is not a directory",
            fix="create it, or change `wdir`",
        )
    return Job(
        address.key,
        stage.commands,
        os.path.normpath(absolute(stage.wdir)),
        # All variables that are inputs: a remote runner has another environment.
        env={**pipeline_variables(repo, address), **env_variables.env_values(stage.env, os.environ)},
        deps=tuple(absolute(one.path) for one in stage.deps),
        outs=tuple(absolute(one.path) for one in stage.outs),
        resources=stage.resources,
        timeout=stage.timeout,
    )
