"""The parameters, metrics and data of a workspace, as the record of an experiment has them."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from typing import Any

from dver.core.errors import DverError
from dver.formats.experiment import Values
from dver.formats.pointer import decode
from dver.pipelines.compare.compared_versions import WORKSPACE, NamedSide, ReadProblem
from dver.pipelines.compare.params_metrics import WantedOf, metrics_of, params_of, read_table
from dver.repo import Repository
from dver.tracking.targets import SUFFIX, tracked_in_worktree


def read_params(repo: Repository) -> Values:
    """The parameters of all stages, by file relative to the top of the worktree. Unreadable files are left out."""
    return _read(repo, params_of)


def read_metrics(repo: Repository, *, without: Container[str] = ()) -> Values:
    """The metrics of the workspace, by file relative to the top. Omits the files `without`, and unreadable ones."""
    return {file: values for file, values in _read(repo, metrics_of).items() if file not in without}


def read_data(repo: Repository, contents: Mapping[bytes, bytes]) -> dict[str, str]:
    """The oid of tracked data by path. `contents` are pointers that replace those on disk, by their paths."""
    found: dict[str, str] = {}
    with suppress(DverError):  # a pointer in conflict: the run reports it
        for path, one in tracked_in_worktree(repo).items():
            if one.maker is None:
                edited = contents.get(path + SUFFIX)
                found[os.fsdecode(path)] = (decode(edited) if edited is not None else one.pointer).oid.hex()
    return found


def read_values(
    repo: Repository, wanted: WantedOf, sides: Sequence[NamedSide]
) -> tuple[list[Values], Sequence[ReadProblem]]:
    """The values that `wanted` finds on each side, by file relative to the top of the worktree. And the files that
    cannot be read, which are left out."""
    top = Repository(repo.root, repo.git, cwd=repo.git.worktree)  # so that paths start there
    try:
        table = read_table(top, wanted, sides, (), repo.git.worktree)
    finally:
        top.close()
    found: list[Values] = [
        {file: _plain(values) for file, values in side.files.items() if values} for side in table.sides
    ]
    return found, table.problems


def _read(repo: Repository, wanted: WantedOf) -> Values:
    ((found,), _) = read_values(repo, wanted, [(WORKSPACE, None)])
    return found


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in values.items()}
