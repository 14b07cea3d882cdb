"""Unlocking through the library: what is and what is not the store's own file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dver.core.errors import MissingObjectError, UsageError
from dver.ops.setup import config
from dver.ops.track.add import add
from dver.ops.track.init import init
from dver.ops.track.unlock import unlock
from dver.repo import Repository


@pytest.fixture(params=["hardlink", "symlink"])
def repo(git_repo: Path, request: pytest.FixtureRequest) -> Iterator[Repository]:
    init(git_repo)
    config.set_setting(git_repo, "cache.link", request.param)
    (git_repo / "data").mkdir()
    (git_repo / "data/big").write_bytes(b"\0" * (2 << 20))
    with Repository.open(git_repo) as opened:
        add(opened, ["data"], cwd=git_repo)
        yield opened


def test_a_users_own_hard_links_and_symbolic_links_are_left_alone(repo: Repository) -> None:
    (repo.root / "data/mine").write_bytes(b"mine")
    os.link(repo.root / "data/mine", repo.root / "elsewhere")
    (repo.root / "data/link").symlink_to("mine")
    (repo.root / "data/dangling").symlink_to("nowhere")
    assert unlock(repo, ["data"], cwd=repo.root).unlocked == (b"data/big",)
    assert (repo.root / "data/mine").stat().st_nlink == 2
    assert (repo.root / "data/dangling").is_symlink()


def test_nothing_is_written_through_a_link_that_leads_away(repo: Repository, tmp_path: Path) -> None:
    (repo.root / "data").rename(tmp_path / "away")
    (repo.root / "sub").mkdir()
    (repo.root / "data").symlink_to(tmp_path / "away")
    before = os.lstat(tmp_path / "away/big").st_ino
    with pytest.raises(UsageError):
        unlock(repo, ["data/big"], cwd=repo.root)
    assert unlock(repo, ["data"], cwd=repo.root).unlocked == ()
    assert os.lstat(tmp_path / "away/big").st_ino == before


def test_data_that_is_not_here_needs_no_unlocking(repo: Repository) -> None:
    (repo.root / "data/big").unlink()
    (repo.root / "data").rmdir()
    assert unlock(repo, ["data"], cwd=repo.root).unlocked == ()


def test_a_link_whose_blob_is_gone_is_an_error(repo: Repository) -> None:
    if not (repo.root / "data/big").is_symlink():
        repo.store.loose.path(next(iter(repo.store.loose.all()))).unlink()
        assert unlock(repo, ["data"], cwd=repo.root).unlocked == ()  # the only copy is in the workspace now
        return
    repo.store.loose.path(next(iter(repo.store.loose.all()))).unlink()
    with pytest.raises(MissingObjectError):
        unlock(repo, ["data"], cwd=repo.root)
