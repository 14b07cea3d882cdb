"""dver and gto change the registry of one repository in turns, and agree about its state after each change."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gto.api import assign as gto_assign
from gto.api import deprecate as gto_deprecate
from gto.api import deregister as gto_deregister
from gto.api import register as gto_register
from gto.api import show as gto_show
from gto.api import unassign as gto_unassign
from gto.exceptions import GTOException
from support import Run, git

import dver
from dver.core.errors import DverError
from dver.ops.model.list_models import ListedModel

NAMES = ("churn", "team/best", "dir:faces")
STAGES = ("dev", "prod", "canary/eu")


@pytest.fixture
def project(git_repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(git_repo)
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Ann")  # gto reads no settings of other levels
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "ann@example.org")
    run("init", "--no-hooks")
    (git_repo / "model.txt").write_text("weights")
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "Create the project", cwd=git_repo)
    return git_repo


class Users:
    """Changes by dver and by gto, chosen at random. A refused change is no error: both programs refuse much."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.chance = root, random.Random(seed)
        self.model = dver.Project.find(root).model
        self.done = 0

    def change(self) -> None:
        name, stage = self.chance.choice(NAMES), self.chance.choice(STAGES)
        try:
            self.chance.choice([self._dver, self._dver, self._gto])(name, stage)
            self.done += 1
        except (DverError, GTOException):
            return

    def _dver(self, name: str, stage: str) -> None:
        version = self._version(name)
        self.chance.choice(
            [
                lambda: self._register(name),
                lambda: self.model.assign(name, stage, version),
                lambda: self.model.assign(name, stage),
                lambda: self.model.unassign(name, stage),
                lambda: self.model.rollback(name, stage),
                lambda: self.model.deregister(name, version),
                lambda: self.chance.random() < 0.3 and self.model.deprecate(name),
            ]
        )()

    def _register(self, name: str) -> None:
        bump = self.chance.choice([None, "minor", "major"])
        self._commit()
        self.model.register(name, path="model.txt", bump=bump)

    def _gto(self, name: str, stage: str) -> None:
        root, version = str(self.root), self._version(name)
        choices: list[Callable[[], Any]] = [
            lambda: self._commit() or gto_register(root, name, "HEAD"),
            lambda: gto_assign(root, name, stage, version=version),
            lambda: gto_unassign(root, name, version=version, stage=stage),
            lambda: gto_deregister(root, name, version=version),
            lambda: self.chance.random() < 0.3 and gto_deprecate(root, name),
        ]
        self.chance.choice(choices)()

    def _commit(self) -> None:
        (self.root / "model.txt").write_text(str(self.chance.random()))
        git("commit", "-qam", "Train", cwd=self.root)

    def _version(self, name: str) -> str:
        tags = subprocess.run(
            ["git", "tag", "--list", f"{name.replace(':', '=')}@v*"], cwd=self.root, capture_output=True, text=True
        ).stdout.split()
        versions = [one.partition("@")[2].rstrip("!") for one in tags if not one.endswith("!") and "#" not in one]
        return self.chance.choice(versions) if versions else "v9.9.9"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_gto_and_dver_agree_after_each_change_of_either(project: Path, seed: int) -> None:
    users = Users(project, seed)
    for _ in range(40):
        users.change()
        ours = {one.name: one for one in users.model.list(everything=True).models}
        theirs = gto_show(str(project))
        for name, found in theirs.items():
            assert _state(ours[name.lstrip("*")]) == (found["version"], {k: v for k, v in found["stage"].items() if v})
        active = {one.name for one in ours.values() if not one.deprecated and one.latest}
        assert active <= {name.lstrip("*") for name in theirs}
    assert users.done > 12


def _state(model: ListedModel) -> tuple[str | None, dict[str, str]]:
    return model.latest, dict(model.stages)
