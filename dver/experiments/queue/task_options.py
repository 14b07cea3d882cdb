"""How a task of the queue is run, as the record of its experiment has it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from dver.formats.experiment import Experiment
from dver.pipelines.execution.repro import ReproOptions
from dver.repo import Repository

PRUNING: Final = "pruning"
"""The key of a task for the rule by which a sweep stops it early."""
_DEFAULT: Final = ReproOptions()
_NAMES: Final = tuple(one.name for one in fields(ReproOptions) if one.name != "targets")


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """Where and how to run the stages of a task. Directories are relative to the top of the Git worktree."""

    project: str
    cwd: str
    """The directory from which targets start."""
    snapshot: str
    """The commit to start from."""
    repro: ReproOptions

    def encoded(self) -> Mapping[str, Any]:
        """The field `task` of a record."""
        options = {one: value for one in _NAMES if (value := getattr(self.repro, one)) != getattr(_DEFAULT, one)}
        places = {key: value for key, value in (("project", self.project), ("cwd", self.cwd)) if value}
        return {"snapshot": self.snapshot, **places, **options}


def task_options(repo: Repository, snapshot: str, choice: ReproOptions, cwd: Path) -> TaskOptions:
    """The options of a task that the user makes in the directory `cwd`."""
    below = os.path.relpath(cwd, repo.git.worktree)
    return TaskOptions(os.fsdecode(repo.layout.prefix), "" if below == "." else below, snapshot, choice)


def options_of(experiment: Experiment) -> TaskOptions:
    """The options of a task. Values of a wrong type are ignored."""
    found = experiment.task
    repro = replace(_DEFAULT, targets=experiment.targets)
    known = {one: found[one] for one in _NAMES if type(found.get(one)) is type(getattr(_DEFAULT, one))}
    snapshot = found.get("snapshot")
    return TaskOptions(
        _inside(found.get("project")),
        _inside(found.get("cwd")),
        snapshot if isinstance(snapshot, str) else experiment.commit,
        replace(repro, **known),
    )


def _inside(path: object) -> str:
    """A directory in the worktree; the top for anything else."""
    normal = os.path.normpath(path) if isinstance(path, str) else "."
    return "" if normal == "." or normal.startswith(("/", "..")) else normal
