"""Stages of a project in a folder of the repository, and of several dver.yaml files: named as the user stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Run, git


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    """A project in `sub`, with a second dver.yaml below it."""
    root = git_repo / "sub"
    (root / "deep").mkdir(parents=True)
    run("init", cwd=root)
    (root / "dver.yaml").write_text("stages:\n  train: {cmd: touch model, outs: [model]}\n")
    (root / "deep/dver.yaml").write_text("stages:\n  test: {cmd: cp ../model t, deps: [../model], outs: [t]}\n")
    return root


def test_stages_are_named_as_the_user_stands_and_can_be_typed_so(run: Run, project: Path) -> None:
    for cwd, names in {
        project: ["train", "deep/dver.yaml:test"],
        project / "deep": ["../dver.yaml:train", "test"],
    }.items():
        assert run("stage", "list", "--names-only", cwd=cwd).out.splitlines() == names
        for name in names:
            assert run("repro", "--dry-run", "--json", name, cwd=cwd).json[-1]["stage"] == name
    assert run("stage", "list", "--names-only", "--json", "--cd", project, cwd="/").json[0] == "train"


def test_messages_name_stages_so(run: Run, project: Path) -> None:
    assert "test: running" in run("repro", cwd=project / "deep").err
    (project / "model").write_text("by hand")
    error = run("add", "model", cwd=project, rc=2).err
    assert "output of stage 'train'" in error
    assert "`dver repro train` runs the stage" in error
    assert [one["stage"] for one in run("status", "--json", cwd=project).json["stages"]] == [
        "train",
        "deep/dver.yaml:test",
    ]
    assert run("lineage", "t", cwd=project / "deep").out.count("made by ../dver.yaml:train") == 2
    git("add", "-A", cwd=project)


def test_logs_and_run_records_are_the_same_from_everywhere(run: Run, project: Path) -> None:
    (project / "dver.yaml").write_text("stages:\n  train: {cmd: echo trained; touch model, outs: [model]}\n")
    run("repro", cwd=project / "deep")
    assert run("logs", "train", cwd=project).out == run("logs", "../dver.yaml:train", cwd=project / "deep").out
    assert "trained" in run("logs", "train", cwd=project).out
    records = [one.read_text() for one in (project.parent / ".git/dver/store/runs").rglob("*.json")]
    assert any('"stage": "sub/deep/dver.yaml:test"' in one for one in records)
