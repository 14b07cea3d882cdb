"""What is staged, in real repositories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import git

from dver.git.git_repo import discover
from dver.git.staged import Staged, contents_of, staged, was_committed


def _staged(repo: Path) -> Staged:
    return staged(discover(repo))


def _commit(repo: Path, **files: str) -> None:
    for name, text in files.items():
        (repo / name).write_text(text)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "A commit", cwd=repo)


def test_new_changed_and_deleted_files_are_told_with_their_sizes(git_repo: Path) -> None:
    _commit(git_repo, old="old", gone="gone")
    (git_repo / "old").write_text("changed")
    (git_repo / "new").write_text("new")
    (git_repo / "gone").unlink()
    (git_repo / "link").symlink_to("new")
    git("add", "-A", cwd=git_repo)
    found = _staged(git_repo)
    assert {path: file.size for path, file in found.files.items()} == {b"old": 7, b"new": 3}
    assert found.deleted == {b"gone"}


def test_what_is_only_on_disk_is_not_staged(git_repo: Path) -> None:
    (git_repo / "README").write_text("changed")
    assert _staged(git_repo) == Staged({}, frozenset())


def test_before_the_first_commit_everything_is_new(tmp_path: Path) -> None:
    git("init", "-q", tmp_path, cwd=tmp_path)
    (tmp_path / "a").write_text("a")
    git("add", "a", cwd=tmp_path)
    assert set(_staged(tmp_path).files) == {b"a"}


def test_names_of_any_bytes_come_back_as_they_are(git_repo: Path) -> None:
    names = [b"sp ace ", b"new\nline", b"\xff", b":colon", "ö".encode()]
    for name in names:
        with open(os.path.join(os.fsencode(git_repo), name), "wb") as file:
            file.write(b"x")
    git("add", "-A", cwd=git_repo)
    assert set(_staged(git_repo).files) == set(names)


@pytest.mark.parametrize("how", ["merge", "cherry-pick"])
def test_what_another_commit_brings_is_not_new(git_repo: Path, how: str) -> None:
    git("switch", "-qc", "side", cwd=git_repo)
    _commit(git_repo, README="side", theirs="theirs")
    git("switch", "-q", "main", cwd=git_repo)
    _commit(git_repo, README="main")
    git(how, "side", cwd=git_repo, rc=1)
    (git_repo / "README").write_text("both")
    git("add", "README", cwd=git_repo)
    assert set(_staged(git_repo).files) == {b"README"}


def test_another_index_that_git_names_is_the_one_that_counts(git_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (git_repo / "new").write_text("new")
    monkeypatch.setenv("GIT_INDEX_FILE", os.fspath(git_repo / ".git/other"))
    git("read-tree", "HEAD", cwd=git_repo)
    git("add", "new", cwd=git_repo)
    assert set(_staged(git_repo).files) == {b"new"}
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert not _staged(git_repo).files


def test_contents_are_those_that_are_staged_and_not_those_on_disk(git_repo: Path) -> None:
    (git_repo / "new").write_text("staged")
    git("add", "new", cwd=git_repo)
    (git_repo / "new").write_text("later")
    files = _staged(git_repo).files
    assert contents_of(discover(git_repo), files.values()) == {files[b"new"].blob: b"staged"}


def test_what_was_once_committed_is_recognised_under_any_name(git_repo: Path) -> None:
    _commit(git_repo, a="one")
    _commit(git_repo, a="two")
    for name, text in (("a", "one"), ("b", "one"), ("c", "three")):
        (git_repo / name).write_text(text)
    git("add", "-A", cwd=git_repo)
    files = _staged(git_repo).files
    known = {path for path, file in files.items() if was_committed(discover(git_repo), file)}
    assert known == {b"a", b"b"}


def test_a_linked_worktree_has_an_index_of_its_own(git_repo: Path, tmp_path: Path) -> None:
    git("worktree", "add", "-q", "-b", "side", tmp_path / "tree", cwd=git_repo)
    (tmp_path / "tree/new").write_text("new")
    git("add", "new", cwd=tmp_path / "tree")
    assert set(_staged(tmp_path / "tree").files) == {b"new"}
    assert not _staged(git_repo).files


def test_a_sha256_repository_is_read_like_any_other(tmp_path: Path) -> None:
    git("init", "-q", "--object-format=sha256", tmp_path, cwd=tmp_path)
    (tmp_path / "a").write_text("a")
    git("add", "a", cwd=tmp_path)
    assert set(_staged(tmp_path).files) == {b"a"}
