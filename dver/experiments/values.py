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
from dver.pipelines.compare.params_metrics import SideValues, WantedOf, metrics_of, params_of, read_tables
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


def read_params_and_metrics(
    repo: Repository, sides: Sequence[NamedSide] = ((WORKSPACE, None),)
) -> tuple[list[tuple[Values, Values]], list[ReadProblem]]:
    """The parameters and the metrics of each side, by default of the workspace. And the files that cannot be read,
    which are left out."""
    (params, metrics), problems = _read_all(repo, (params_of, metrics_of), sides)
    return list(zip(params, metrics, strict=True)), problems


def _read(repo: Repository, wanted: WantedOf) -> Values:
    (((found,),), _) = _read_all(repo, (wanted,), [(WORKSPACE, None)])
    return found


def _read_all(
    repo: Repository, wanted: Sequence[WantedOf], sides: Sequence[NamedSide]
) -> tuple[list[list[Values]], list[ReadProblem]]:
    """What each of `wanted` finds on each side, by file relative to the top of the worktree."""
    top = Repository(repo.root, repo.git, cwd=repo.git.worktree)  # so that paths start there
    try:
        tables = read_tables(top, wanted, sides, (), repo.git.worktree)
    finally:
        top.close()
    return [[_by_file(side) for side in one.sides] for one in tables], [p for one in tables for p in one.problems]


def _by_file(side: SideValues) -> Values:
    return {file: _plain(values) for file, values in side.files.items() if values}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in values.items()}
