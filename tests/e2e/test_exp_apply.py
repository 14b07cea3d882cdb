"""`dver exp apply`, `undo` and `branch`: sessions of users."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Run, git
from workspaces import Content, listing


def tree(repo: Path) -> dict[bytes, Content]:
    """All files of the workspace."""
    return {path: one for path, one in listing(repo).items() if not path.startswith((b".git/", b".git"))}


def state(repo: Path) -> tuple[dict[bytes, Content], bytes]:
    """All files of the workspace, and Git's index."""
    return tree(repo), (repo / ".git/index").read_bytes()


@pytest.fixture
def project(git_repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an experiment `first`; the workspace is back at its baseline."""
    repo = git_repo
    monkeypatch.chdir(repo)
    run("init", "--no-hooks")
    (repo / "data").mkdir()
    (repo / "data" / "a.txt").write_text("a\n")
    (repo / "params.yaml").write_text("lr: 0.5\n")
    (repo / "old.py").write_text("old\n")
    run("add", "data")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "baseline", cwd=repo)
    (repo / "params.yaml").write_text("lr: 0.1\n")
    (repo / "new.py").write_text("new\n")
    (repo / "old.py").unlink()
    (repo / "data" / "a.txt").write_text("other\n")
    (repo / "data" / "b.txt").write_text("b\n")
    run("add", "data")
    run("exp", "save", "-n", "first")
    git("reset", "-q", "--hard", cwd=repo)
    (repo / "new.py").unlink(missing_ok=True)
    run("checkout")
    return repo


def test_apply_makes_the_workspace_the_experiment_and_undo_goes_back(project: Path, run: Run) -> None:
    (project / "params.yaml").write_text("lr: 7\n")
    git("add", "params.yaml", cwd=project)
    (project / "params.yaml").write_text("lr: 8\n")
    (project / "notes.txt").write_text("mine\n")
    (project / "data" / "c.txt").write_text("unsaved\n")
    before = state(project)
    done = run("exp", "apply", "first")
    assert "applied first: 3 files written, 2 removed" in done.out
    assert "removed 1 untracked file that it does not have: notes.txt" in done.err
    assert (project / "params.yaml").read_text() == "lr: 0.1\n"
    assert listing(project / "data") == {b"a.txt": ("file", b"other\n"), b"b.txt": ("file", b"b\n")}
    assert git("status", "--porcelain", cwd=project).split("\n") == [
        "M  data.dver",
        "A  new.py",
        "D  old.py",
        "M  params.yaml",
        "",
    ]
    assert run("status").out.startswith("Staged for commit")
    run("exp", "undo")
    assert state(project) == before


def test_branch_makes_a_branch_at_the_experiment(project: Path, run: Run) -> None:
    before = state(project)
    made = run("exp", "branch", "first", "--json").json
    assert made["branch"] == "first"
    assert state(project) == before
    assert git("show", "first:params.yaml", cwd=project) == "lr: 0.1\n"
    assert git("rev-parse", "first^", cwd=project) == git("rev-parse", "HEAD", cwd=project)
    refused = run("exp", "branch", "first", rc=4)
    assert "fix: dver exp branch first first-2" in refused.err
    run("exp", "branch", "first", "first-2")
    invalid = run("exp", "branch", "first", "a..b", rc=2)
    assert "fix: dver exp branch first first-3" in invalid.err
    run("exp", "branch", "first", "first-3")


def test_gc_keeps_what_undo_brings_back(project: Path, run: Run) -> None:
    (project / "data" / "c.txt").write_text("unsaved\n")
    (project / "params.yaml").write_text("lr: 7\n")
    git("add", "params.yaml", cwd=project)
    (project / "params.yaml").write_text("lr: 8\n")
    before = state(project)
    run("exp", "apply", "first")
    run("gc", "--grace", "0d")
    git("gc", "-q", "--prune=now", cwd=project)
    run("exp", "undo")
    assert state(project) == before
    assert git("show", ":params.yaml", cwd=project) == "lr: 7\n"
