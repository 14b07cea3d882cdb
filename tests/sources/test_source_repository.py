"""Addresses of source repositories: what a pointer records, and what it must never have."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspaces import Project

from dver.core.errors import RepositoryError, UsageError
from dver.repo import Repository
from dver.sources.source_repository import check_address, opened_source, recorded_repository, source_error


def test_a_relative_path_starts_at_the_project(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    Project.make(tmp_path / "data")
    (project.root / "sub").mkdir()
    with Repository.open(project.root) as repo:
        assert recorded_repository(repo, "../../data", project.root / "sub") == "../data"
        assert recorded_repository(repo, str(tmp_path / "data"), project.root) == str(tmp_path / "data")
        assert recorded_repository(repo, "https://host/data.git", project.root) == "https://host/data.git"
        with pytest.raises(RepositoryError, match="no directory"):
            recorded_repository(repo, "../nowhere", project.root / "sub")


@pytest.mark.parametrize(
    "address",
    [
        "https://user:secret@host/data.git",
        "ssh://git:secret@host/data.git",
        "https://ghp_abcdefghijkl@host/data.git",
        f"https://{'t' * 40}@host/data.git",
    ],
)
def test_a_secret_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_address(address)
    said = f"{caught.value.what} {caught.value.why} {caught.value.fix}"
    assert "secret" not in said
    assert "ghp_" not in said
    assert "tttt" not in said


@pytest.mark.parametrize(
    "address", ["", "--upload-pack=touch x", "ext::sh -c true", "https://host/a\nb", "x" * 5000, "fd::17", "a\0b"]
)
def test_an_address_that_git_would_misread_is_refused(address: str) -> None:
    with pytest.raises(UsageError):
        check_address(address)


@pytest.mark.parametrize(
    "address",
    ["git@host:team/data.git", "ssh://git@host/data", "https://org@dev.azure.com/org/_git/data", "data"],
)
def test_other_addresses_are_recorded_as_typed(address: str, tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    (tmp_path / "project/data").mkdir()
    with Repository.open(project.root) as repo:
        assert recorded_repository(repo, address, project.root) == address


def test_an_address_of_a_pointer_is_checked_before_git_sees_it(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    with Repository.open(project.root) as repo, pytest.raises(UsageError, match="not the address"):
        opened_source(repo, "ext::sh -c 'touch hacked'", None)
    assert not (project.root / "hacked").exists()


def test_an_error_names_the_repository_without_its_user() -> None:
    error = source_error("https://token@host/x", UsageError("no such path", why="w", fix="f"))
    assert (error.what, error.why, error.fix) == ("cannot import from https://host/x: no such path", "w", "f")
    assert isinstance(error, UsageError)
