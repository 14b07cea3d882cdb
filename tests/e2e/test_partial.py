"""Only parts of a tracked directory are here: what is absent was never checked out, and is not taken for deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Run, git, make_git_repo


@pytest.fixture
def clone(run: Run, tmp_path: Path) -> Path:
    """A clone in which only data/a has been pulled, of data/a, data/b and data/top."""
    origin = make_git_repo(tmp_path / "origin")
    for name in ("a/1", "a/2", "b/3", "top"):
        (origin / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (origin / "data" / name).write_text(f"{name}\n")
    run("init", cwd=origin)
    run("add", "data", cwd=origin)
    run("remote", "add", "-d", "origin", "../remote", cwd=origin)
    git("commit", "-qm", "Data", cwd=origin)
    run("push", cwd=origin)
    git("clone", "-q", origin, tmp_path / "clone", cwd=tmp_path)
    run("pull", "data/a", cwd=tmp_path / "clone")
    return tmp_path / "clone"


def _files(run: Run, repo: Path) -> list[str]:
    run("fetch", cwd=repo)
    return run("ls", "-R", cwd=repo).out.splitlines()


def test_status_and_diff_do_not_call_absent_parts_deleted(run: Run, clone: Path) -> None:
    run("status", "--exit-code", cwd=clone)
    (clone / "data" / "a" / "1").write_text("changed\n")
    (state,) = run("status", "--json", cwd=clone).json["paths"]
    assert [(change["status"], change["path"]) for change in state["changes"]] == [("modified", "data/a/1")]
    (change,) = run("diff", "--json", cwd=clone).json["changes"]
    assert change["path"] == "data/a/1"


def test_adding_the_whole_directory_keeps_what_was_never_here(run: Run, clone: Path) -> None:
    (clone / "data" / "a" / "1").write_text("changed\n")
    (clone / "data" / "a" / "new").write_text("new\n")
    run("add", "data", cwd=clone)
    assert _files(run, clone) == ["data/a/1", "data/a/2", "data/a/new", "data/b/3", "data/top"]
    assert run("cat", "data/a/1", cwd=clone).out == "changed\n"


def test_adding_a_part_records_what_was_deleted_in_it(run: Run, clone: Path) -> None:
    (clone / "data" / "a" / "1").unlink()
    run("add", "data/a", cwd=clone)
    assert _files(run, clone) == ["data/a/2", "data/b/3", "data/top"]


def test_once_all_is_here_a_deletion_is_one(run: Run, clone: Path) -> None:
    run("pull", cwd=clone)
    (clone / "data" / "top").unlink()
    run("add", "data", cwd=clone)
    assert _files(run, clone) == ["data/a/1", "data/a/2", "data/b/3"]
