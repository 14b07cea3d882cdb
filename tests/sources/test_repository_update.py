"""What an update finds at the source of an import, before anything is downloaded."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from workspaces import Project, write

from dver.core.errors import DverError, RepositoryError, UsageError
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer, UndownloadedPointer, decode
from dver.formats.pointer_source import RepositorySource
from dver.repo import Repository
from dver.sources.imports import ImportedData
from dver.sources.repository_update import RepositoryUpdate, query_repository
from dver.sources.source_repository import OpenedSources


@pytest.fixture
def source(tmp_path: Path) -> Project:
    project = Project.make(tmp_path / "source")
    write(project.root, {"data/a": b"1", "code/b": b"2"})
    project.save("data")
    project.git("add", "code")
    project.commit("Code")
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "project")


def of(source: Project, path: str = "data", rev: str | None = None) -> RepositorySource:
    return RepositorySource("../source", path, source.git("rev-parse", rev or "HEAD").strip(), rev)


def imported(source: Project, recorded: RepositorySource) -> ImportedData:
    pointer: Pointer | UndownloadedPointer = UndownloadedPointer(ObjectKind.TREE, recorded)
    if recorded.path == "data":
        pointer = replace(decode((source.root / "data.dver").read_bytes()), source=recorded)
    return ImportedData(b"data", pointer, recorded)


def queried(project: Project, data: ImportedData, rev: str | None = None) -> RepositoryUpdate:
    assert isinstance(data.source, RepositorySource)
    with Repository.open(project.root) as repo, OpenedSources(repo) as sources:
        return query_repository(sources, data, data.source, rev)


def test_the_same_commit_is_up_to_date_without_a_look_at_the_data(source: Project, project: Project) -> None:
    found = queried(project, imported(source, of(source)))
    assert (found.changed, found.plan) == (False, None)


def test_a_new_commit_with_the_same_data_is_up_to_date(source: Project, project: Project) -> None:
    data = imported(source, of(source))
    write(source.root, {"code/b": b"3"})
    source.git("commit", "-qam", "Other")
    found = queried(project, data)
    assert not found.changed
    assert found.source.commit == source.git("rev-parse", "HEAD").strip()


def test_new_data_at_the_followed_revision_is_a_change(source: Project, project: Project) -> None:
    source.git("branch", "stable")
    followed, default = imported(source, of(source, rev="stable")), imported(source, of(source))
    write(source.root, {"data/a": b"new"})
    source.save("data")
    assert not queried(project, followed).changed
    assert queried(project, default).changed


def test_another_revision_is_a_change_even_with_the_same_data(source: Project, project: Project) -> None:
    source.git("tag", "v1")
    found = queried(project, imported(source, of(source)), "v1")
    assert found.changed
    assert found.source.rev == "v1"


def test_files_of_git_and_what_was_never_downloaded_may_have_changed(source: Project, project: Project) -> None:
    assert queried(project, imported(source, of(source, "code"))).changed


def test_a_source_or_path_that_is_gone_is_named(source: Project, project: Project, tmp_path: Path) -> None:
    data = imported(source, of(source))
    source.git("rm", "-q", "data.dver")
    source.commit("Gone")
    with pytest.raises(UsageError, match=r"cannot import from ../source: 'data' does not exist"):
        queried(project, data)
    with pytest.raises(DverError, match=r"unknown revision 'v9' in ../source") as caught:
        queried(project, data, "v9")
    assert f"git -C {source.root} branch" in (caught.value.fix or "")
    os.rename(source.root, tmp_path / "moved")
    with pytest.raises(RepositoryError, match="no directory"):
        queried(project, data)


def test_a_repository_is_opened_once(source: Project, project: Project) -> None:
    with Repository.open(project.root) as repo, OpenedSources(repo) as sources:
        first = sources.open("../source", None)
        assert sources.open("../source", None) is first
        assert sources.open("../source", "HEAD") is not first
