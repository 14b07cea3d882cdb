"""Data follows the pointers, whatever Git does to them: real Git, running real hooks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from githooks import FOLLOWING, put_dver_on_path, write_hooks
from support import Run, git, make_git_repo

Repo = Path


def _put(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def _has(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def _git(repo: Path, *args: str, rc: int = 0) -> str:
    """What git and its hooks said on stderr."""
    done = subprocess.run(["git", *args], cwd=repo, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == rc, f"git {args} exited with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stderr


@pytest.fixture
def repo(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two branches whose data differs, and none without any; `new` is checked out."""
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    repo = make_git_repo(tmp_path / "repo")
    git("branch", "bare", cwd=repo)
    run("init", cwd=repo)
    _put(repo / "data", a="a", b="b", same="same")
    run("add", "data", cwd=repo)
    git("commit", "-qm", "Old", cwd=repo)
    git("branch", "old", cwd=repo)
    (repo / "data" / "b").unlink()
    _put(repo / "data", a="A", c="c")
    run("add", "data", cwd=repo)
    git("commit", "-qm", "New", cwd=repo)
    write_hooks(repo)
    return repo


OLD = {"a": "a", "b": "b", "same": "same"}
NEW = {"a": "A", "c": "c", "same": "same"}


def test_a_checkout_brings_the_data_of_the_branch_and_says_so_once(repo: Repo) -> None:
    said = _git(repo, "checkout", "old")
    assert _has(repo / "data") == OLD
    assert said.count("dver: files: 1 created, 1 updated, 1 removed") == 1
    _git(repo, "switch", "main")
    assert _has(repo / "data") == NEW


def test_nothing_is_said_or_looked_at_when_the_pointers_stay(repo: Repo) -> None:
    git("branch", "twin", cwd=repo)
    (repo / "data" / "a").write_text("my own")
    said = _git(repo, "checkout", "twin") + _git(repo, "checkout", "main")
    assert "dver" not in said
    assert "warning" not in said


def test_unsaved_work_is_kept_and_named_and_git_reports_success(repo: Repo) -> None:
    (repo / "data" / "a").write_text("my own")
    (repo / "data" / "same").write_text("also mine")
    said = _git(repo, "checkout", "old")
    assert _has(repo / "data") == {"a": "my own", "b": "b", "same": "also mine"}
    assert "data/a" in said
    assert "data/same" not in said
    assert "dver add" in said


def test_a_branch_without_data_has_none_and_the_way_back_brings_it(repo: Repo) -> None:
    _git(repo, "checkout", "bare")
    assert not (repo / "data").exists()
    _git(repo, "checkout", "old")
    assert _has(repo / "data") == OLD


def test_a_branch_without_data_keeps_what_is_saved_nowhere(repo: Repo) -> None:
    (repo / "data" / "mine").write_text("mine")
    _git(repo, "checkout", "bare")
    assert _has(repo / "data") == {"mine": "mine"}


@pytest.mark.parametrize("verb", [("move", "data", "moved"), ("remove", "--data", "data")])
def test_data_that_a_verb_took_away_comes_back_with_its_old_pointer(
    run: Run, repo: Repo, verb: tuple[str, ...]
) -> None:
    _git(repo, "checkout", "old")
    run(*verb, cwd=repo)
    git("commit", "-qm", "Take it away", cwd=repo)
    _git(repo, "reset", "--hard", "HEAD~1")
    assert _has(repo / "data") == OLD
    assert not (repo / "moved" / "data").exists()


def test_a_detached_head_is_followed(repo: Repo) -> None:
    _git(repo, "checkout", "--detach", "old")
    assert _has(repo / "data") == OLD


def test_a_pointer_checked_out_alone_is_followed(repo: Repo) -> None:
    _git(repo, "checkout", "old", "--", "data.dver")
    assert _has(repo / "data") == OLD
    _git(repo, "checkout", "HEAD", "--", "data.dver")
    assert _has(repo / "data") == NEW
    _git(repo, "restore", "--source", "old", "data.dver")
    assert _has(repo / "data") == OLD


def test_merge_reset_and_cherry_pick_are_followed(run: Run, repo: Repo) -> None:
    _git(repo, "checkout", "old")
    _git(repo, "merge", "-q", "main")
    assert _has(repo / "data") == NEW
    _git(repo, "reset", "-q", "--hard", "HEAD~1")
    assert _has(repo / "data") == OLD
    _git(repo, "cherry-pick", "main")
    assert _has(repo / "data") == NEW
    _git(repo, "revert", "--no-edit", "HEAD")
    assert _has(repo / "data") == OLD


def test_a_mixed_reset_leaves_pointers_and_data_as_they_are(repo: Repo) -> None:
    _git(repo, "reset", "-q", "bare")
    assert _has(repo / "data") == NEW
    _git(repo, "checkout", "-q", "--detach")
    assert _has(repo / "data") == NEW


def test_a_stash_takes_added_data_away_and_brings_it_back(run: Run, repo: Repo) -> None:
    _put(repo / "data", a="third")
    run("add", "data", cwd=repo)
    _git(repo, "stash")
    assert _has(repo / "data") == NEW
    _git(repo, "stash", "pop")
    assert _has(repo / "data") == {**NEW, "a": "third"}


def test_a_rebase_ends_with_the_data_of_its_last_commit(run: Run, repo: Repo) -> None:
    _git(repo, "checkout", "-q", "-b", "topic", "old")
    _put(repo, code="code")
    git("add", "code", cwd=repo)
    git("commit", "-qm", "Code", cwd=repo)
    _git(repo, "rebase", "main")
    assert _has(repo / "data") == NEW
    assert (repo / "code").exists()


def test_an_amended_commit_is_followed(run: Run, repo: Repo) -> None:
    _put(repo, code="code")
    git("add", "code", cwd=repo)
    _git(repo, "commit", "-qm", "Code")
    _git(repo, "checkout", "old", "--", "data.dver")
    _git(repo, "commit", "-q", "--amend", "--no-edit")
    assert _has(repo / "data") == OLD
    run("diff", "--exit-code", cwd=repo)


def test_a_bisection_brings_the_data_of_each_commit(run: Run, repo: Repo) -> None:
    for number in range(6):
        _put(repo / "data", number=str(number))
        run("add", "data", cwd=repo)
        git("commit", "-qm", str(number), cwd=repo)
    git("bisect", "start", "HEAD", "HEAD~5", cwd=repo)
    subject = git("log", "-1", "--format=%s", cwd=repo).strip()
    assert (repo / "data" / "number").read_text() == subject
    git("bisect", "run", "sh", "-c", "test $(cat data/number) -lt 3", cwd=repo)
    git("bisect", "reset", cwd=repo)
    assert (repo / "data" / "number").read_text() == "5"


def test_a_new_worktree_gets_its_data_and_goes_its_own_way(repo: Repo, tmp_path: Path) -> None:
    other = tmp_path / "other"
    _git(repo, "worktree", "add", "-q", str(other), "old")
    assert _has(other / "data") == OLD
    assert _has(repo / "data") == NEW
    _git(other, "checkout", "-q", "--detach", "main")
    assert _has(other / "data") == NEW


def test_projects_in_subfolders_are_each_followed(run: Run, repo: Repo) -> None:
    for name in ("one", "two words"):
        (repo / name).mkdir()
        run("init", cwd=repo / name)
        _put(repo / name / "dä ta", x=name)
        run("add", "dä ta", cwd=repo / name)
    git("commit", "-qm", "Projects", cwd=repo)
    _git(repo, "checkout", "old")
    assert not (repo / "one" / "dä ta").exists()
    (repo / "sub").mkdir()
    _git(repo / "sub", "checkout", "main")
    assert _has(repo / "two words" / "dä ta") == {"x": "two words"}
    assert _has(repo / "one" / "dä ta") == {"x": "one"}
    assert _has(repo / "data") == NEW


def test_a_submodule_is_followed(run: Run, repo: Repo, tmp_path: Path) -> None:
    above = make_git_repo(tmp_path / "above")
    git("submodule", "add", "-q", str(repo), "sub", cwd=above)
    sub = above / "sub"
    run("remote", "add", "-d", "store", str(tmp_path / "remote"), cwd=repo)
    run("push", "--all-branches", cwd=repo)
    run("remote", "add", "--local", "-d", "store", str(tmp_path / "remote"), cwd=sub)
    write_hooks(sub)
    run("pull", cwd=sub)
    run("fetch", "--rev", "origin/old", cwd=sub)
    _git(sub, "checkout", "-q", "origin/old")
    assert _has(sub / "data") == OLD


def test_a_pointer_outside_of_the_sparse_checkout_takes_its_data_along(run: Run, repo: Repo) -> None:
    _put(repo / "in" / "data", x="x")
    _put(repo / "out" / "data", y="y")
    run("add", "in/data", "out/data", cwd=repo)
    git("commit", "-qm", "Two folders", cwd=repo)
    _git(repo, "sparse-checkout", "set", "in")
    assert not (repo / "out" / "data").exists()
    assert _has(repo / "in" / "data") == {"x": "x"}
    _git(repo, "sparse-checkout", "disable")  # for which Git runs no hook that could tell it from a commit
    run("checkout", cwd=repo)
    assert _has(repo / "out" / "data") == {"y": "y"}


def test_pointers_in_conflict_leave_the_data_as_it_is(run: Run, repo: Repo) -> None:
    _git(repo, "checkout", "-q", "old")
    _put(repo / "data", a="theirs")
    run("add", "data", cwd=repo)
    git("commit", "-qm", "Theirs", cwd=repo)
    before = _has(repo / "data")
    _git(repo, "merge", "main", rc=1)
    assert _has(repo / "data") == before
    _git(repo, "merge", "--abort")
    assert _has(repo / "data") == before


def test_a_directory_that_is_here_in_part_stays_so(run: Run, repo: Repo, tmp_path: Path) -> None:
    _put(repo / "data" / "sub", x="1", y="1")
    _put(repo / "data" / "rest", z="1")
    run("add", "data", cwd=repo)
    git("commit", "-qm", "First", cwd=repo)
    _put(repo / "data" / "sub", x="2", new="2")
    _put(repo / "data" / "rest", z="2", new="2")
    run("add", "data", cwd=repo)
    git("commit", "-qm", "Second", cwd=repo)
    run("remote", "add", "-d", "store", str(tmp_path / "remote"), cwd=repo)
    git("commit", "-qm", "Remote", cwd=repo)
    run("push", "--all-branches", "--all-commits", cwd=repo)
    clone = tmp_path / "clone"
    git("clone", "-q", str(repo), str(clone), cwd=tmp_path)
    run("pull", "data/sub", cwd=clone)
    run("fetch", "--rev", "HEAD~2", cwd=clone)
    write_hooks(clone)
    said = _git(clone, "checkout", "HEAD~2")
    assert _has(clone / "data") == {"sub/x": "1", "sub/y": "1"}, said
    _git(clone, "checkout", "main")
    assert _has(clone / "data") == {"sub/x": "2", "sub/y": "1", "sub/new": "2"}


def test_missing_data_is_named_once_with_the_command_that_gets_it(run: Run, repo: Repo, tmp_path: Path) -> None:
    run("remote", "add", "-d", "store", str(tmp_path / "remote"), cwd=repo)
    git("commit", "-qm", "Remote", cwd=repo)
    run("push", "--all-branches", cwd=repo)
    clone = tmp_path / "clone"
    git("clone", "-q", str(repo), str(clone), cwd=tmp_path)
    write_hooks(clone)
    said = _git(clone, "checkout", "-q", "-b", "mine")
    assert "dver pull" in said
    assert not (clone / "data").exists()
    assert _git(clone, "checkout", "-q", "-b", "other") == ""
    run("pull", cwd=clone)
    assert _has(clone / "data") == NEW
    said = _git(clone, "checkout", "-q", "origin/old")
    assert "dver pull" in said
    assert _git(clone, "checkout", "-q", "--detach") == ""


def test_missing_data_is_fetched_where_the_configuration_says_so(run: Run, repo: Repo, tmp_path: Path) -> None:
    run("remote", "add", "-d", "store", str(tmp_path / "remote"), cwd=repo)
    git("commit", "-qm", "Remote", cwd=repo)
    run("push", "--all-branches", cwd=repo)
    clone = tmp_path / "clone"
    git("clone", "-q", "--depth", "1", "--no-single-branch", f"file://{repo}", str(clone), cwd=tmp_path)
    write_hooks(clone)
    run("config", "set", "--local", "hooks.fetch", "true", cwd=clone)
    run("config", "trust", cwd=clone)
    _git(clone, "checkout", "-q", "-b", "mine")
    assert _has(clone / "data") == NEW
    shutil.rmtree(tmp_path / "remote")
    said = _git(clone, "checkout", "-q", "origin/old")
    assert "not everything was fetched" in said
    assert "dver pull" in said


def test_a_failure_is_one_line_of_each_hook_and_no_failure_of_git(repo: Repo) -> None:
    (repo / ".git" / "dver" / "config.toml").write_text("not = [toml")
    said = _git(repo, "checkout", "-q", "old").splitlines()
    assert len(said) == 2
    assert all(line.startswith("warning: dver: data does not follow its pointers: ") for line in said)
    (repo / ".git" / "dver" / "config.toml").write_text("")
    _git(repo, "checkout", "-q", "-b", "next")
    assert _has(repo / "data") == OLD


@pytest.mark.parametrize("backend", ["--merge", "--apply"])
def test_an_aborted_rebase_ends_with_the_data_of_the_branch(run: Run, repo: Repo, backend: str) -> None:
    for hook in FOLLOWING:
        (repo / ".git" / "hooks" / hook).unlink()
    run("install", cwd=repo)
    _put(repo, code="main")
    git("add", "code", cwd=repo)
    git("commit", "-qm", "Code", cwd=repo)
    _git(repo, "checkout", "-q", "-b", "topic", "old")
    _put(repo, code="topic")
    git("add", "code", cwd=repo)
    git("commit", "-qm", "Other code", cwd=repo)
    _git(repo, "rebase", "-q", backend, "main", rc=1)
    assert _has(repo / "data") == NEW
    _git(repo, "rebase", "--abort")
    assert _has(repo / "data") == OLD


def test_a_pointer_that_leads_out_of_the_project_is_refused_and_the_others_are_followed(repo: Repo) -> None:
    _git(repo, "checkout", "-q", "-b", "evil", "old")
    shutil.copy(repo / "data.dver", repo / "...dver")
    shutil.copy(repo / "data.dver", repo / ".git.dver")
    git("add", "-f", "...dver", ".git.dver", cwd=repo)
    git("commit", "-qm", "Evil", "--no-verify", cwd=repo)
    _git(repo, "checkout", "-q", "main")
    said = _git(repo, "checkout", "-q", "evil")
    assert _has(repo / "data") == OLD
    assert said.count("warning") == 2


def test_a_repository_that_never_had_data_is_left_alone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    repo = make_git_repo(tmp_path / "plain")
    write_hooks(repo)
    assert _git(repo, "checkout", "-q", "-b", "other") == ""
    assert not (repo / ".git" / "dver").exists()


def test_git_dir_and_work_tree_may_be_named_by_the_environment(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(repo / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(repo))
    _git(tmp_path, "checkout", "-q", "old")
    assert _has(repo / "data") == OLD


def test_a_hook_that_was_interrupted_is_made_up_for_by_the_next(repo: Repo) -> None:
    obstacle = repo / ".git" / "dver" / "stage"
    shutil.rmtree(obstacle, ignore_errors=True)
    obstacle.write_text("no folder")  # so that a checkout fails in the middle
    said = _git(repo, "checkout", "-q", "old")
    assert "data does not follow its pointers" in said
    obstacle.unlink()
    (repo / "data" / "b").write_text("b")  # as if it had come so far
    _git(repo, "checkout", "-q", "main")
    assert _has(repo / "data") == NEW


def test_data_comes_back_when_git_goes_back_to_before_a_rename(repo: Repo) -> None:
    (repo / "moved").mkdir()
    git("mv", "data.dver", "moved/data.dver", cwd=repo)
    git("mv", ".gitignore", "moved/.gitignore", cwd=repo)
    (repo / "data").rename(repo / "moved" / "data")
    write_hooks(repo, ["pre-commit"])
    git("commit", "-qm", "Rename", cwd=repo)
    _git(repo, "checkout", "HEAD~1")
    assert _has(repo / "data") == NEW
    assert not (repo / "moved" / "data").exists()
    _git(repo, "checkout", "-")
    assert _has(repo / "moved" / "data") == NEW
    assert not (repo / "data").exists()


def test_data_that_was_deleted_stays_deleted_while_its_pointer_stays(repo: Repo) -> None:
    shutil.rmtree(repo / "data")
    _git(repo, "commit", "-q", "--allow-empty", "-m", "Nothing")
    _git(repo, "checkout", "-b", "same")
    assert not (repo / "data").exists()
