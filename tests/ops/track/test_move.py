"""Moving: killed before the pointers are written, the same call completes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dver.ops.track import move as module
from dver.ops.track.add import add
from dver.ops.track.init import init
from dver.ops.track.move import move
from dver.repo import Repository
from dver.tracking.targets import tracked_in_worktree
from dver.workspace.scan.hash_or_store import HashOnly


class Killed(BaseException):
    """Stands for kill -9."""


@pytest.fixture
def repo(git_repo: Path) -> Iterator[Repository]:
    init(git_repo)
    (git_repo / "data/sub").mkdir(parents=True)
    (git_repo / "data/sub/a").write_text("one\n")
    with Repository.open(git_repo) as opened:
        add(opened, ["data"], cwd=git_repo)
        yield opened


@pytest.mark.parametrize("step", ["write_atomic", "write_pointers"])
def test_a_move_that_was_killed_after_the_rename_completes_when_it_is_run_again(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(module, step, die)
        patched.setattr(Path, "unlink", die)  # so that nothing is taken back either
        with pytest.raises(Killed):
            move(repo, "data", "images", cwd=repo.root)
    assert (repo.root / "images/sub/a").exists()
    result = move(repo, "data", "images", cwd=repo.root)
    assert (result.new, result.moved_data) == (b"images", False)
    assert list(tracked_in_worktree(repo)) == [b"images"]


def test_an_interrupted_move_is_taken_back(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_pointers", interrupt)
    with pytest.raises(KeyboardInterrupt):
        move(repo, "data", "images", cwd=repo.root)
    assert (repo.root / "data/sub/a").read_text() == "one\n"
    assert not (repo.root / "images").exists()
    assert list(tracked_in_worktree(repo)) == [b"data"]


def test_a_moved_directory_is_not_read_again(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    time.sleep(0.05)  # files as fresh as the clock's tick are read again anyway
    repo.workspace.scan(b"data", HashOnly())
    move(repo, "data", "images", cwd=repo.root)
    read: list[int] = []
    monkeypatch.setattr(HashOnly, "files", lambda self, candidates, task: read.append(len(candidates)))
    snapshot = repo.workspace.scan(b"images", HashOnly())
    assert snapshot is not None
    assert snapshot.root.oid == tracked_in_worktree(repo)[b"images"].pointer.oid
    assert read == []


def test_what_dver_has_put_there_is_remembered_under_the_new_name(repo: Repository) -> None:
    before = repo.state.placed[b"data"]
    move(repo, "data", "images", cwd=repo.root)
    assert repo.state.placed == {b"images": tuple(entry._replace(name=b"images") for entry in before)}
