"""Hooks and drivers, whatever the environment is that Git was started with; no `dver` is on any PATH here.

Repository, files and dver itself are in folders whose names need quotes. Each hook and driver runs in one environment,
and in all of them if DVER_TEST_ENVIRONMENTS is set.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from githooks import dver
from support import git, make_git_repo

PATH = "/usr/local/bin:/usr/bin:/bin"
ENVIRONMENTS = ("bare", "located", "index")


@dataclass
class World:
    """A project that is set up, and the environments in which Git is run there, one after the other."""

    repo: Path
    turn: int

    def git(self, *args: str, rc: int = 0) -> str:
        """What Git and its hooks say in the next environment."""
        self.turn += 1
        run = (self._bare, self._located, self._with_another_index)[self.turn % len(ENVIRONMENTS)]
        done = run(("git", *args))
        said = os.fsdecode(done.stdout + done.stderr)
        assert done.returncode == rc, f"{args} in {run.__name__} exited with {done.returncode}\n{said}"
        assert "Traceback" not in said
        return said

    def _bare(self, args: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
        """As `env -i` leaves it: not even a HOME."""
        return self._run(args, {}, self.repo)

    def _located(self, args: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
        """From elsewhere."""
        env = {"GIT_DIR": os.fspath(self.repo / ".git"), "GIT_WORK_TREE": os.fspath(self.repo)}
        return self._run(args, {**os.environ, **env}, self.repo.parent)

    def _with_another_index(self, args: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
        """From a subfolder, and with an index of its own."""
        usual, other = self.repo / ".git/index", self.repo / ".git/in dëx"
        shutil.copy(usual, other)
        done = self._run(args, {**os.environ, "GIT_INDEX_FILE": os.fspath(other)}, self.repo / "s üb")
        shutil.copy(other, usual)
        return done

    def _run(self, args: tuple[str, ...], env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[bytes]:
        env = {**env, "PATH": PATH}
        return subprocess.run(args, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)

    def data(self) -> dict[str, str]:
        """What there is."""
        return {path.name: path.read_text() for path in (self.repo / "dä ta").iterdir()}


@pytest.fixture(params=range(len(ENVIRONMENTS) if os.environ.get("DVER_TEST_ENVIRONMENTS") else 1))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """Branches `main` and `side`, which change different files of the data, and `code`, which has the older data."""
    (tmp_path / "pro gräms").symlink_to(sys.prefix)
    repo = make_git_repo(tmp_path / "my prö'jekt")
    (repo / "s üb").mkdir()
    (repo / "s üb" / "code").write_text("code")
    dver("init", cwd=repo)
    dver("remote", "add", "-d", "store", tmp_path / "st öre", cwd=repo)
    git("config", "user.name", "Test", cwd=repo)
    git("config", "user.email", "test@example.org", cwd=repo)
    _commit(repo, "one", x="one")
    git("checkout", "-qb", "code", cwd=repo)
    git("commit", "-q", "--allow-empty", "-m", "code", cwd=repo)
    git("checkout", "-qb", "side", "main", cwd=repo)
    _commit(repo, "side", y="side")
    git("checkout", "-q", "main", cwd=repo)
    (repo / "dä ta" / "y").unlink()
    _commit(repo, "two", x="two")
    install = [tmp_path / "pro gräms" / "bin" / "python", "-m", "dver", "install"]
    subprocess.run(install, cwd=repo, check=True, capture_output=True, env={**os.environ, "PATH": PATH})
    git("commit", "-qm", "Drivers", cwd=repo)
    return World(repo, request.param)


def _commit(repo: Path, message: str, **files: str) -> None:
    (repo / "dä ta").mkdir(exist_ok=True)
    for name, text in files.items():
        (repo / "dä ta" / name).write_text(text)
    dver("add", "dä ta", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", message, cwd=repo)


@pytest.mark.long
def test_every_hook_and_driver_finds_dver_and_the_repository(world: World) -> None:
    for step in STEPS:
        step(world)


def _checkout(world: World) -> None:
    world.git("checkout", "-q", "side")
    assert world.data() == {"x": "one", "y": "side"}
    world.git("checkout", "-q", "main")
    assert world.data() == {"x": "two"}


def _merge(world: World) -> None:
    world.git("merge", "-q", "--no-edit", "side")
    assert world.data() == {"x": "two", "y": "side"}


def _compare(world: World) -> None:
    assert "A dä ta/y  (4 B)" in world.git("diff", "HEAD~1")
    # From outside of the worktree Git itself does not read .gitattributes to show commits.
    assert "+y" in world.git("-C", os.fspath(world.repo), "show", "side").replace(" ", "")


def _refuse(world: World) -> None:
    (world.repo / "göne.dver").write_text(f"kind: blob\noid: blake3:{'ab' * 32}\nsize: 4\nversion: 1\n")
    git("add", "-A", cwd=world.repo)
    assert "its data is not in the store" in world.git("commit", "-qm", "Gone", rc=1)
    git("rm", "-qf", "göne.dver", cwd=world.repo)


def _rewrite(world: World) -> None:
    git("checkout", "-q", "code", cwd=world.repo)
    world.git("rebase", "-q", "main")
    assert world.data() == {"x": "two", "y": "side"}


def _reset(world: World) -> None:
    world.git("reset", "-q", "--hard", "side")
    assert world.data() == {"x": "one", "y": "side"}


def _apply(world: World) -> None:
    git("checkout", "-q", "--detach", "main~2", cwd=world.repo)
    patch = git("format-patch", "-1", "main~1", "-o", ".git", cwd=world.repo).strip()
    world.git("am", "-q", os.fspath(world.repo / patch))
    assert world.data() == {"x": "two"}


def _push(world: World) -> None:
    git("init", "-q", "--bare", world.repo.with_name("hub"), cwd=world.repo)
    assert "dver: pushed" in world.git("push", "-q", os.fspath(world.repo.with_name("hub")), "main")
    assert (world.repo.with_name("st öre") / "indexes").exists()


STEPS: tuple[Callable[[World], None], ...] = (
    _checkout,
    _merge,
    _compare,
    _refuse,
    _rewrite,
    _reset,
    _apply,
    _push,
)
