"""The pre-commit check through the library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import git

from dver.git.git_repo import discover
from dver.git.staged import staged
from dver.ops.git.pre_commit import PreCommitResult, pre_commit
from dver.ops.setup import config
from dver.ops.track.add import add
from dver.ops.track.init import init
from dver.project.git_projects import staged_by_project
from dver.repo import Repository
from dver.workspace.changes import quick_check


@pytest.fixture
def repo(git_repo: Path) -> Iterator[Repository]:
    init(git_repo)
    (git_repo / "set").mkdir()
    for name in "abc":
        (git_repo / "set" / name).write_text(name)
    with Repository.open(git_repo) as opened:
        add(opened, ["set"], cwd=git_repo)
        git("commit", "-qm", "Data", cwd=git_repo)
        yield opened


def _look(repo: Repository) -> PreCommitResult:
    with Repository.open(repo.root) as opened:
        return pre_commit(opened, staged(opened.git))


def test_nothing_is_said_where_nothing_changed(repo: Repository) -> None:
    assert _look(repo) == PreCommitResult(())


def test_a_changed_a_new_and_a_deleted_file_are_noticed(repo: Repository) -> None:
    for change in ("changed", "new", "deleted"):
        if change == "changed":
            (repo.root / "set/a").write_text("other")
        elif change == "new":
            (repo.root / "set/a").write_text("a")
            (repo.root / "set/d").write_text("d")
        else:
            (repo.root / "set/d").unlink()
            (repo.root / "set/b").unlink()
        assert _look(repo).changed == (b"set",), change


def test_data_that_is_not_here_has_not_changed(repo: Repository) -> None:
    for name in "abc":
        (repo.root / "set" / name).unlink()
    (repo.root / "set").rmdir()
    assert _look(repo) == PreCommitResult(())


def test_large_directories_and_long_hashing_are_passed_over_in_silence(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repo.root / "set/a").write_text("changed")
    monkeypatch.setattr(quick_check, "FILES", 2)
    assert _look(repo).changed == ()
    monkeypatch.setattr(quick_check, "FILES", 3)
    monkeypatch.setattr(quick_check, "HASHED", 2)
    assert _look(repo).changed == ()
    monkeypatch.setattr(quick_check, "HASHED", 1000)
    monkeypatch.setattr(quick_check, "SECONDS", 0)
    assert _look(repo).changed == ()


def test_a_large_file_of_another_size_has_changed_for_certain(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repo.root / "model").write_text("model")
    add(repo, ["model"], cwd=repo.root)
    (repo.root / "model").write_text("another model")
    monkeypatch.setattr(quick_check, "HASHED", 0)
    assert _look(repo).changed == (b"model",)


def test_what_is_added_is_in_the_store_and_staged(repo: Repository) -> None:
    config.set_setting(repo.root, "hooks.pre_commit", "add")
    (repo.root / "set/a").write_text("changed")
    assert _look(repo).added == (b"set",)
    assert set(staged(repo.git).files) == {b".dver/config.toml", b"set.dver"}
    assert _look(repo) == PreCommitResult(())


def test_a_problem_is_all_that_is_looked_for_once_there_is_one(repo: Repository) -> None:
    config.set_setting(repo.root, "hooks.pre_commit", "add")
    (repo.root / "set/a").write_text("changed")
    (repo.root / "bad.dver").write_text("{")
    git("add", "bad.dver", cwd=repo.root)
    found = _look(repo)
    assert [problem.path for problem in found.problems] == [b"bad.dver"]
    assert found.added == ()


def test_each_project_of_a_repository_is_shown_its_own_files_only(git_repo: Path) -> None:
    for name in ("one", "one/inner", "two"):
        (git_repo / name).mkdir()
        init(git_repo / name)
        (git_repo / name / "file").write_text(name)
    (git_repo / "outside").write_text("outside")
    git("add", "-A", cwd=git_repo)
    git_place = discover(git_repo)
    roots = [git_repo / name for name in ("one", "one/inner", "two")]
    parts = {root: set(part.files) for root, part in staged_by_project(git_place, roots, staged(git_place))}
    assert b"one/file" in parts[git_repo / "one"]
    assert b"one/inner/file" not in parts[git_repo / "one"]
    assert b"one/inner/file" in parts[git_repo / "one/inner"]
    assert not any(b"outside" in files for files in parts.values())
