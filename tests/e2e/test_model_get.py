"""`dver model get` through the real command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from gto import api as gto
from registered_models import commit_all, make_source
from support import Run, git
from workspaces import Project, listing, write

DEFINITIONS = """\
stages:
  train:
    cmd: mkdir -p out && cp models/net/weights out/model
    deps: [models/net]
    outs: [out/model]
artifacts:
  net: {path: models/net}
  inner: {path: models/net/weights}
  note: {path: note.txt}
  trained: {path: out/model}
"""


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


@pytest.mark.long
def test_what_is_registered_is_delivered(tmp_path: Path, here: Path, run: Run) -> None:
    git("init", "-q", "--bare", "-b", "main", tmp_path / "origin", cwd=tmp_path)
    project = Project.make(tmp_path / "project")
    write(project.root, {"models/net/weights": b"w", "models/net/sub/x": b"x", "note.txt": b"a note"})
    (project.root / "dver.yaml").write_text(DEFINITIONS)
    write(project.root, {"team/dver.yaml": b"artifacts:\n  faces: {path: ../models/net}\n"})
    run("add", "models/net", cwd=project.root)
    run("remote", "add", "-d", "store", tmp_path / "store", cwd=project.root)
    run("repro", cwd=project.root)
    project.git("add", "-A")
    project.commit()
    project.git("push", "-q", os.fspath(tmp_path / "origin"), "HEAD:main")
    project.git("remote", "add", "origin", os.fspath(tmp_path / "origin"))
    names = ("net", "inner", "note", "trained", "team:faces")
    for name in names:
        run("model", "register", name, "--push", cwd=project.root)
    run("model", "assign", "trained", "prod", "--push", cwd=project.root)
    url = (tmp_path / "origin").as_uri()
    for name in (*names, "trained#prod"):
        run("model", "get", url, name, "-o", name, cwd=here)
    contents = {name: listing(here / name) for name in names}
    assert contents["net"] == contents["team:faces"]
    assert contents["net"][b"sub/x"] == ("file", b"x")
    assert contents["inner"] == contents["trained"] == listing(here / "trained#prod") == {b"": ("file", b"w")}
    assert contents["note"] == {b"": ("file", b"a note")}


@pytest.mark.long
def test_what_gto_registers_is_delivered(
    source: Project, here: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Ann")  # gto does not read all settings of Git
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "ann@example.org")
    url = os.fspath(source.root)
    commit_all(source, {"team/dver.yaml": b"artifacts:\n  faces: {path: ../large}\n"})
    gto.register(url, "note", "HEAD", version="v1.0.0")
    gto.register(url, "team:faces", "HEAD", version="v0.1.0")
    gto.assign(url, "team:faces", "dev", version="v0.1.0")
    for repo in (url, source.root.as_uri()):
        assert "wrote note v1.0.0 to note" in run("model", "get", repo, "note@v1.0.0", "-fo", "note", cwd=here).out
        run("model", "get", repo, "team:faces#dev", "-fo", "faces", cwd=here)
        assert (here / "faces").read_bytes() == b"two"
