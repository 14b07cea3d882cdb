"""Git's index and ignore rules."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import git

from dver.core.errors import RepositoryError
from dver.git.git_repo import GitRepo, discover
from dver.git.index import IgnoreRule, ignored, is_as_staged, remove_cached, stage, tracked_under

NAMES = [b" a ", b"#x", b"!x", b"[ab]", b":(top)", b":", b"*", b"?", b"a\\b", b"new\nline", b"\xff", b"-x", b"\r"]


@pytest.fixture
def repo(git_repo: Path) -> GitRepo:
    return discover(git_repo)


def write(repo: GitRepo, path: bytes) -> None:
    full = os.path.join(os.fsencode(repo.worktree), path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    Path(os.fsdecode(full)).write_bytes(b"x")


@pytest.mark.parametrize("name", NAMES)
def test_exactly_the_named_file_is_staged_and_unstaged(repo: GitRepo, name: bytes) -> None:
    for path in (*NAMES, b"a", b"other"):
        write(repo, path)
    stage(repo, [name])
    assert tracked_under(repo, b"") == sorted([b"README", name])
    remove_cached(repo, [name])
    assert tracked_under(repo, b"") == [b"README"]
    assert os.path.exists(os.path.join(os.fsencode(repo.worktree), name))


def test_nothing_is_staged_for_no_paths(repo: GitRepo) -> None:
    write(repo, b"other")
    stage(repo, [])
    remove_cached(repo, [])
    assert tracked_under(repo, b"") == [b"README"]


def test_a_deleted_file_can_be_taken_out_of_the_index(repo: GitRepo) -> None:
    (repo.worktree / "README").unlink()
    remove_cached(repo, [b"README", b"never-there"])
    assert tracked_under(repo, b"") == []


def test_a_file_is_as_staged_unless_it_has_changes_that_are_not(repo: GitRepo) -> None:
    (repo.worktree / ".gitignore").write_text("*.log\n")
    assert is_as_staged(repo, b"README")
    assert is_as_staged(repo, b"new")
    assert not is_as_staged(repo, b"new.log")
    write(repo, b"new")
    assert not is_as_staged(repo, b"new")
    stage(repo, [b"new"])
    assert is_as_staged(repo, b"new")
    (repo.worktree / "new").write_text("mine")
    assert not is_as_staged(repo, b"new")


def test_an_ignored_file_is_not_staged_by_force(repo: GitRepo) -> None:
    (repo.worktree / ".gitignore").write_text("*.dver\n")
    write(repo, b"a.dver")
    with pytest.raises(RepositoryError, match="git add failed") as error:
        stage(repo, [b"a.dver"])
    assert "a.dver" in (error.value.why or "")
    assert tracked_under(repo, b"a.dver") == []


def test_a_file_outside_the_sparse_checkout_is_staged(repo: GitRepo) -> None:
    git("sparse-checkout", "set", "--cone", "inside", cwd=repo.worktree)
    write(repo, b"outside/a.dver")
    stage(repo, [b"outside/a.dver"])
    assert tracked_under(repo, b"outside") == [b"outside/a.dver"]


@pytest.mark.parametrize("name", NAMES)
def test_what_git_tracks_below_a_path_is_found_by_its_exact_name(repo: GitRepo, name: bytes) -> None:
    for directory in NAMES:
        write(repo, directory + b"/in/file")
    write(repo, b"a/in/file")
    git("add", "-A", cwd=repo.worktree)
    assert tracked_under(repo, name) == [name + b"/in/file"]
    assert tracked_under(repo, name + b"/in/file") == [name + b"/in/file"]
    assert tracked_under(repo, name + b"/i") == []


def test_thousands_of_paths_can_be_asked_about_at_once(repo: GitRepo) -> None:
    paths = [b"directory/%0100d" % number for number in range(3000)]
    assert tracked_under(repo, *paths, b"README") == [b"README"]
    assert tracked_under(repo) == []


def test_an_ignored_path_is_told_with_the_rule_that_decides(repo: GitRepo) -> None:
    (repo.worktree / "d").mkdir()
    (repo.worktree / "d" / ".gitignore").write_text("# data\n*.bin\n!keep.bin\n")
    found = ignored(repo, [b"d/a.bin", b"d/keep.bin", b"d/other", b"README"])
    assert found == {b"d/a.bin": IgnoreRule(b"d/.gitignore", 2, b"*.bin")}


def test_a_tracked_file_can_be_ignored_all_the_same(repo: GitRepo) -> None:
    (repo.worktree / ".gitignore").write_text("README\n")
    assert list(ignored(repo, [b"README"])) == [b"README"]


def test_a_path_in_an_ignored_directory_is_ignored(repo: GitRepo) -> None:
    (repo.worktree / ".gitignore").write_text("/data\n")
    assert ignored(repo, [b"data/deep/a"])[b"data/deep/a"].pattern == b"/data"


def test_nothing_is_ignored_among_no_paths(repo: GitRepo) -> None:
    assert ignored(repo, []) == {}


@pytest.mark.parametrize("name", NAMES)
def test_a_path_of_any_name_can_be_asked_about(repo: GitRepo, name: bytes) -> None:
    (repo.worktree / ".gitignore").write_text("ign\n")
    assert list(ignored(repo, [name, name + b"/ign"])) == [name + b"/ign"]
