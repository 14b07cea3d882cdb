"""`dver init` through the real command line."""

from __future__ import annotations

from pathlib import Path

from support import Run, git


def test_init_makes_a_project_and_says_what_comes_next(run: Run, git_repo: Path) -> None:
    result = run("init", cwd=git_repo)
    assert "is a dver project now" in result.out
    assert "dver add" in result.err
    assert git("diff", "--cached", "--name-only", cwd=git_repo).split() == [".dver/config.toml"]


def test_init_twice_changes_nothing(run: Run, git_repo: Path) -> None:
    run("init", cwd=git_repo)
    config = git_repo / ".dver/config.toml"
    config.write_text("[core]\njobs = 3\n")
    result = run("init", cwd=git_repo)
    assert "already" in result.out
    assert config.read_text() == "[core]\njobs = 3\n"


def test_init_in_a_subfolder_makes_that_the_project(run: Run, git_repo: Path) -> None:
    (git_repo / "sub").mkdir()
    result = run("init", "--json", cwd=git_repo / "sub").json
    assert result == {"root": str(git_repo / "sub"), "existed": False, "installed": None}
    assert (git_repo / "sub/.dver/config.toml").is_file()


def test_init_outside_of_git_says_how_to_begin(run: Run, tmp_path: Path) -> None:
    result = run("init", cwd=tmp_path, rc=3)
    assert "not in a Git repository" in result.err
    assert "git init" in result.err
