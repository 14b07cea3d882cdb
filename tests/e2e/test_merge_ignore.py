"""Branches that each tracked data beside the other's merge by themselves: the `.gitignore` beside it, too."""

from __future__ import annotations

from pathlib import Path

import pytest
from githooks import put_dver_on_path
from support import Run, git, make_git_repo


@pytest.fixture
def repo(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the drivers in place."""
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    repo = make_git_repo(tmp_path / "a repo")
    run("init", cwd=repo)
    run("install", "--no-hooks", cwd=repo)
    git("commit", "-qm", "Project", cwd=repo)
    git("branch", "-q", "other", cwd=repo)
    return repo


def track(run: Run, repo: Path, branch: str, *names: str) -> None:
    """Commit data of these names on `branch`."""
    git("checkout", "-q", branch, cwd=repo)
    for name in names:
        (repo / name).parent.mkdir(exist_ok=True)
        (repo / name).write_text(name)
        run("add", name, cwd=repo)
    git("commit", "-qm", f"On {branch}", cwd=repo)


@pytest.mark.parametrize("command", [("merge", "-q", "--no-edit", "other"), ("rebase", "-q", "other")])
def test_data_that_two_branches_tracked_beside_each_other_merges(
    run: Run, repo: Path, command: tuple[str, ...]
) -> None:
    track(run, repo, "other", "b", "sub/b")
    track(run, repo, "main", "a", "c", "sub/a")
    git(*command, cwd=repo)
    run("checkout", cwd=repo)
    lines = (repo / ".gitignore").read_text().split()
    assert sorted(lines) == ["/a", "/b", "/c"]
    assert sorted((repo / "sub/.gitignore").read_text().split()) == ["/a", "/b"]
    assert git("status", "--porcelain", cwd=repo) == ""
    assert (repo / "sub/b").read_text() == "sub/b"


def test_lines_of_the_user_conflict_between_ordinary_markers(run: Run, repo: Path) -> None:
    for branch in ("other", "main"):
        git("checkout", "-q", branch, cwd=repo)
        (repo / ".gitignore").write_text(f"*.{branch}\n")
        git("add", ".gitignore", cwd=repo)
        git("commit", "-qm", branch, cwd=repo)
    assert "CONFLICT" in git("merge", "other", cwd=repo, rc=1)
    text = "<<<<<<< ours\n*.main\n=======\n*.other\n>>>>>>> theirs\n"
    assert (repo / ".gitignore").read_text() == text


def test_without_dver_git_merges_as_ever(run: Run, repo: Path) -> None:
    git("config", "--remove-section", "merge.dver", cwd=repo)
    track(run, repo, "other", "b")
    track(run, repo, "main", "a")
    git("merge", "-q", "other", cwd=repo, rc=1)
    assert (repo / ".gitignore").read_text().startswith("<<<<<<< HEAD\n/a\n")


def test_a_merge_that_the_user_chose_for_ignore_files_stays(run: Run, tmp_path: Path) -> None:
    repo = make_git_repo(tmp_path / "repo")
    (repo / ".gitattributes").write_text(".gitignore merge=union\n")
    run("init", cwd=repo)
    run("install", "--no-hooks", cwd=repo)
    assert ".gitignore merge=dver" not in (repo / ".gitattributes").read_text()
    assert run("install", "--no-hooks", cwd=repo).out.startswith("everything is installed")
    assert "not all named" not in run("doctor", cwd=repo, rc=None).out


def test_a_project_that_was_set_up_before_gets_the_line(run: Run, repo: Path) -> None:
    path = repo / ".gitattributes"
    text = path.read_text()
    path.write_text("*.dver merge=dver diff=dver\ndver.lock merge=dver\n")
    git("commit", "-qam", "As it was", cwd=repo)
    findings = run("doctor", "--json", cwd=repo, env={"DVER_HOOKS_INSTALL": "true"}, rc=None).out
    assert "not all named in .gitattributes" in findings
    run("install", "--no-hooks", cwd=repo)
    assert path.read_text() == text
    assert git("diff", "--cached", "--name-only", cwd=repo).split() == [".gitattributes"]
    run("uninstall", cwd=repo)
    assert not path.exists()
