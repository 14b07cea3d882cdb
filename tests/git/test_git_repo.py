"""Finding the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import git

from dver.core.errors import RepositoryError
from dver.git.git_repo import GitRepo, discover, run


@pytest.fixture
def no_process(git_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the repository is made, any attempt to start a process fails."""
    monkeypatch.setenv("PATH", "/nonexistent")


@pytest.mark.usefixtures("no_process")
def test_the_ordinary_repository_is_found_without_a_process(git_repo: Path) -> None:
    below = git_repo / "a" / "b"
    below.mkdir(parents=True)
    expected = GitRepo(git_repo, git_repo / ".git", git_repo / ".git")
    assert discover(git_repo) == discover(below) == expected


def test_a_linked_worktree_shares_the_common_directory(git_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git("worktree", "add", "-q", "../linked", cwd=git_repo)
    monkeypatch.setenv("PATH", "/nonexistent")
    found = discover(git_repo.parent / "linked")
    assert found.worktree == git_repo.parent / "linked"
    assert found.git_dir == git_repo / ".git" / "worktrees" / "linked"
    assert found.common_dir == git_repo / ".git"


def test_a_moved_main_worktree_says_how_to_repair_its_links(git_repo: Path) -> None:
    git("worktree", "add", "-q", "../linked", cwd=git_repo)
    git_repo.rename(git_repo.parent / "elsewhere")
    with pytest.raises(RepositoryError) as error:
        discover(git_repo.parent / "linked")
    assert "git worktree repair" in (error.value.fix or "")


def test_a_submodule_is_a_repository_of_its_own(git_repo: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    git("init", "-q", cwd=outer)
    git("submodule", "--quiet", "add", str(git_repo), "inner", cwd=outer)
    found = discover(outer / "inner")
    assert found.worktree == outer / "inner"
    assert found.git_dir == found.common_dir == outer / ".git" / "modules" / "inner"
    assert run(found, ["rev-parse", "--show-toplevel"]).strip() == os.fsencode(outer / "inner")


def test_the_environment_decides_as_it_does_for_git(
    git_repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_DIR", "repo/.git")
    monkeypatch.setenv("GIT_WORK_TREE", "work")
    found = discover(tmp_path)
    assert (found.worktree, found.git_dir) == (work, git_repo / ".git")
    assert run(found, ["ls-files", "-z"]) == b"README\0"


def test_a_worktree_set_in_the_configuration_is_found(git_repo: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    git("config", "core.worktree", str(tmp_path / "work"), cwd=git_repo)
    assert discover(git_repo).worktree == tmp_path / "work"


def test_a_sha256_repository_is_recognised(tmp_path: Path) -> None:
    git("init", "-q", "--object-format=sha256", "modern", cwd=tmp_path)
    assert discover(tmp_path / "modern").object_format == "sha256"


def test_a_symbolic_link_to_the_worktree_leads_to_the_real_path(git_repo: Path) -> None:
    (git_repo / "deep").mkdir()
    link = git_repo.parent / "link"
    link.symlink_to(git_repo / "deep")
    assert discover(link).worktree == git_repo


def test_no_repository_says_git_init(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="not in a Git repository") as error:
        discover(tmp_path)
    assert "git init" in (error.value.fix or "")


def test_a_file_or_directory_that_is_only_called_dot_git_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    with pytest.raises(RepositoryError, match="not in a Git repository"):
        discover(tmp_path)
    (tmp_path / ".git").rmdir()
    (tmp_path / ".git").write_text("nonsense")
    with pytest.raises(RepositoryError, match="does not lead to a Git directory"):
        discover(tmp_path)


@pytest.mark.parametrize("inside", [".", "refs", "objects"])
def test_a_bare_repository_is_refused(tmp_path: Path, inside: str) -> None:
    git("init", "-q", "--bare", "bare.git", cwd=tmp_path)
    with pytest.raises(RepositoryError, match="without a worktree"):
        discover(tmp_path / "bare.git" / inside)


def test_the_git_directory_itself_is_refused(git_repo: Path) -> None:
    with pytest.raises(RepositoryError, match="without a worktree"):
        discover(git_repo / ".git" / "refs")


def test_a_bare_repository_named_by_the_environment_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git("init", "-q", "--bare", "bare.git", cwd=tmp_path)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "bare.git"))
    monkeypatch.chdir(tmp_path / "bare.git")
    with pytest.raises(RepositoryError, match="without a worktree"):
        discover(tmp_path / "bare.git")


def test_a_directory_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="gone"):
        discover(tmp_path / "gone")


def test_a_failing_git_is_reported_in_its_own_words(git_repo: Path) -> None:
    with pytest.raises(RepositoryError, match="git cat-file failed") as error:
        run(discover(git_repo), ["cat-file", "blob", "HEAD:absent"])
    assert "absent" in (error.value.why or "")


def test_a_locked_index_says_to_wait(git_repo: Path) -> None:
    (git_repo / ".git" / "index.lock").touch()
    with pytest.raises(RepositoryError) as error:
        run(discover(git_repo), ["add", "README", "--", "."])
    assert "wait" in (error.value.fix or "")


@pytest.mark.usefixtures("no_process")
def test_an_absent_git_is_named(git_repo: Path) -> None:
    with pytest.raises(RepositoryError, match="git is not installed"):
        run(discover(git_repo), ["status"])


def test_pathspecs_of_the_user_do_not_reach_git(git_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
    assert run(discover(git_repo), ["ls-files", "-z", "--", ":(glob)R*"], literal=False) == b"README\0"
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "0")
    assert run(discover(git_repo), ["ls-files", "-z", "--", "R*"]) == b""
