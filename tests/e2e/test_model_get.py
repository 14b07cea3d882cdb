"""`dver model get` through the real command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from registered_models import make_source
from support import Run
from workspaces import Project


@pytest.fixture
def source(tmp_path: Path) -> Project:
    return make_source(tmp_path / "source", tmp_path / "remote")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory outside of any repository."""
    directory = tmp_path / "here"
    directory.mkdir()
    return directory


def test_it_says_what_it_wrote(source: Project, here: Path, run: Run) -> None:
    commit = source.git("rev-parse", "HEAD~1").strip()
    found = run("model", "get", source.root.as_uri(), "churn#prod", cwd=here)
    assert found.out == f"wrote churn v1.0.0 to churn (2 files, 9 B) at {commit[:12]}\n"
    assert (here / "churn/weights").read_bytes() == b"one"
    answer = run("model", "get", source.root.as_uri(), "large", "-o", "new/", "--json", cwd=here).json
    assert (answer["name"], answer["version"], answer["path"]) == ("large", "v1.0.0", "large")
    assert answer["out"] == os.fspath(here / "new/large")


def test_wrong_arguments_are_explained(source: Project, here: Path, run: Run) -> None:
    assert "expected [REPO] NAME, not 3 arguments" in run("model", "get", "a", "b", "c", rc=2, cwd=here).err
    assert "invalid version 'v1'" in run("model", "get", source.root, "churn@v1", rc=2, cwd=here).err
    assert "not in a Git repository" in run("model", "get", "churn", rc=3, cwd=here).err
    assert "no directory 'nothing'" in run("model", "get", "nothing", "churn", rc=3, cwd=here).err
    assert (
        "name it: `dver model get URL NAME#STAGE`"
        in run("model", "get", "x", "y", "--stage", "prod", rc=2, cwd=here).err
    )
    assert list(here.iterdir()) == []


def test_the_fix_for_an_unknown_stage_never_names_a_command_for_another_project(
    source: Project, here: Path, run: Run
) -> None:
    for repo in (os.fspath(source.root), source.root.as_uri()):
        said = run("model", "get", repo, "churn#dev", rc=2, cwd=here).err
        assert "stages with a version: prod" in said
        assert f"git ls-remote --tags {repo} 'churn[@#]*'" in said
    assert "dver model assign churn dev" in run("model", "get", "churn#dev", cwd=source.root, rc=2).err


def test_it_works_in_a_subdirectory_of_a_shallow_clone(source: Project, here: Path, run: Run) -> None:
    source.git("clone", "-q", "--depth=1", source.root.as_uri(), here / "clone")
    clone = here / "clone/models"
    clone.mkdir(exist_ok=True)
    said = run("model", "get", "churn@v1.0.0", cwd=clone, rc=2).err
    assert "its versions: v2.0.0" in said
    assert "git fetch --tags" in said
    source.git("-C", here / "clone", "fetch", "-q", "--tags")
    run("model", "get", "churn#prod", "-o", "got", cwd=clone)
    assert (clone / "got/weights").read_bytes() == b"one"
