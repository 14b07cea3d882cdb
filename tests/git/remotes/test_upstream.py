"""What Git remotes have that a clone does not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support import git

from dver.git.git_repo import discover
from dver.git.history.gc_roots import read_roots
from dver.git.remotes.upstream import Tip, fetch_command, unknown_tips


@pytest.fixture
def clone(git_repo: Path, tmp_path: Path) -> Path:
    git("clone", "--quiet", git_repo, tmp_path / "clone", cwd=tmp_path)
    return tmp_path / "clone"


def new_commit(repo: Path, ref: str) -> str:
    """A commit that only `ref` leads to."""
    made = git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", ref, cwd=repo).strip()
    git("update-ref", ref, made, cwd=repo)
    return made


def unknown(clone: Path) -> list[Tip]:
    here = discover(clone)
    return unknown_tips(here, read_roots(here).commits)


@pytest.mark.parametrize(
    "ref", ["refs/heads/x", "refs/tags/x", "refs/pull/7/head", "refs/merge-requests/7/head", "refs/changes/07/7/1"]
)
def test_every_ref_of_a_git_remote_counts_and_the_command_gets_it(git_repo: Path, clone: Path, ref: str) -> None:
    made = new_commit(git_repo, ref)
    found = unknown(clone)
    assert found == [Tip("origin", ref, made)]
    subprocess.run(["sh", "-c", fetch_command(found)], cwd=clone, check=True, capture_output=True)
    assert unknown(clone) == []
    git("fetch", "--quiet", "--prune", cwd=clone)
    assert unknown(clone) == []


def test_trial_merges_of_the_server_do_not_count(git_repo: Path, clone: Path) -> None:
    new_commit(git_repo, "refs/pull/7/merge")
    new_commit(git_repo, "refs/merge-requests/7/merge")
    assert unknown(clone) == []
