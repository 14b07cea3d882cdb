"""`git sparse-checkout` leaves out pointers: they are not deleted, and can be changed nevertheless."""

from __future__ import annotations

from pathlib import Path

import pytest
from merging import unmerged, use_driver
from support import Run, git, make_git_repo
from workspaces import write


@pytest.fixture
def repo(run: Run, tmp_path: Path) -> Path:
    """A sparse checkout of `in`, without `out`; the branch other has changed data of `out` in another way."""
    repo = make_git_repo(tmp_path / "repo")
    run("init", "--no-hooks", cwd=repo)
    use_driver(repo)
    write(repo, {"in/x": b"x\n", "out/y": b"base\n", "out/z": b"z\n"})
    run("add", "in/x", "out/y", "out/z", cwd=repo)
    git("commit", "-qm", "Base", cwd=repo)
    for branch in ("other", "main"):
        git("checkout", "-q", "-B", branch, cwd=repo)
        run("checkout", cwd=repo)
        (repo / "out/y").write_text(f"{branch}\n")
        run("add", "-u", cwd=repo)
        git("commit", "-qm", branch, cwd=repo)
        if branch == "other":
            git("checkout", "-q", "main", cwd=repo)
    git("sparse-checkout", "set", "--cone", "in", ".dver", cwd=repo)
    return repo


def test_what_is_left_out_is_not_deleted(run: Run, repo: Path) -> None:
    assert not (repo / "out").exists() or not (repo / "out/y.dver").exists()
    told = run("status", "--exit-code", cwd=repo).out
    assert "deleted" not in told


def test_a_conflict_outside_of_it_is_resolved(run: Run, repo: Path) -> None:
    git("merge", "-q", "other", cwd=repo, rc=1)
    run("resolve", "out/y", "--theirs", cwd=repo)
    assert unmerged(repo) == ""
    git("commit", "-qm", "Merged", cwd=repo)
    assert git("show", "HEAD:out/y.dver", cwd=repo) == git("show", "other:out/y.dver", cwd=repo)
    assert git("show", "HEAD:out/.gitignore", cwd=repo) == git("show", "other:out/.gitignore", cwd=repo)
    assert git("status", "--porcelain", cwd=repo) == ""


def test_data_added_outside_of_it_keeps_the_other_lines_of_gitignore(run: Run, repo: Path) -> None:
    write(repo, {"out/new": b"new\n"})
    run("add", "out/new", cwd=repo)
    assert git("show", ":out/.gitignore", cwd=repo).split() == ["/y", "/z", "/new"]
