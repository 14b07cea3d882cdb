"""Naming commits: which have a version of a file, and what people call them."""

from __future__ import annotations

import os
from pathlib import Path

from support import git

from dver.git.git_repo import discover
from dver.git.history.commit_names import SHOWN, NamedCommits, commits_with, name_commits
from dver.git.pointers import in_commit
from dver.git.revisions import commits

NAMES = [b"plain.dver", b"new\nline.dver", b"caf\xe9.dver", b"[glob]*.dver", b"sub/deep.dver"]


def commit(repo: Path, message: str) -> str:
    git("add", "-A", cwd=repo)
    git("commit", "--quiet", "--allow-empty", "-m", message, cwd=repo)
    return git("rev-parse", "HEAD", cwd=repo).strip()


def put(repo: Path, name: bytes, content: bytes) -> None:
    path = os.path.join(os.fsencode(repo), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    Path(os.fsdecode(path)).write_bytes(content)


def test_every_name_is_found_in_the_commits_that_have_it(git_repo: Path) -> None:
    made = []
    for version in (b"one", b"two", b"one"):
        for name in NAMES:
            put(git_repo, name, version)
        made.append(commit(git_repo, "change"))
    repo = discover(git_repo)
    wanted = {(name, in_commit(repo, made[0])[name].blob) for name in NAMES}
    found = commits_with(repo, commits(repo, all_commits=True), wanted)
    assert set(found) == wanted
    assert all(set(listed) == {made[0], made[2]} for listed in found.values())


def test_a_file_that_was_removed_is_not_in_later_commits(git_repo: Path) -> None:
    put(git_repo, b"a.dver", b"x")
    first = commit(git_repo, "add")
    (git_repo / "a.dver").unlink()
    commit(git_repo, "remove")
    repo = discover(git_repo)
    version = b"a.dver", in_commit(repo, first)[b"a.dver"].blob
    assert commits_with(repo, commits(repo, all_commits=True), [version]) == {version: [first]}


def test_tags_come_before_branches_and_both_before_the_way_to_them(git_repo: Path) -> None:
    put(git_repo, b"a.dver", b"x")
    made = [commit(git_repo, str(number)) for number in range(10)]
    git("tag", "-a", "-m", "A tag", "v1", made[3], cwd=git_repo)
    repo = discover(git_repo)
    version = b"a.dver", in_commit(repo, made[0])[b"a.dver"].blob
    found = name_commits(repo, commits_with(repo, commits(repo, all_commits=True), [version]))[version]
    assert set(found.names[:2]) == {"main", "v1"}
    assert len(found.names) == SHOWN
    assert found.more == 10 - SHOWN
    for name in found.names:
        assert git("rev-parse", f"{name}^{{commit}}", cwd=git_repo).strip() in made


def test_nothing_is_named_of_nothing(git_repo: Path) -> None:
    repo = discover(git_repo)
    assert commits_with(repo, commits(repo, all_commits=True), []) == {}
    assert name_commits(repo, {(b"a.dver", "0" * 40): []}) == {(b"a.dver", "0" * 40): NamedCommits()}
