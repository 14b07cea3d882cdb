"""Removing: killed anywhere, the same call completes; only the directories on the way are written anew."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dver.core.errors import MissingObjectError
from dver.formats.tree import LEAF_MAX
from dver.ops.inspect.ls import ls
from dver.ops.track import remove as module
from dver.ops.track.add import add
from dver.ops.track.init import init
from dver.ops.track.remove import remove
from dver.repo import Repository
from dver.repo.workspace_state import WorkspaceState


class Killed(BaseException):
    """Stands for kill -9: nothing after it runs."""


@pytest.fixture
def repo(git_repo: Path) -> Iterator[Repository]:
    init(git_repo)
    (git_repo / "data/sub").mkdir(parents=True)
    for name in ("a", "b", "sub/c"):
        (git_repo / "data" / name).write_text(name)
    with Repository.open(git_repo) as opened:
        add(opened, ["data"], cwd=git_repo)
        yield opened


def listed(repo: Repository) -> list[bytes]:
    return [one.path for one in ls(repo, cwd=repo.root, recursive=True).entries]


@pytest.mark.parametrize("step", ["apply_plan", "record_placed", "write_pointers"])
@pytest.mark.parametrize("paths", [["data"], ["data/sub/c", "data/a"]])
def test_a_removal_that_was_killed_completes_when_it_is_run_again(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, step: str, paths: list[str]
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(WorkspaceState if step == "record_placed" else module, step, die)
        with pytest.raises(Killed):
            remove(repo, paths, cwd=repo.root, data=True)
    remove(repo, paths, cwd=repo.root, data=True)
    assert listed(repo) == ([] if paths == ["data"] else [b"data/b", b"data/sub"])
    assert (repo.root / "data/b").exists() is (paths != ["data"])


def test_a_file_is_taken_out_of_a_directory_of_many_shards(repo: Repository) -> None:
    many = repo.root / "many"
    many.mkdir()
    for number in range(LEAF_MAX + 10):
        (many / f"{number:05}").touch()
    add(repo, ["many"], cwd=repo.root)
    before = repo.store.root / "packs"
    size = sum(file.stat().st_size for file in before.iterdir())
    result = remove(repo, ["many/00007", "many/09999"], cwd=repo.root)
    assert (result.taken_out, result.deleted) == ((b"many/00007", b"many/09999"), 2)
    assert len(ls(repo, ["many"], cwd=repo.root).entries) == LEAF_MAX + 8
    assert sum(file.stat().st_size for file in before.iterdir()) < 2 * size


def test_only_the_trees_on_the_way_are_needed(repo: Repository) -> None:
    """Of the other files neither content nor directories need be here."""
    remove(repo, ["data/a"], cwd=repo.root)
    for pack in (repo.store.root / "packs").iterdir():
        os.unlink(pack)
    repo.store.refresh()
    with pytest.raises(MissingObjectError) as error:
        remove(repo, ["data/b"], cwd=repo.root)
    assert error.value.why == "it cannot be downloaded: no remote is configured"
    assert (repo.root / "data/b").exists()


def test_what_lies_inside_of_something_else_that_goes_is_not_looked_for_twice(repo: Repository) -> None:
    result = remove(repo, ["data/sub", "data/sub/c", "data"], cwd=repo.root)
    assert (result.untracked, result.taken_out, result.deleted) == ((b"data",), (), 0)
    assert (repo.root / "data/sub/c").exists()


def test_a_file_that_was_put_back_by_hand_after_its_removal_is_the_users_own(repo: Repository) -> None:
    remove(repo, ["data/a"], cwd=repo.root)
    (repo.root / "data/a").write_text("a")
    assert [entry.oid for entry in repo.state.placed[b"data"]] == [ls(repo, cwd=repo.root).entries[0].oid]
