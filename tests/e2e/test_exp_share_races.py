"""Clones that save, push and fetch experiments at once, and are killed at random: nothing is lost or mixed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from clones import Clone, clone_of, make_origin
from gitserver import git_server
from sharingworker import DROPPED
from support import git

_WANTED = 3
"""The number of experiments that each clone saves, and of its pushes and fetches."""


@dataclass
class Worker:
    """A process of a clone, which is started again after each kill."""

    role: str
    clone: Clone
    output: Path
    starts: int = 0
    process: subprocess.Popen[bytes] | None = None
    environment: Mapping[str, str] = field(
        default_factory=lambda: {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )

    def start(self) -> None:
        self.starts += 1
        program = Path(__file__).parents[1] / "sharingworker.py"
        name = f"{self.clone.root.name}-{self.starts}"
        with self.output.open("ab") as out, self.errors.open("wb") as err:
            command = [sys.executable, program, self.role, self.clone.root, name]
            self.process = subprocess.Popen(command, stdout=out, stderr=err, env=self.environment)

    @property
    def errors(self) -> Path:
        return self.output.with_suffix(".err")

    def lines(self) -> list[str]:
        """What it printed. A line that a kill cut off does not count."""
        return [one for one in self.output.read_text().split("\n")[:-1] if one]

    def kill(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, self.errors.read_text()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(params=["directory", "http"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a bare repository with a project."""
    origin = make_origin(tmp_path)
    if request.param == "directory":
        yield str(origin)
        return
    git("config", "http.receivepack", "true", cwd=origin)
    with git_server(tmp_path) as server:
        yield f"{server.url}/origin.git"


def test_clones_that_share_at_once_and_are_killed_lose_and_mix_nothing(address: str, tmp_path: Path) -> None:
    enough = 4 if address.startswith("http") else 8
    clones = [clone_of(address, tmp_path / name) for name in ("alice", "bob")]
    workers = [Worker(role, one, tmp_path / f"{one.root.name}.{role}") for one in clones for role in ("save", "share")]
    chance, kills, end = random.Random(5), 0, time.monotonic() + 120
    try:
        for one in workers:
            one.start()
        while kills < enough or any(len(one.lines()) < _WANTED for one in workers):
            assert time.monotonic() < end, [(one.role, one.lines(), one.errors.read_text()) for one in workers]
            time.sleep(chance.uniform(0.1, 0.8))
            victim = chance.choice(workers)
            if victim.lines() or victim.starts > 1:
                victim.kill()
                victim.start()
                kills += 1
    finally:
        for one in workers:
            if one.process is not None:
                one.process.kill()
                one.process.wait()
    recorded = {line for one in workers if one.role == "save" for line in one.lines()}
    for clone in (*clones, *clones):
        clone.dver("exp", "push", "--all")
        clone.dver("exp", "fetch")
    _check(recorded, clones, clone_of(address, tmp_path / "fresh"))
    git("fsck", "--connectivity-only", cwd=tmp_path / "origin.git")


def _check(recorded: set[str], clones: Sequence[Clone], fresh: Clone) -> None:
    """All clones know the same experiments, among them the recorded ones; and each has its own values and data."""
    fresh.dver("exp", "fetch", "--all")
    with fresh.journal() as journal:
        found = {one.id: one for one in journal.all()}
    known: dict[str, str] = {}
    for clone in clones:
        with clone.journal() as journal:
            assert {one.id: one for one in journal.all()} == found
            known |= {one.id: one.name for one in (*journal.all(), *journal.removed())}
    assert recorded <= set(known)
    assert {known[one].endswith(DROPPED) for one in recorded - set(found)} <= {True}
    for one in found.values():
        assert fresh.git("show", f"{one.commit}:params.yaml") == f"lr: {len(one.name)}\n"
        assert one.params == {"params.yaml": {"lr": len(one.name)}}
        assert fresh.dver("cat", "--rev", one.commit, "data/rows").out == f"rows of {one.name}\n"
