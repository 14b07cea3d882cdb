"""Paths in messages are those that the user would type, where the user stands; commands can be copied as they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support import Run, git


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    """Two tracked directories, one with a blank in its name."""
    run("init", cwd=git_repo)
    for name in ("data", "my data"):
        (git_repo / name / "sub").mkdir(parents=True)
        (git_repo / name / "sub/a").write_text(name)
        run("add", name, cwd=git_repo)
    git("commit", "-qm", "v1", cwd=git_repo)
    return git_repo


def test_status_inside_tracked_data_names_the_pointer_beside_it(run: Run, project: Path) -> None:
    (project / "data/sub/b").write_text("new")
    run("add", "-u", cwd=project)
    assert "  modified: ../../data.dver\n" in run("status", cwd=project / "data/sub").out


def test_a_pointer_is_quoted_as_a_whole(run: Run, project: Path) -> None:
    (project / "a\nb").mkdir()
    run("add", "a\nb", cwd=project)
    assert '  new: "a\\nb.dver"\n' in run("status", cwd=project).out


@pytest.mark.parametrize("verb", ["ls", "cat", "remove"])
def test_what_is_not_in_the_data_is_named_as_it_was_typed(run: Run, project: Path, verb: str) -> None:
    err = run(verb, "none", cwd=project / "my data", rc=2).err
    assert "error: 'none' does not exist in the tracked data\n" in err
    assert "fix: `dver ls -R .` lists its files\n" in err


def test_commands_that_mend_can_be_copied(run: Run, project: Path) -> None:
    shutil.rmtree(project / ".git/dver/store")
    run("ls", "../my data", cwd=project / "data", rc=5)
    err = run("ls", "../my data", cwd=project / "data", rc=5).err
    assert "error: the content of '../my data' is not in the store\n" in err
    assert "fix: dver fetch '../my data'\n" in err
    err = run("ls", "--rev", "HEAD", "../my data/sub", cwd=project / "data", rc=5).err
    assert "fix: dver fetch --rev HEAD '../my data/sub'\n" in err


def test_a_diff_says_which_version_to_fetch(run: Run, project: Path) -> None:
    (project / "data/sub/a").write_text("changed")
    run("add", "-u", cwd=project)
    git("commit", "-qm", "v2", cwd=project)
    shutil.rmtree(project / ".git/dver/store")
    err = run("diff", "HEAD~1", "HEAD", cwd=project / "my data", rc=5).err
    assert "fix: dver fetch --rev 'HEAD~1' ../data\n" in err


def test_a_name_that_begins_with_a_dash_is_no_option(run: Run, project: Path) -> None:
    (project / "-x").write_text("x")
    git("add", "--", "-x", cwd=project)
    assert "git rm -r --cached -- ./-x " in run("add", "--", "-x", cwd=project, rc=4).err


def test_a_rule_that_ignores_pointers_is_named_from_where_the_user_stands(run: Run, project: Path) -> None:
    (project / ".gitignore").open("a").write("*.dver\n")
    (project / "other").mkdir()
    (project / "other/x").write_text("x")
    assert "why: ../.gitignore:3 says '*.dver'\n" in run("add", "x", cwd=project / "other", rc=4).err
