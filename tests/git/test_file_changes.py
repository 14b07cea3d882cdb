from __future__ import annotations

import os
from pathlib import Path

from support import git

from dver.git.file_changes import (
    changes_along,
    changes_to_parents,
    files_of,
    glob,
    staged_changes,
)
from dver.git.git_repo import CommitId, discover


def commit(repo: Path, files: dict[str, str | None]) -> CommitId:
    """A commit that writes files, and deletes those that are None."""
    for name, content in files.items():
        path = repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
    git("add", "-A", cwd=repo)
    git("commit", "-q", "-m", "change", cwd=repo)
    return CommitId(git("rev-parse", "HEAD", cwd=repo).strip())


def test_the_files_of_a_commit_are_limited_by_a_pattern(git_repo: Path) -> None:
    made = commit(git_repo, {"a.dver": "1", "d/b.dver": "2", "d/c.txt": "3", "[d]/e.dver": "4"})
    repo = discover(git_repo)
    assert [one.path for one in files_of(repo, made, glob(b"", [b"**/*.dver"]))] == [
        b"[d]/e.dver",
        b"a.dver",
        b"d/b.dver",
    ]
    assert [one.path for one in files_of(repo, made, glob(b"d/", [b"*"]))] == [b"d/b.dver", b"d/c.txt"]
    assert [one.path for one in files_of(repo, made, glob(b"[d]", [b"**"]))] == [b"[d]/e.dver"]
    found = files_of(repo, made, [b"--", b"[d]/e.dver"], literal=True)
    assert [(one.commit, one.path, one.old, one.new) for one in found] == [
        (made, b"[d]/e.dver", None, git("rev-parse", "HEAD:[d]/e.dver", cwd=git_repo).strip())
    ]


def test_each_commit_is_compared_with_the_one_before_it_in_the_list(git_repo: Path) -> None:
    first = commit(git_repo, {"a": "1", "b": "1"})
    second = commit(git_repo, {"a": "2"})
    third = commit(git_repo, {"b": None})
    repo = discover(git_repo)
    found = list(changes_along(repo, [first, third, second], ["--"]))
    assert [(one.commit, one.path, one.is_deleted) for one in found] == [
        (third, b"a", False),
        (third, b"b", True),
        (second, b"b", False),
    ]
    assert (found[1].new, found[2].old) == (None, None)
    assert list(changes_along(repo, [first], ["--"])) == []
    assert list(changes_along(repo, [], ["--"])) == []


def test_a_link_in_place_of_a_file_is_not_a_deletion(git_repo: Path) -> None:
    first = commit(git_repo, {"a": "1"})
    (git_repo / "a").unlink()
    os.symlink("target", git_repo / "a")
    second = commit(git_repo, {})
    (found,) = changes_along(discover(git_repo), [first, second], ["--"])
    assert found.old is not None
    assert (found.new, found.is_deleted) == (None, False)


def test_a_merge_has_only_the_files_that_differ_from_all_parents(git_repo: Path) -> None:
    root = commit(git_repo, {"a": "1", "b": "1", "both": "1"})
    git("switch", "-q", "-c", "side", cwd=git_repo)
    commit(git_repo, {"b": "2", "both": "side"})
    git("switch", "-q", "-", cwd=git_repo)
    commit(git_repo, {"a": "2", "both": "main"})
    git("merge", "-q", "-s", "ours", "--no-commit", "side", cwd=git_repo)
    merge = commit(git_repo, {"both": "merged", "b": "2"})
    repo = discover(git_repo)
    assert [one.path for one in changes_to_parents(repo, [merge], ["--"])] == [b"both"]
    assert {one.path for one in changes_to_parents(repo, [root], ["--"])} == {b"a", b"b", b"both"}
    assert list(changes_to_parents(repo, [], ["--"])) == []


def test_staged_changes_are_those_of_the_index(git_repo: Path) -> None:
    head = commit(git_repo, {"a": "1", "gone": "1", "odd\nname": "1"})
    (git_repo / "a").write_text("2")
    (git_repo / "odd\nname").write_text("2")
    git("rm", "-q", "gone", cwd=git_repo)
    git("add", "odd\nname", cwd=git_repo)
    repo = discover(git_repo)
    found = staged_changes(repo, head)
    assert [(one.commit, one.path, one.is_deleted) for one in found] == [
        ("", b"gone", True),
        ("", b"odd\nname", False),
    ]
    assert [one.path for one in staged_changes(repo, None, ["--", "a"])] == [b"a"]
