"""The environment of commands that log with dvclive, which creates experiments unless it runs inside a DVC pipeline.

With `DVC_ROOT` set, dvclive takes the command for a stage and saves no experiment in Git. Still, it makes the Git
repository a DVC project and stages its files, unless there is a `.dvc` directory. So dver creates an empty one while
such commands run; Git does not see it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Final

from dver.pipelines.definition.stage import Stage
from dver.pipelines.engine.graph import Address
from dver.repo import Repository

_PACKAGE: Final = "dvclive"
_FOLDER: Final = b".dvc"
_MADE_BY_DVC: Final = frozenset((b".gitignore", b"tmp"))
"""The files that DVC creates in a `.dvc` directory of others."""


def pipeline_variables(repo: Repository, address: Address) -> dict[str, str]:
    """The environment variables that tell a command that it is a stage, as DVC sets them."""
    return {"DVC_ROOT": os.fspath(repo.root), "DVC_STAGE": str(address)}


def may_use_dvclive(stage: Stage, packages: Mapping[str, str]) -> bool:
    """Return whether the command may use dvclive: `python` has the package, or the stage names it."""
    named = (*stage.commands, *(one.path for one in stage.deps), *(one.path for one in stage.outs))
    return _PACKAGE in packages or any(_PACKAGE in text for text in named)


class DvcFolder:
    """An empty `.dvc` directory at the top of the worktree, if there is none at or above a command."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._path = os.path.join(repo.layout.top, _FOLDER)

    def make(self, cwd: str) -> None:
        """Create the directory, unless one exists at or above `cwd`."""
        folder = os.fsencode(os.path.realpath(cwd))
        while not os.path.isdir(os.path.join(folder, _FOLDER)):
            if folder == os.path.dirname(folder):
                os.mkdir(self._path)
                return
            folder = os.path.dirname(folder)

    def remove(self) -> None:
        """Remove the directory, also after a killed run, but keep a real one of DVC."""
        is_directory = os.path.isdir(self._path) and not os.path.islink(self._path)
        if is_directory and _MADE_BY_DVC.issuperset(os.listdir(self._path)):
            shutil.rmtree(self._path, ignore_errors=True)
