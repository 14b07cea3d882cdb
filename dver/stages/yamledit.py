"""Changing a `dver.yaml` of the project: only if all stages still fit together afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from dver.core.errors import PipelineError, UsageError
from dver.core.fsutil import read_regular, write_atomic
from dver.core.words import typed
from dver.pipeline import FILE_NAME
from dver.pipeline.graph import Address
from dver.pipeline.stage import Stage
from dver.repo import Repository
from dver.scm import index
from dver.stages.pipelines import Pipelines, load_pipelines

Change = Callable[[bytes, str], bytes]
"""From the content of a file, and its name for people, to what it is to be."""


def edit_pipeline(
    repo: Repository, folder: str, change: Change, *, check: Callable[[Pipelines], None] | None = None
) -> bytes:
    """Have `change` make of the `dver.yaml` in `folder` what it is to be; nothing is written unless the graph of all
    stages can be built then, and `check` has nothing against it. Returns the path of the file, which is staged for Git
    unless it had changes that were not.

    Raises PipelineError, and what the two raise.
    """
    path = os.path.join(os.fsencode(folder), os.fsencode(FILE_NAME))
    file = Path(os.path.realpath(os.fsdecode(repo.absolute(path))))
    content = b""
    with suppress(FileNotFoundError):
        content = _read(repo, path, file)
    changed = change(content, repo.shown(path))
    if changed != content:
        pipelines = load_pipelines(repo, instead={folder: changed})
        if check is not None:
            check(pipelines)
        # The user's own changes of the file are the user's to stage.
        as_staged = index.is_as_staged(repo.git, path)
        write_atomic(file, changed)
        if as_staged:
            repo.stage([path])
        else:
            repo.not_staged[path] = None
    return path


def refuse_members(stages: Mapping[Address, Stage], chosen: Sequence[Address], why: str) -> None:
    """Raise UsageError where only some of a foreach or matrix are `chosen`, of which `dver.yaml` says one thing."""
    for one in chosen:
        group = stages[one].group
        left = [other for other in stages if other.folder == one.folder and stages[other].group == group]
        if group is not None and not set(left) <= set(chosen):
            whole = Address(one.folder, group, one.here)
            raise UsageError(
                f"{str(one)!r} is one of {len(left)} stages that `dver.yaml` defines together",
                why=why,
                fix=f"name all of them: {typed(str(whole))}",
            )


def _read(repo: Repository, path: bytes, file: Path) -> bytes:
    try:
        return read_regular(file)
    except IsADirectoryError:
        raise PipelineError(f"{repo.shown(path)} is a directory", fix="move it elsewhere") from None
