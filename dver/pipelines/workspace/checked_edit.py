"""Edits of the `dver.yaml` files of a project, written only if the stages of the project still form a graph."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from pathlib import Path

from dver.core.errors import PipelineError, UsageError
from dver.core.files import read_regular, write_atomic
from dver.core.phrasing import quoted
from dver.git import index
from dver.pipelines import FILE_NAME
from dver.pipelines.definition.stage import Stage
from dver.pipelines.engine.graph import Address
from dver.pipelines.workspace.pipelines import Pipelines, load_pipelines
from dver.repo import Repository

Edit = Callable[[bytes, str], bytes]
"""Makes new content for a file from its content and its name for messages."""
EntryEdit = Callable[[bytes, str, str], bytes]
"""The same for one entry under `stages`: content, entry, name of the file."""


def edit_pipeline(
    repo: Repository, folder: str, edit: Edit, *, check: Callable[[Pipelines], None] | None = None
) -> bytes:
    """Apply `edit` to the `dver.yaml` in `folder`, and return the path of the file.

    The file is written only if the new graph of all stages can be built and passes `check`. It is staged for Git
    unless it had unstaged changes. Raises PipelineError, and the errors of `edit` and `check`.
    """
    path = os.path.join(os.fsencode(folder), os.fsencode(FILE_NAME))
    file = Path(os.path.realpath(os.fsdecode(repo.layout.absolute(path))))
    shown = repo.layout.shown(path)
    try:
        content = read_regular(file)
    except FileNotFoundError:
        content = b""
    except IsADirectoryError:
        raise PipelineError(f"{shown} is a directory", fix="move it elsewhere") from None
    changed = edit(content, shown)
    if changed != content:
        pipelines = load_pipelines(repo, instead={folder: changed})
        if check is not None:
            check(pipelines)
        # A file with changes of the user is left for the user to stage.
        as_staged = index.is_as_staged(repo.git, path)
        write_atomic(file, changed)
        if as_staged:
            repo.stage([path])
        else:
            repo.not_staged[path] = None
    return path


def edit_entries(
    repo: Repository, stages: Mapping[Address, Stage], chosen: Sequence[Address], edit: EntryEdit
) -> tuple[bytes, ...]:
    """Apply `edit` to each entry that defines one of the `chosen` stages, and return the paths of the files."""
    paths = []
    for folder in dict.fromkeys(one.folder for one in chosen):
        entries = dict.fromkeys(stages[one].group or one.name for one in chosen if one.folder == folder)

        def edit_all(content: bytes, shown: str, entries: Iterable[str] = entries) -> bytes:
            return reduce(lambda edited, entry: edit(edited, entry, shown), entries, content)

        paths.append(edit_pipeline(repo, folder, edit_all))
    return tuple(paths)


def refuse_members(stages: Mapping[Address, Stage], chosen: Sequence[Address], why: str) -> None:
    """Raise UsageError if only a part of a foreach or matrix is `chosen`: `dver.yaml` has one entry for all of it."""
    for one in chosen:
        group = stages[one].group
        left = [other for other in stages if other.folder == one.folder and stages[other].group == group]
        if group is not None and not set(left) <= set(chosen):
            whole = Address(one.folder, group, one.cwd)
            raise UsageError(
                f"{str(one)!r} is one of {len(left)} stages that `dver.yaml` defines together",
                why=why,
                fix=f"name all of them: {quoted(str(whole))}",
            )
