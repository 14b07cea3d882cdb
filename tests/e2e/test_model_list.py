"""`dver model list`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Run, git

import dver

SECONDS = itertools.count(1_700_000_000)


@pytest.fixture
def project(git_repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(git_repo)
    run("init", "--no-hooks")
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "Create the project", cwd=git_repo)
    return git_repo


@pytest.fixture
def tag(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes annotated tags of HEAD, a second apart."""

    def make(*names: str) -> None:
        for name in names:
            monkeypatch.setenv("GIT_COMMITTER_DATE", f"{next(SECONDS)} +0000")
            git("tag", "-a", "-m", "text", name, cwd=project)

    return make


def test_it_lists_the_latest_version_and_the_stages(project: Path, tag: Callable[..., None], run: Run) -> None:
    tag("churn@v1.0.0", "team=faces@v0.0.1", "churn#prod#1")
    git("commit", "-qm", "next", "--allow-empty", cwd=project)
    tag("churn@v1.10.0", "churn#dev#2", "unrelated")
    rows = [line.split() for line in run("model", "list").out.splitlines()]
    assert [(row[0], row[1], row[3:]) for row in rows] == [
        ("churn", "v1.10.0", ["dev:", "v1.10.0,", "prod:", "v1.0.0"]),
        ("team:faces", "v0.0.1", []),
    ]
    found = run("model", "list", "--json").json
    assert found[0]["stages"] == {"dev": "v1.10.0", "prod": "v1.0.0"}
    assert [one.name for one in dver.Project.find().model.list().models] == ["churn", "team:faces"]


def test_deprecated_models_are_listed_on_request(tag: Callable[..., None], run: Run) -> None:
    tag("churn@v1.0.0", "old@v1.0.0", "old@deprecated")
    found = run("model", "list")
    assert found.out.split()[:2] == ["churn", "v1.0.0"]
    assert len(found.out.splitlines()) == 1
    assert "1 deprecated model not listed; `dver model list --all` lists all" in found.err
    assert "deprecated" in run("model", "list", "--all").out


def test_a_clone_without_tags_says_how_to_get_them(project: Path, run: Run) -> None:
    found = run("model", "list")
    assert found.out == ""
    assert "git fetch --tags" in found.err
