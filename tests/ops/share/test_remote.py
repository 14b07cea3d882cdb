"""Remotes set up and checked through the library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import S3Server

from dver.core.errors import ConflictError, RepositoryError, UsageError
from dver.ops.share import remote
from dver.ops.track.init import init
from dver.repo import Repository


@pytest.fixture
def repo(git_repo: Path) -> Iterator[Repository]:
    init(git_repo)
    with Repository.open(git_repo) as opened:
        yield opened


def test_the_same_repository_sees_what_was_just_changed(repo: Repository, tmp_path: Path) -> None:
    added = remote.add(repo, "origin", "../share", default=True)
    assert added == remote.Remote("origin", "../share", True, "project", tmp_path / "share")
    assert remote.list_remotes(repo) == [added]
    checked = remote.check(repo)
    assert (checked.name, checked.url) == ("origin", "../share")
    assert checked.found.writable
    assert checked.found.conditional_put
    assert remote.remove(repo, "origin").files == (repo.config_paths.project_file,)
    assert remote.default_remote(repo) is None


def test_a_remote_for_this_clone_only_stays_out_of_the_projects_file(repo: Repository) -> None:
    before = repo.config_paths.project_file.read_bytes()
    assert remote.add(repo, "mine", "/mnt", default=True, scope="local").origin == "local"
    remote.add(repo, "other", "/mnt2", scope="local")
    remote.set_default(repo, "other", scope="local")
    assert repo.config.default_remote == "other"
    assert repo.config_paths.project_file.read_bytes() == before


def test_nothing_is_written_where_something_is_wrong(repo: Repository) -> None:
    remote.add(repo, "origin", "/mnt")
    before = repo.config_paths.project_file.read_bytes()
    with pytest.raises(ConflictError):
        remote.add(repo, "origin", "/other", default=True)
    with pytest.raises(RepositoryError):
        remote.change_setting(repo, "origin", "url", "s3:/typo")
    with pytest.raises(UsageError):
        remote.change_setting(repo, "origin", "jobs", "0")
    assert repo.config_paths.project_file.read_bytes() == before


def test_a_server_with_conditional_writes_is_told_from_one_without(
    repo: Repository, moto_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in moto_server.credentials().items():
        monkeypatch.setenv(name, value)
    remote.add(repo, "moto", f"s3://{moto_server.bucket}/x")
    remote.change_setting(repo, "moto", "endpoint_url", moto_server.endpoint_url)
    assert remote.check(repo, "moto").found.conditional_put
