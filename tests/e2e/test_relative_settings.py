"""Relative paths in settings lead to the same place from every worktree of a clone."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Run, git, make_git_repo


@pytest.fixture(params=["", "sub/project"])
def place(run: Run, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Where the project is in the repository `work/repo`, whose remote and store are beside it."""
    root = make_git_repo(tmp_path / "work/repo")
    project = root / request.param
    project.mkdir(parents=True, exist_ok=True)
    run("init", cwd=project)
    up = "../" * (1 + len(Path(request.param).parts))
    run("remote", "add", "-d", "origin", f"{up}remote", cwd=project)
    run("config", "set", "--local", "cache.dir", f"{up}store", cwd=project)
    (project / "data").write_text("one")
    run("add", "data", cwd=project)
    git("commit", "-qam", "Data", cwd=root)
    return str(request.param)


def test_a_push_from_a_linked_worktree_goes_to_the_same_remote(run: Run, tmp_path: Path, place: str) -> None:
    main, linked = tmp_path / "work/repo", tmp_path / "far/away/linked"
    git("worktree", "add", "-q", "-b", "linked", linked, cwd=main)
    run("checkout", cwd=linked / place)
    assert (linked / place / "data").read_text() == "one"
    (linked / place / "data").write_text("two")
    run("add", "data", cwd=linked / place)
    git("commit", "-qam", "Two", cwd=linked)
    run("push", cwd=linked / place)
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["remote", "repo", "store"]
    assert sorted(path.name for path in (tmp_path / "far/away").iterdir()) == ["linked"]
    git("merge", "-q", "linked", cwd=main)
    run("check", "available", "--remote", cwd=main / place)
    clone = tmp_path / "work/clone"
    git("clone", "-q", main, clone, cwd=tmp_path)
    run("config", "set", "--local", "cache.dir", tmp_path / "other store", cwd=clone / place)
    run("pull", cwd=clone / place)
    assert (clone / place / "data").read_text() == "two"


def test_worktrees_of_a_bare_repository_share_what_relative_settings_name(run: Run, tmp_path: Path) -> None:
    hub = tmp_path / "hub/repo.git"
    git("clone", "-q", "--bare", make_git_repo(tmp_path / "seed"), hub, cwd=tmp_path)
    git("worktree", "add", "-q", "-b", "a", tmp_path / "a", cwd=hub)
    git("worktree", "add", "-q", "-b", "b", tmp_path / "deeper/b", cwd=hub)
    run("init", cwd=tmp_path / "a")
    run("config", "set", "--local", "cache.dir", "../store", cwd=tmp_path / "a")
    (tmp_path / "a/data").write_text("one")
    run("add", "data", cwd=tmp_path / "a")
    git("commit", "-qam", "Data", cwd=tmp_path / "a")
    git("merge", "-q", "a", cwd=tmp_path / "deeper/b")
    run("checkout", cwd=tmp_path / "deeper/b")
    assert (tmp_path / "deeper/b/data").read_text() == "one"
    assert (tmp_path / "hub/store").is_dir()
