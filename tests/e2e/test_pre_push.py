"""`dver hook pre-push`, run by a real `git push`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from githooks import put_dver_on_path, write_hooks
from support import Run, git, make_git_repo


@pytest.fixture
def repo(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one committed version of `data`, a Git remote, and no dver remote."""
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    repo = make_git_repo(tmp_path / "repo")
    run("init", cwd=repo)
    git("init", "-q", "--bare", tmp_path / "git", cwd=tmp_path)
    git("remote", "add", "origin", tmp_path / "git", cwd=repo)
    write_hooks(repo, ["pre-push"])
    _version(run, repo, "one")
    return repo


@pytest.fixture
def remote(run: Run, repo: Path, tmp_path: Path) -> Path:
    """The dver remote of `repo`."""
    run("remote", "add", "-d", "origin", "../remote", cwd=repo)
    git("commit", "-qm", "A remote", cwd=repo)
    return tmp_path / "remote"


def _version(run: Run, repo: Path, text: str, name: str = "data") -> None:
    (repo / name).write_text(f"{text}\n")
    run("add", name, cwd=repo)
    git("commit", "-qm", text, cwd=repo)


def _branches(repo: Path) -> str:
    return git("ls-remote", "origin", cwd=repo)


def _forget_data(repo: Path) -> None:
    shutil.rmtree(repo / ".git/dver")


def _is_pushed(run: Run, repo: Path, rev: str = "HEAD") -> bool:
    return run("check", "available", "--remote", "--rev", rev, cwd=repo, rc=None).rc == 0


def test_a_push_takes_the_data_of_its_commits_along(run: Run, repo: Path, remote: Path) -> None:
    git("push", "-q", "origin", "main", cwd=repo)
    assert "refs/heads/main" in _branches(repo)
    assert _is_pushed(run, repo)


def test_every_version_in_between_is_pushed_too(run: Run, repo: Path, remote: Path) -> None:
    _version(run, repo, "two")
    _version(run, repo, "three")
    git("push", "-q", "origin", "main", cwd=repo)
    assert all(_is_pushed(run, repo, rev) for rev in ("HEAD", "HEAD~1", "HEAD~2"))


def test_data_of_commits_that_are_not_pushed_stays_here(run: Run, repo: Path, remote: Path) -> None:
    _version(run, repo, "two")
    git("push", "-q", "origin", "HEAD~1:refs/heads/main", cwd=repo)
    assert _is_pushed(run, repo, "HEAD~1")
    assert not _is_pushed(run, repo, "HEAD")


def test_no_network_is_needed_where_no_pointer_is_new(run: Run, repo: Path, remote: Path) -> None:
    git("push", "-q", "origin", "main", cwd=repo)
    remote.rename(remote.with_name("away"))
    remote.write_text("no folder")
    git("commit", "-q", "--allow-empty", "-m", "Code", cwd=repo)
    git("push", "-q", "origin", "main", "main:refs/heads/other", cwd=repo)
    git("push", "-q", "origin", ":other", cwd=repo)
    assert "other" not in _branches(repo)


def test_a_push_stops_while_the_remote_cannot_be_written(run: Run, repo: Path, remote: Path) -> None:
    remote.write_text("no folder")
    git("push", "-q", "origin", "main", cwd=repo, rc=1)
    assert not _branches(repo)


def test_a_push_stops_and_says_how_to_add_a_remote_where_there_is_none(run: Run, repo: Path) -> None:
    before = git("rev-parse", "HEAD~1", cwd=repo).strip()
    git("push", "-q", "origin", f"{before}:refs/heads/code", cwd=repo)
    git("push", "-q", "origin", "main", cwd=repo, rc=1)
    shown = _hook(run, repo, f"refs/heads/main {_id(repo, 'HEAD')} refs/heads/main {'0' * 40}\n")
    assert "dver remote add -d" in shown
    assert "refs/heads/main" not in _branches(repo)


def _id(repo: Path, rev: str) -> str:
    return git("rev-parse", rev, cwd=repo).strip()


def _hook(run: Run, repo: Path, lines: str, rc: int = 3) -> str:
    url = git("remote", "get-url", "origin", cwd=repo).strip()
    return run("hook", "pre-push", "origin", url, cwd=repo, stdin=lines.encode(), rc=rc).err


def test_data_that_is_nowhere_stops_the_push_with_its_commit_and_path(run: Run, repo: Path, remote: Path) -> None:
    _version(run, repo, "two")
    _forget_data(repo)
    run("config", "trust", cwd=repo)
    git("push", "-q", "origin", "main", cwd=repo, rc=1)
    shown = _hook(run, repo, f"refs/heads/main {_id(repo, 'HEAD')} refs/heads/main {'0' * 40}\n", rc=5)
    assert f"data in commit {_id(repo, 'HEAD')[:10]}" in shown
    assert "neither in the store nor on origin" in shown


def test_data_that_is_only_on_the_remote_does_not_stop_a_push(run: Run, repo: Path, remote: Path) -> None:
    run("push", cwd=repo)
    _forget_data(repo)
    run("config", "trust", cwd=repo)
    git("push", "-q", "origin", "main", cwd=repo)
    assert "refs/heads/main" in _branches(repo)


def test_many_refs_and_annotated_tags_are_pushed_at_once(run: Run, repo: Path, remote: Path) -> None:
    git("tag", "-a", "v1", "-m", "One", cwd=repo)
    git("switch", "-qc", "side", cwd=repo)
    _version(run, repo, "side", "other")
    git("tag", "blob", git("rev-parse", "HEAD:README", cwd=repo).strip(), cwd=repo)
    git("push", "-q", "origin", "main", "side", "--tags", cwd=repo)
    assert all(_is_pushed(run, repo, rev) for rev in ("main", "side", "v1"))


def test_a_forced_push_takes_the_rewritten_commit_s_data_along(run: Run, repo: Path, remote: Path) -> None:
    _version(run, repo, "two")
    git("push", "-q", "origin", "main", cwd=repo)
    (repo / "data").write_text("instead\n")
    run("add", "data", cwd=repo)
    git("commit", "-q", "--amend", "-m", "Instead", cwd=repo)
    git("push", "-qf", "origin", "main", cwd=repo)
    assert _is_pushed(run, repo)


def test_a_forced_push_over_commits_that_are_unknown_here_works(run: Run, repo: Path, remote: Path) -> None:
    git("push", "-q", "origin", "main", cwd=repo)
    other = repo.with_name("other")
    git("clone", "-q", repo.with_name("git"), other, cwd=repo)
    git("commit", "-q", "--allow-empty", "-m", "Theirs", cwd=other)
    git("push", "-q", "origin", "main", cwd=other)
    _version(run, repo, "mine")
    git("push", "-qf", "origin", "main", cwd=repo)
    assert _is_pushed(run, repo)


def test_a_merge_brings_only_what_neither_side_has(run: Run, repo: Path, remote: Path) -> None:
    git("push", "-q", "origin", "main", cwd=repo)
    git("switch", "-qc", "side", cwd=repo)
    _version(run, repo, "side", "other")
    git("push", "-q", "origin", "side", cwd=repo)
    git("switch", "-q", "main", cwd=repo)
    git("commit", "-q", "--allow-empty", "-m", "Code", cwd=repo)
    git("merge", "-q", "--no-edit", "side", cwd=repo)
    remote.rename(remote.with_name("away"))
    remote.write_text("no folder")
    git("push", "-q", "origin", "main", cwd=repo)
    assert f"{_id(repo, 'main')}\trefs/heads/main" in _branches(repo)


def test_data_that_is_not_to_be_pushed_does_not_count(run: Run, repo: Path) -> None:
    pointer = repo / "data.dver"
    pointer.write_text(pointer.read_text().replace("oid:", "push: false\noid:"))
    git("commit", "-qa", "--amend", "-m", "Private", cwd=repo)
    git("push", "-q", "origin", "main", cwd=repo)
    assert "refs/heads/main" in _branches(repo)


def test_a_push_from_a_shallow_clone_sends_what_is_new_in_it(run: Run, repo: Path, remote: Path) -> None:
    git("push", "-q", "origin", "main", cwd=repo)
    shallow = repo.with_name("shallow")
    git("clone", "-q", "--depth=1", f"file://{repo.with_name('git')}", shallow, cwd=repo)
    shutil.copy(repo / ".git/hooks/pre-push", shallow / ".git/hooks/pre-push")
    run("config", "trust", cwd=shallow)
    _version(run, shallow, "two", "more")
    git("push", "-q", "origin", "main", cwd=shallow)
    assert _is_pushed(run, shallow)


def test_a_push_from_a_subfolder_and_from_a_linked_worktree_works(run: Run, repo: Path, remote: Path) -> None:
    (repo / "sub dir").mkdir()
    git("push", "-q", "origin", "main", cwd=repo / "sub dir")
    tree = repo.with_name("tree")
    git("worktree", "add", "-q", "-b", "side", tree, cwd=repo)
    _version(run, tree, "side", "ö ther")
    git("push", "-q", "origin", "side", cwd=tree)
    assert _is_pushed(run, tree)


def test_a_branch_whose_project_is_not_checked_out_takes_its_data_along(run: Run, repo: Path, remote: Path) -> None:
    run("config", "set", "--local", "remote.origin.url", os.fspath(remote), cwd=repo)
    run("config", "set", "--local", "core.remote", "origin", cwd=repo)
    git("switch", "-q", "--orphan", "empty", cwd=repo)
    git("commit", "-q", "--allow-empty", "-m", "Nothing", cwd=repo)
    git("push", "-q", "origin", "main", cwd=repo)
    git("switch", "-q", "main", cwd=repo)
    assert _is_pushed(run, repo)


def test_a_pointer_that_nobody_can_read_stops_the_push_unless_it_was_mended(run: Run, repo: Path, remote: Path) -> None:
    good = (repo / "data.dver").read_text()
    (repo / "data.dver").write_text("<<<<<<< ours\n")
    git("commit", "-qam", "Broken", cwd=repo)
    git("push", "-q", "origin", "main", cwd=repo, rc=1)
    assert not _branches(repo)
    (repo / "data.dver").write_text(good)
    git("commit", "-qam", "Mended", cwd=repo)
    git("push", "-q", "origin", "main", cwd=repo)
    assert _is_pushed(run, repo)


def test_the_first_push_to_another_address_sends_all_data(run: Run, repo: Path, remote: Path, tmp_path: Path) -> None:
    git("push", "-q", "origin", "main", cwd=repo)
    shutil.rmtree(remote)
    git("init", "-q", "--bare", tmp_path / "moved", cwd=tmp_path)
    git("remote", "set-url", "origin", tmp_path / "moved", cwd=repo)
    _version(run, repo, "two")
    git("push", "-q", "origin", "main", cwd=repo)
    assert _is_pushed(run, repo, "HEAD~2")
    assert _is_pushed(run, repo)


def test_a_git_remote_is_asked_once_for_each_address(run: Run, repo: Path, remote: Path, tmp_path: Path) -> None:
    git("push", "-q", "origin", "main", cwd=repo)
    git("push", "-q", "origin", "main:refs/heads/one", cwd=repo)
    trace = tmp_path / "trace"
    os.environ["GIT_TRACE"] = os.fspath(trace)
    try:
        git("push", "-q", "origin", "main:refs/heads/two", cwd=repo)
    finally:
        del os.environ["GIT_TRACE"]
    assert "rev-list" in trace.read_text()
    assert "ls-remote" not in trace.read_text()


def test_what_a_replacement_hides_is_pushed_as_git_pushes_it(run: Run, repo: Path, remote: Path) -> None:
    first = git("rev-parse", "HEAD", cwd=repo).strip()
    _version(run, repo, "two")
    empty = git("commit-tree", "HEAD~3^{tree}", "-m", "Nothing", cwd=repo).strip()
    git("replace", first, empty, cwd=repo)
    git("push", "-q", "origin", "main", cwd=repo)
    git("replace", "-d", first, cwd=repo)
    assert _is_pushed(run, repo, first)
