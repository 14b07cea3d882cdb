"""Clones of other repositories."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import git

from dver.core.errors import ConflictError, RepositoryError, UsageError
from dver.git.clone import clone


@pytest.fixture
def source(git_repo: Path) -> Path:
    git("branch", "feature/x", cwd=git_repo)
    git("tag", "v1", cwd=git_repo)
    git("commit", "-q", "--allow-empty", "-m", "More", cwd=git_repo)
    return git_repo


def test_a_branch_is_checked_out_as_a_branch(source: Path, tmp_path: Path) -> None:
    cloned = clone(str(source), tmp_path / "new" / "clone", rev="feature/x")
    assert cloned.worktree == tmp_path / "new" / "clone"
    assert git("symbolic-ref", "--short", "HEAD", cwd=cloned.worktree).strip() == "feature/x"
    assert git("rev-parse", "HEAD", cwd=cloned.worktree) == git("rev-parse", "v1", cwd=source)


@pytest.mark.parametrize("form", ["v1", "HEAD~1", "full"])
def test_a_tag_or_a_commit_detaches_head(source: Path, tmp_path: Path, form: str) -> None:
    wanted = git("rev-parse", "v1", cwd=source).strip()
    cloned = clone(str(source), tmp_path / "clone", rev=wanted if form == "full" else form)
    assert git("rev-parse", "HEAD", cwd=cloned.worktree).strip() == wanted
    assert git("symbolic-ref", "-q", "HEAD", cwd=cloned.worktree, rc=1) == ""


def test_relative_paths_start_from_the_current_directory(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cloned = clone(source.name, Path("deep/clone"))
    assert git("remote", "get-url", "origin", cwd=cloned.worktree).strip() == str(source)


def test_what_cannot_be_cloned_is_explained(source: Path, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="no Git repository"):
        clone(str(tmp_path / "nothing"), tmp_path / "clone")
    with pytest.raises(UsageError):
        clone(str(source), tmp_path / "clone", rev="nonsense")
    with pytest.raises(ConflictError, match="not empty"):
        clone(str(source), source)
