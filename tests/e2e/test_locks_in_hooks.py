"""Lock files in the pre-commit and pre-push hooks."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support import Run, git

from dver.core.oid import Oid
from dver.formats.lock import Item, Lock, Stage, encode
from dver.formats.pack import ObjectKind
from dver.formats.pointer import decode

GONE = Oid.of(b"gone")


@pytest.fixture
def repo(run: Run, git_repo: Path) -> Path:
    """A project with the tracked files `dep` and `out`."""
    run("init", cwd=git_repo)
    for name in ("dep", "out"):
        (git_repo / name).write_text(name)
        run("add", name, cwd=git_repo)
    git("commit", "-qm", "Data", cwd=git_repo)
    return git_repo


def _item(path: str, oid: Oid, size: int = 3) -> Item:
    return Item(path, ObjectKind.BLOB, oid, size)


def _oid(repo: Path, name: str) -> Oid:
    return decode((repo / f"{name}.dver").read_bytes()).oid


def _write(repo: Path, *, dep: Oid | None = None, out: Oid | None = None, more: tuple[Item, ...] = ()) -> None:
    stage = Stage("make", (_item("dep", dep or _oid(repo, "dep")),), (_item("out", out or _oid(repo, "out")), *more))
    (repo / "dver.lock").write_bytes(encode(Lock({"train": stage})))
    git("add", "dver.lock", cwd=repo)


def _pre_commit(run: Run, repo: Path, rc: int) -> str:
    return run("hook", "pre-commit", cwd=repo, rc=rc).err


def test_a_lock_that_agrees_with_its_pointers_is_fine(run: Run, repo: Path) -> None:
    _write(repo)
    assert _pre_commit(run, repo, 0) == ""


@pytest.mark.parametrize("side", ["dep", "out"])
def test_a_lock_that_disagrees_with_a_pointer_is_refused(run: Run, repo: Path, side: str) -> None:
    _write(repo, **{side: GONE})
    shown = _pre_commit(run, repo, 1)
    assert f"stage train and the pointer {side}.dver tell of different content" in shown
    assert f"git add -- dver.lock {side}.dver" in shown


def test_a_dependency_that_changed_since_a_stage_ran_is_no_problem(run: Run, repo: Path) -> None:
    _write(repo)
    git("commit", "-qm", "Lock", cwd=repo)
    (repo / "dep").write_text("changed")
    run("add", "dep", cwd=repo)
    lock = Lock({"train": _stage_of(repo), "other": Stage("true")})
    (repo / "dver.lock").write_bytes(encode(lock))
    git("add", "dver.lock", cwd=repo)
    assert _pre_commit(run, repo, 0) == ""


def _stage_of(repo: Path) -> Stage:
    from dver.formats.lock import decode as read

    return read((repo / "dver.lock").read_bytes()).stages["train"]


def test_an_output_that_is_nowhere_is_refused_unless_git_has_it(run: Run, repo: Path) -> None:
    _write(repo, more=(_item("plot", GONE),))
    assert "the data of the output plot is not in the store" in _pre_commit(run, repo, 1)
    (repo / "plot").write_text("gone")
    git("add", "plot", cwd=repo)
    assert _pre_commit(run, repo, 0) == ""


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
