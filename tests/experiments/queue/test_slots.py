"""The pool of working trees: one process at a time, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import git
from workspaces import Project

from dver.experiments.queue.slots import Slots
from dver.git.git_repo import CommitId
from dver.git.reusable_worktree import open_worktree

USE = """
import os, signal, sys
from pathlib import Path
from dver.experiments.queue.slots import Slots
from dver.git.reusable_worktree import open_worktree
from dver.pipelines.engine.job import Job
from dver.pipelines.engine.local_runner import LocalRunner
from dver.repo import Repository
repo = Repository.open(Path(sys.argv[1]))
with Slots(repo.git, repo.layout.clone_dir / "experiments").acquire() as slot:
    git = open_worktree(repo.git, slot.place, "HEAD")
    runner = LocalRunner(git.git_dir / "dver" / "stages")
    runner.submit(Job("train", ("echo $$; exec sleep 600",), str(slot.place)))
    while not (events := runner.poll(1)): pass
    print(slot.place, events[0].content.decode().strip(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with one commit."""
    return Project.make(tmp_path / "repo")


def slots_of(project: Project) -> Slots:
    """The pool of the project."""
    with project.opened() as repo:
        return Slots(repo.git, repo.layout.clone_dir / "experiments")


def worktrees(project: Project) -> int:
    """The number of linked worktrees."""
    return project.git("worktree", "list", "--porcelain").count("worktree ") - 1


def use_and_kill(project: Project) -> tuple[Path, int]:
    """Kill a process that runs a stage in a slot; returns its place and the process of the stage."""
    user = subprocess.Popen(
        [sys.executable, "-c", USE, project.root], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert user.stdout is not None
    place, pid = user.stdout.readline().rsplit(" ", 1)
    user.kill()
    user.communicate()
    return Path(place), int(pid)


def is_running(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_two_users_get_two_worktrees_which_are_deleted(project: Project) -> None:
    with project.opened() as repo, slots_of(project).acquire() as one, slots_of(project).acquire() as other:
        assert one.place != other.place
        for slot in (one, other):
            open_worktree(repo.git, slot.place, CommitId("HEAD"))
        assert worktrees(project) == 2
    assert worktrees(project) == 0
    assert not one.place.exists()
    assert not (project.root / ".git/worktrees").exists()


def test_worktrees_of_the_user_stay_also_missing_ones(project: Project) -> None:
    project.git("worktree", "add", "-q", "../linked")
    (project.root / "../linked").rename(project.root / "../moved-away")
    with project.opened() as repo, slots_of(project).acquire() as slot:
        open_worktree(repo.git, slot.place, CommitId("HEAD"))
    assert len(os.listdir(project.root / ".git/worktrees")) == 1


def test_stages_of_a_killed_user_end_before_the_next_use(project: Project) -> None:
    place, pid = use_and_kill(project)
    assert is_running(pid)
    with slots_of(project).acquire() as slot:
        assert slot.place == place
        assert not is_running(pid)
        assert worktrees(project) == 1
    assert worktrees(project) == 0


def test_leftovers_are_ended_for_a_user_of_another_slot(project: Project) -> None:
    place, pid = use_and_kill(project)
    slots_of(project).end_leftovers(place)
    assert not is_running(pid)
    slots_of(project).clear()
    assert not place.exists()
    assert worktrees(project) == 0


def test_a_slot_in_use_is_left_alone(project: Project) -> None:
    slots = slots_of(project)
    with project.opened() as repo, slots.acquire() as slot:
        open_worktree(repo.git, slot.place, CommitId("HEAD"))
        slots.clear()
        slots.end_leftovers(slot.place)
        assert (slot.place / ".git").exists()


@pytest.mark.parametrize("broken", [".git", "gitdir", "HEAD"])
def test_a_broken_worktree_is_made_again(project: Project, broken: str) -> None:
    with project.opened() as repo, slots_of(project).acquire() as slot:
        made = open_worktree(repo.git, slot.place, CommitId("HEAD"))
        (slot.place / broken if broken == ".git" else made.git_dir / broken).unlink()
        found = open_worktree(repo.git, slot.place, CommitId("HEAD"))
        assert git("rev-parse", "HEAD", cwd=found.worktree) == project.git("rev-parse", "HEAD")
