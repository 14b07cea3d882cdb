"""Suggestions for wrong paths."""

from __future__ import annotations

import pytest
from workspaces import Project, write

from dver.access.errors import PathNotFound
from dver.access.files import Files
from dver.access.repositories import open_files
from dver.access.suggestions import near_paths, suggesting


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    project = Project.make(tmp_path_factory.mktemp("made") / "project")
    write(project.root, {"data/a.csv": b"1", "data/deep/b.csv": b"2", "params.yaml": b"3"})
    (project.root / "empty").mkdir()
    project.add("data")
    return open_files(project.root)


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("data/a.cvs", ["data/a.csv"]),
        ("dta", ["data"]),
        ("dta/deep/b.csv", ["data"]),
        ("data/dep/b.csv", ["data/deep"]),
        ("/parms.yaml", ["params.yaml"]),
        ("params.yaml/x", ["params.yaml"]),
        ("qqq", []),
        ("/".join(["x"] * 500), []),
    ],
)
def test_the_first_missing_part_is_corrected(files: Files, path: str, near: list[str]) -> None:
    assert near_paths(files, path) == near


def test_an_error_gets_the_suggestion(files: Files) -> None:
    with pytest.raises(PathNotFound) as caught, suggesting(files, "data/a.cvs"):
        files.read("data/a.cvs")
    assert caught.value.fix == "did you mean 'data/a.csv'?"
    with pytest.raises(PathNotFound) as plain, suggesting(files, "qqq"):
        files.read("qqq")
    assert plain.value.fix == "check the path and the revision"


def test_a_directory_without_files_is_no_endless_search(files: Files, tmp_path_factory: pytest.TempPathFactory) -> None:
    project = Project.make(tmp_path_factory.mktemp("other") / "project")
    (project.root / "empty").mkdir()
    inner = open_files(project.root / "empty")
    with pytest.raises(PathNotFound, match="does not exist"):
        inner.ls()
    assert near_paths(inner, "x") == []
