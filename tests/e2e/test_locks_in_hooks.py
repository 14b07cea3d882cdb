"""Lock files in the pre-commit and pre-push hooks."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from support import Run, git

from dver.core.oid import Oid
from dver.formats.lock import Lock, LockedItem, LockedStage, encode
from dver.formats.pack import ObjectKind
from dver.formats.pointer import decode

GONE = Oid.of(b"gone")


@pytest.fixture
def repo(run: Run, git_repo: Path) -> Path:
    """A project with the tracked file `dep`, and the file `out`, which is in the store."""
    run("init", cwd=git_repo)
    for name in ("dep", "out"):
        (git_repo / name).write_text(name)
        run("add", name, cwd=git_repo)
    run("remove", "out", cwd=git_repo)
    git("commit", "-qm", "Data", cwd=git_repo)
    return git_repo


def _item(path: str, oid: Oid, size: int = 3) -> LockedItem:
    return LockedItem(path, ObjectKind.BLOB, oid, size)


def _oid(repo: Path, name: str) -> Oid:
    return decode((repo / f"{name}.dver").read_bytes()).oid


def _write(repo: Path, *, dep: Oid | None = None, out: Oid | None = None, more: tuple[LockedItem, ...] = ()) -> None:
    stage = LockedStage("make", (_item("dep", dep or _oid(repo, "dep")),), (_item("out", out or Oid.of(b"out")), *more))
    (repo / "dver.lock").write_bytes(encode(Lock({"train": stage})))
    git("add", "dver.lock", cwd=repo)


def _pre_commit(run: Run, repo: Path, rc: int) -> str:
    return run("hook", "pre-commit", cwd=repo, rc=rc).err


def test_a_lock_that_agrees_with_its_pointers_is_fine(run: Run, repo: Path) -> None:
    _write(repo)
    assert _pre_commit(run, repo, 0) == ""


def test_a_lock_that_disagrees_with_a_pointer_is_a_warning(run: Run, repo: Path) -> None:
    _write(repo, dep=GONE)
    assert "stage train ran with another version of dep: `dver repro`" in _pre_commit(run, repo, 0)


def test_a_frozen_stage_may_be_committed_beside_newer_data(run: Run, repo: Path) -> None:
    (repo / "dver.yaml").write_text("stages:\n  copy: {cmd: cp dep made, deps: [dep], outs: [made]}\n")
    run("repro", cwd=repo)
    run("freeze", "copy", cwd=repo)
    (repo / "dep").write_text("newer\n")
    run("add", "-u", cwd=repo)
    git("add", "-A", cwd=repo)
    assert "stage copy ran with another version of dep" in _pre_commit(run, repo, 0)
    git("commit", "-qm", "Newer data for a frozen stage", cwd=repo)
    assert _pre_commit(run, repo, 0) == ""


@pytest.mark.parametrize("lock_first", [True, False])
def test_an_output_that_has_a_pointer_is_refused_whichever_comes_second(run: Run, repo: Path, lock_first: bool) -> None:
    _write(repo)
    pointer = (repo / "dep.dver").read_text()
    if lock_first:
        git("commit", "-qm", "Lock", cwd=repo)
        (repo / "out.dver").write_text(pointer)
        git("add", "out.dver", cwd=repo)
    else:
        git("reset", "-q", cwd=repo)
        (repo / "out.dver").write_text(pointer)
        git("add", "out.dver", cwd=repo)
        git("commit", "-qm", "Pointer", cwd=repo)
        git("add", "dver.lock", cwd=repo)
    shown = _pre_commit(run, repo, 1)
    assert shown.count("track out") == 1
    assert "'out.dver'" in shown
    assert "'dver.lock'" in shown
    assert "it is an output of stage 'train'" in shown


def test_a_dependency_that_changed_since_a_stage_ran_is_no_problem(run: Run, repo: Path) -> None:
    _write(repo)
    git("commit", "-qm", "Lock", cwd=repo)
    (repo / "dep").write_text("changed")
    run("add", "dep", cwd=repo)
    lock = Lock({"train": _stage_of(repo), "other": LockedStage("true")})
    (repo / "dver.lock").write_bytes(encode(lock))
    git("add", "dver.lock", cwd=repo)
    assert _pre_commit(run, repo, 0) == ""


def _stage_of(repo: Path) -> LockedStage:
    from dver.formats.lock import decode as read

    return read((repo / "dver.lock").read_bytes()).stages["train"]


def test_an_output_that_is_nowhere_is_refused_unless_it_is_left_to_git(run: Run, repo: Path) -> None:
    _write(repo, more=(_item("plot", GONE),))
    assert "the data of the output plot is not in the store" in _pre_commit(run, repo, 1)
    _write(repo, more=(replace(_item("plot", GONE), cache=False),))
    (repo / "plot").write_text("gone")
    git("add", "plot", cwd=repo)
    assert _pre_commit(run, repo, 0) == ""


def test_an_output_that_git_has_too_is_refused(run: Run, repo: Path) -> None:
    git("add", "-f", "out", cwd=repo)
    _write(repo)
    shown = _pre_commit(run, repo, 1)
    assert "out: it is tracked by Git and by dver" in shown
    assert "it is an output of stage train, which dver.lock names" in shown


def test_a_lock_with_an_output_outside_of_the_repository_is_refused(run: Run, repo: Path) -> None:
    for path in ("../x", ".git/config", "/etc/passwd", ".dver/x", "\ud800"):
        _write(repo, more=(_item(path, Oid.of(b"out")),))
        assert "so no data can be there" in _pre_commit(run, repo, 1)


def test_each_output_is_pushed_to_the_remote_it_belongs_on_and_some_to_none(run: Run, repo: Path) -> None:
    for name in ("first", "second"):
        run("remote", "add", *(["-d"] if name == "first" else []), name, f"../{name}", cwd=repo)
    (repo / "other").write_text("other")
    run("add", "other", cwd=repo)
    run("remove", "other", cwd=repo)
    other = replace(_item("other", Oid.of(b"other"), 5), remote="second")
    _write(repo, more=(other, replace(_item("secret", GONE), push=False)))
    git("commit", "-qam", "Lock", cwd=repo)
    said = _push(run, repo)
    assert "to first" in said
    assert "to second" in said


def test_a_lock_that_is_malformed_or_conflicted_is_refused(run: Run, repo: Path) -> None:
    for content, why in (("{", "lock"), ("<<<<<<< ours\n", "conflict markers")):
        (repo / "dver.lock").write_text(content)
        git("add", "dver.lock", cwd=repo)
        shown = _pre_commit(run, repo, 1)
        assert "dver.lock: " in shown
        assert why in shown


def _push(run: Run, repo: Path, rc: int = 0) -> str:
    head = git("rev-parse", "HEAD", cwd=repo).strip()
    line = f"refs/heads/main {head} refs/heads/main {'0' * 40}\n"
    return run("hook", "pre-push", "url", "url", cwd=repo, rc=rc, stdin=line.encode()).err


def test_outputs_that_only_a_lock_stands_for_are_pushed(run: Run, repo: Path) -> None:
    run("remote", "add", "-d", "origin", "../remote", cwd=repo)
    (repo / "model").write_text("model")
    run("add", "model", cwd=repo)
    oid = _oid(repo, "model")
    run("remove", "model", cwd=repo)
    _write(repo, more=(_item("model", oid, 5),))
    git("commit", "-qam", "Lock", cwd=repo)
    _push(run, repo)
    shutil.rmtree(repo / ".git/dver/store")
    (repo / "model").unlink()
    os.unlink(repo / ".git/dver/index.db")
    _push(run, repo)  # the remote has it


def test_an_output_that_is_nowhere_stops_the_push(run: Run, repo: Path) -> None:
    run("remote", "add", "-d", "origin", "../remote", cwd=repo)
    _write(repo, more=(_item("plot", GONE),))
    git("commit", "-qam", "Lock", cwd=repo)
    assert "plot in commit" in _push(run, repo, rc=5)
