"""The path that imported data gets, and what may not be replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspaces import Project, write

from dver.core.errors import ConflictError, UsageError
from dver.formats.pack import ObjectKind
from dver.formats.pointer import UndownloadedPointer, encode
from dver.formats.pointer_source import RepositorySource
from dver.repo import Repository
from dver.sources.destination import check_import, destination

SOURCE = RepositorySource("../data", "raw", "a" * 40)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project.make(tmp_path / "project")
    write(project.root, {"tracked/file": b"1", "sub/other": b"2"})
    project.add("tracked")
    return project


@pytest.mark.parametrize(
    ("out", "path"),
    [(None, "raw"), ("sub", "sub/raw"), ("new/", "new/raw"), ("new", "new"), ("tracked", "tracked")],
)
def test_a_directory_gets_the_data_under_its_name(project: Project, out: str | None, path: str) -> None:
    with Repository.open(project.root) as repo:
        assert destination(repo, lambda: "raw", out, project.root) == path


def test_a_name_that_is_not_needed_is_not_asked_for(project: Project) -> None:
    def no_name() -> str:
        raise UsageError("no name")

    with Repository.open(project.root) as repo:
        assert destination(repo, no_name, "new", project.root) == "new"


def test_existing_data_is_replaced_with_force_only(project: Project) -> None:
    with Repository.open(project.root) as repo:
        assert check_import(repo, b"new", "new", force=False) is None
        for path, said in ((b"tracked", "already tracked"), (b"sub/other", "already exists")):
            with pytest.raises(ConflictError, match=said):
                check_import(repo, path, path.decode(), force=False)
            check_import(repo, path, path.decode(), force=True)
        with pytest.raises(ConflictError, match="tracked as a whole"):
            check_import(repo, b"tracked/new", "tracked/new", force=True)


def test_an_import_that_was_not_downloaded_is_updated_instead(project: Project) -> None:
    pointer = UndownloadedPointer(ObjectKind.BLOB, SOURCE)
    (project.root / "raw.dver").write_bytes(encode(pointer))
    with Repository.open(project.root) as repo, pytest.raises(ConflictError, match="imported before") as caught:
        check_import(repo, b"raw", "raw", force=False)
    assert "dver update raw" in (caught.value.fix or "")
