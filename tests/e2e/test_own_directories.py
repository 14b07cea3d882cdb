"""The store and remotes in directories of the worktree: Git ignores them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Run, git, make_git_repo
from workspaces import write


@pytest.fixture
def repo(run: Run, tmp_path: Path) -> Path:
    repo = make_git_repo(tmp_path / "a repo")
    run("init", "--no-hooks", cwd=repo)
    git("commit", "-qm", "Begin a project", cwd=repo)
    return repo


@pytest.mark.parametrize("local", [True, False])
def test_a_store_and_a_remote_in_the_worktree_are_ignored(run: Run, repo: Path, local: bool) -> None:
    (repo / "re*mote").mkdir()
    options = ["--local"] if local else []
    run("config", "set", *options, "cache.dir", "a store", cwd=repo)
    run("remote", "add", *options, "-d", "origin", "./re*mote/in", cwd=repo)
    write(repo, {"data": b"data\n", "remote/in/file": b"of Git\n"})
    run("add", "data", cwd=repo)
    run("push", cwd=repo)
    assert (repo / "a store").is_dir()
    assert (repo / "re*mote/in").is_dir()
    untracked = [line for line in git("status", "--porcelain", cwd=repo).splitlines() if line.startswith("??")]
    assert untracked == ["?? remote/"]
    assert ("/a store/" in git("show", ":.gitignore", cwd=repo)) is not local


def test_directories_elsewhere_and_ignored_ones_need_no_line(run: Run, repo: Path) -> None:
    run("remote", "add", "-d", "origin", "../remote", cwd=repo)
    run("config", "set", "cache.dir", ".git/another", cwd=repo)
    (repo / ".gitignore").write_text("*.cache\n")
    run("config", "set", "cache.dir", "my.cache", cwd=repo)
    assert (repo / ".gitignore").read_text() == "*.cache\n"


def test_a_store_whose_name_begins_with_two_dots_is_ignored(run: Run, repo: Path) -> None:
    run("config", "set", "cache.dir", "..store", cwd=repo)
    assert "/..store/" in git("show", ":.gitignore", cwd=repo)
