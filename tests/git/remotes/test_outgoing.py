"""What a push is about to send, in real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import git

from dver.git.git_repo import CommitId, discover
from dver.git.remotes.outgoing import NewFile, RefUpdate, commits_of, new_commits, new_files, parse_updates

ZERO = "0" * 40


def _id(repo: Path, rev: str = "HEAD") -> str:
    return git("rev-parse", rev, cwd=repo).strip()


def _commit(repo: Path, name: str, text: str) -> CommitId:
    (repo / name).write_text(text)
    git("add", name, cwd=repo)
    git("commit", "-qm", name, cwd=repo)
    return CommitId(_id(repo))


def _update(local: str, remote: str = ZERO) -> RefUpdate:
    return RefUpdate("refs/heads/main", local, "refs/heads/main", remote)


def _new(repo: Path, *commits: CommitId) -> list[NewFile]:
    return list(new_files(discover(repo), commits, b"**/*.dver"))


def test_the_lines_of_git_are_read_whatever_the_user_typed() -> None:
    lines = f"HEAD@{{1 day ago}} {'1' * 40} refs/heads/main {ZERO}\n(delete) {ZERO} refs/heads/x {'2' * 40}\n"
    first, second = parse_updates(lines.encode())
    assert first == RefUpdate("HEAD@{1 day ago}", "1" * 40, "refs/heads/main", ZERO)
    assert second.deletes
    assert not first.deletes
    assert parse_updates(b"") == []


def test_only_what_the_remote_lacks_is_new(git_repo: Path) -> None:
    one, two = _commit(git_repo, "a", "1"), _commit(git_repo, "a", "2")
    repo = discover(git_repo)
    assert new_commits(repo, [_update(two, one)]) == [two]
    assert new_commits(repo, [_update(two, "f" * 40)])[-2:] == [one, two]
    assert new_commits(repo, [_update(two)], [one]) == [two]
    assert len(new_commits(repo, [_update(two)], ["f" * 40])) == 3


def test_tags_are_peeled_and_those_of_files_are_no_commits(git_repo: Path) -> None:
    git("tag", "-am", "A tag", "v1", cwd=git_repo)
    git("tag", "file", _id(git_repo, "HEAD:README"), cwd=git_repo)
    updates = [_update(_id(git_repo, "v1")), _update(_id(git_repo, "file"))]
    assert new_commits(discover(git_repo), updates) == [_id(git_repo)]
    assert commits_of(discover(git_repo), updates) == [_id(git_repo)]


def test_a_deletion_sends_no_commits(git_repo: Path) -> None:
    assert new_commits(discover(git_repo), [_update(ZERO, _id(git_repo))]) == []
    assert commits_of(discover(git_repo), [_update(ZERO)]) == []


def test_each_commit_has_what_it_changed_and_the_first_one_everything(tmp_path: Path) -> None:
    git("init", "-q", tmp_path, cwd=tmp_path)
    one, two = _commit(tmp_path, "a.dver", "1"), _commit(tmp_path, "new\nline.dver", "2")
    three = _commit(tmp_path, "code", "3")
    found = [(file.commit, file.path) for file in _new(tmp_path, one, two, three)]
    assert found == [(one, b"a.dver"), (two, b"new\nline.dver")]


@pytest.mark.parametrize("resolution", ["ours", "theirs", "neither"])
def test_a_merge_has_only_what_none_of_its_parents_has(git_repo: Path, resolution: str) -> None:
    git("switch", "-qc", "side", cwd=git_repo)
    _commit(git_repo, "a.dver", "theirs")
    _commit(git_repo, "only-theirs.dver", "x")
    git("switch", "-q", "main", cwd=git_repo)
    _commit(git_repo, "a.dver", "ours")
    git("merge", "side", cwd=git_repo, rc=1)
    (git_repo / "a.dver").write_text(resolution)
    git("commit", "-qam", "Merge", cwd=git_repo)
    merge = CommitId(_id(git_repo))
    expected = [b"a.dver"] if resolution == "neither" else []
    assert [file.path for file in _new(git_repo, merge)] == expected
    assert all(file.blob == _id(git_repo, "HEAD:a.dver") for file in _new(git_repo, merge))


def test_deleted_pointers_and_symbolic_links_are_no_new_files(git_repo: Path) -> None:
    _commit(git_repo, "a.dver", "1")
    (git_repo / "a.dver").unlink()
    (git_repo / "b.dver").symlink_to("README")
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "Gone", cwd=git_repo)
    assert _new(git_repo, CommitId(_id(git_repo))) == []
