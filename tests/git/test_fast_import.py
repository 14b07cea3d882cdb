"""Many commits by one process."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import git

from dver.core.errors import RepositoryError
from dver.git.fast_import import NewCommit, write_commits
from dver.git.git_repo import CommitId, discover


def head(repo: Path) -> CommitId:
    return CommitId(git("rev-parse", "HEAD", cwd=repo).strip())


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_each_commit_has_the_tree_of_its_parent_and_its_own_directory(tmp_path: Path, form: str) -> None:
    git("init", "-q", f"--object-format={form}", str(tmp_path), cwd=tmp_path)
    (tmp_path / "made").mkdir()
    (tmp_path / "made/old").write_text("old")
    (tmp_path / "code").write_text("code")
    git("add", "-A", cwd=tmp_path)
    git("commit", "-qm", "One", cwd=tmp_path)
    first = head(tmp_path)
    git("rm", "-rq", "made", cwd=tmp_path)
    git("commit", "-qm", "Two", cwd=tmp_path)
    refs = git("for-each-ref", cwd=tmp_path)
    commits = [
        NewCommit(first, "a\n\nmore", 1_700_000_000, "made", {"x y/z\t": b"\0\n", "ü": b""}),
        NewCommit(head(tmp_path), "b", -5, "made", {"new": b"1"}),
        NewCommit(first, "c", 0, "made", {}),
    ]
    made = write_commits(discover(tmp_path), commits, name="A <b>\n", email="a@b")
    assert git("for-each-ref", cwd=tmp_path) == refs
    trees = [git("ls-tree", "-rz", "--name-only", one, cwd=tmp_path).split("\0")[:-1] for one in made]
    assert trees == [["code", "made/x y/z\t", "made/ü"], ["code", "made/new"], ["code"]]
    assert git("cat-file", "blob", f"{made[0]}:made/x y/z\t", cwd=tmp_path) == "\0\n"
    about = [git("log", "-1", "--format=%cn|%ce|%ct|%P|%B", one, cwd=tmp_path).strip() for one in made]
    assert about[0] == f"A b|a@b|1700000000|{first}|a\n\nmore"
    assert about[1].startswith("A b|a@b|0|")


def test_nothing_is_written_of_a_stream_that_git_refuses(git_repo: Path) -> None:
    with pytest.raises(RepositoryError):
        write_commits(
            discover(git_repo),
            [NewCommit(CommitId("1" * 40), "a", 0, "made", {})],
            name="a",
            email="a@b",
        )
    assert "refs/dver" not in git("for-each-ref", cwd=git_repo)
