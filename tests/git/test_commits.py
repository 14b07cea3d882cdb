from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import git, make_git_repo

from dver.git.commits import CommitReader, TooLargeError, branch_and_tag_tips, paths_named
from dver.git.git_repo import CommitId, GitRepo, discover
from dver.git.revisions import resolve

LIMIT = 1 << 20


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    root = make_git_repo(tmp_path / "repo")
    return discover(root)


def commit(repo: GitRepo, files: dict[str, str | None]) -> CommitId:
    for name, content in files.items():
        path = repo.worktree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink() if content is None else path.write_text(content)
    git("add", "-A", cwd=repo.worktree)
    git("commit", "-qm", "a commit", "--allow-empty", cwd=repo.worktree)
    return resolve(repo, "HEAD")


def test_one_reader_answers_for_many_commits(repo: GitRepo) -> None:
    one = commit(repo, {"a b": "one", "folder/x": "x", "folder/sub/y": "y", "empty": ""})
    two = commit(repo, {"a b": "two", "folder/x": None})
    with CommitReader(repo) as reader:
        assert reader.read(one, b"a b", limit=LIMIT) == b"one"
        assert reader.read(two, b"a b", limit=LIMIT) == b"two"
        assert reader.read(one, b"empty", limit=LIMIT) == b""
        assert reader.names(one, b"folder", limit=LIMIT) == [b"sub", b"x"]
        assert reader.names(two, b"folder", limit=LIMIT) == [b"sub"]


@pytest.mark.parametrize("path", [b"nothing", b"a/b/c", b"folder", b"line\nbreak", b"x blob 3", b"../a", b"\xff"])
def test_what_is_no_file_is_none_and_the_next_answer_is_right(repo: GitRepo, path: bytes) -> None:
    at = commit(repo, {"a": "content", "folder/x": "x"})
    with CommitReader(repo) as reader:
        assert reader.read(at, path, limit=LIMIT) is None
        assert reader.read(at, b"a", limit=LIMIT) == b"content"
        assert reader.names(at, b"a", limit=LIMIT) is None


@pytest.mark.parametrize("target", ["a", "missing", "../../outside", "link", "a/b"])
def test_links_are_followed_within_the_commit(repo: GitRepo, target: str) -> None:
    os.symlink(target, repo.worktree / "link")
    at = commit(repo, {"a": "content"})
    with CommitReader(repo) as reader:
        assert reader.read(at, b"link", limit=LIMIT) == (b"content" if target == "a" else None)
        assert reader.read(at, b"a", limit=LIMIT) == b"content"


def test_a_large_file_is_left_out_and_the_next_answer_is_right(repo: GitRepo) -> None:
    at = commit(repo, {"large": "x" * 3000, "small": "y"})
    with CommitReader(repo) as reader:
        with pytest.raises(TooLargeError) as caught:
            reader.read(at, b"large", limit=2999)
        assert caught.value.size == 3000
        assert reader.read(at, b"small", limit=1) == b"y"


def test_files_of_one_name_are_found_in_each_commit(repo: GitRepo) -> None:
    one = commit(repo, {"dver.yaml": "1", "sub/dver.yaml": "1", "other.yaml": "1", "[x]/dver.yaml": "1"})
    two = commit(repo, {"dver.yaml": "2", "sub/dver.yaml": None})
    three = commit(repo, {"sub/deep/dver.yaml": "3"})
    same = commit(repo, {})
    found = paths_named(repo, [three, one, same, two], [b"dver.yaml", b"other.yaml"])
    assert {commit: names[b"other.yaml"] for commit, names in found.items()} == {key: [b"other.yaml"] for key in found}
    assert {commit: names[b"dver.yaml"] for commit, names in found.items()} == {
        one: [b"[x]/dver.yaml", b"dver.yaml", b"sub/dver.yaml"],
        two: [b"[x]/dver.yaml", b"dver.yaml"],
        three: [b"[x]/dver.yaml", b"dver.yaml", b"sub/deep/dver.yaml"],
        same: [b"[x]/dver.yaml", b"dver.yaml", b"sub/deep/dver.yaml"],
    }
    assert paths_named(repo, [one], [b"dver.yaml"], b"[x]") == {one: {b"dver.yaml": [b"[x]/dver.yaml"]}}
    assert paths_named(repo, [], [b"dver.yaml"]) == {}


def test_branches_and_tags_are_named_with_the_commits_they_point_at(repo: GitRepo) -> None:
    at = commit(repo, {"a": "1"})
    git("tag", "-a", "v1", "-m", "annotated", cwd=repo.worktree)
    git("tag", "of-a-blob", "HEAD:a", cwd=repo.worktree)
    git("branch", "feature/x", cwd=repo.worktree)
    assert branch_and_tag_tips(repo, branches=True) == [("feature/x", at), ("main", at)]
    assert branch_and_tag_tips(repo, tags=True) == [("v1", at)]
    assert branch_and_tag_tips(repo) == []
