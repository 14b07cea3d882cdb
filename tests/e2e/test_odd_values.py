"""Unusual parameters, metrics and settings: infinite numbers, FIFOs and devices, matrices that explode."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import Run, git

STAGE = "stages:\n  a: {cmd: cp params.yaml out, params: [lr, big, list], outs: [out]}\n"
NUMBERS = "lr: .inf\nbig: 123456789012345678901234567890\nlist: [.nan, -.inf]\n"


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    return git_repo


def test_infinite_and_long_numbers_are_parameters(run: Run, project: Path) -> None:
    (project / "dver.yaml").write_text(STAGE)
    (project / "params.yaml").write_text(NUMBERS)
    run("repro", cwd=project)
    assert run("repro", "--dry-run", cwd=project).out == "everything is up to date\n"
    (project / "out").unlink()
    assert "restored" in run("repro", cwd=project).err
    (project / "params.yaml").write_text(NUMBERS.replace(".inf\n", "-.inf\n").replace("90\n", "91\n"))
    told = run("repro", "--dry-run", cwd=project).out
    assert "parameter lr of params.yaml: Infinity -> -Infinity" in told
    assert "parameter big of params.yaml" in told
    assert "list" not in told
    assert run("repro", "--dry-run", "--json", cwd=project).json[0]["reasons"][0]["reason"] == "param_changed"
    git("add", "-A", cwd=project)
    git("commit", "-qm", "Numbers", cwd=project)
    run("params", "diff", cwd=project)


def test_a_parameter_that_cannot_be_recorded_is_named_with_a_remedy(run: Run, project: Path) -> None:
    (project / "dver.yaml").write_text(STAGE)
    (project / "params.yaml").write_text(f"lr: {'[' * 60}{']' * 60}\nbig: 1\nlist: []\n")
    error = run("repro", cwd=project, rc=6).err
    assert "the parameter 'lr' of 'params.yaml' cannot be recorded" in error
    assert "fix: write it as text, in quotes" in error


def test_metrics_with_one_dotted_key_are_all_shown(run: Run, project: Path) -> None:
    (project / "dver.yaml").write_text("metrics: [m.json]\n")
    (project / "m.json").write_text('{"a.b": 1, "a": {"b": 2}}')
    shown = run("metrics", "show", "--csv", cwd=project).out.splitlines()
    assert shown[1:] == ['workspace,m.json,"""a.b""",1', "workspace,m.json,a.b,2"]


def test_a_matrix_that_explodes_is_refused_before_it_does(run: Run, project: Path) -> None:
    axes = "".join(f"      {axis}: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n" for axis in "abcdefghi")
    (project / "dver.yaml").write_text(f"stages:\n  m:\n    matrix:\n{axes}    cmd: echo\n")
    for args in (["repro"], ["stage", "list"], ["dag"]):
        error = run(*args, cwd=project, rc=9).err
        assert "dver.yaml:4:7: stage 'm' expands to 1,000,000,000 stages; a file can have at most 100,000" in error
    assert "1,000,000,000" in run("status", cwd=project).err


def test_hooks_do_not_look_at_pipelines(run: Run, project: Path) -> None:
    (project / "dver.yaml").write_text("stages: [this is no pipeline\n")
    (project / "data").write_text("1\n")
    run("add", "data", cwd=project)
    run("install", cwd=project)
    told = git("add", "-A", cwd=project) + git("commit", "-m", "All", cwd=project)
    told += git("checkout", "-b", "other", cwd=project) + git("commit", "--allow-empty", "-m", "More", cwd=project)
    assert "dver.yaml" not in told.replace("create mode 100644 dver.yaml", "")
    git("checkout", "main", cwd=project)


@pytest.mark.parametrize("name", ["params.yaml", ".dver/config.toml", "dver.lock"])
@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_a_fifo_or_a_device_is_not_read(run: Run, project: Path, name: str, kind: str) -> None:
    (project / "dver.yaml").write_text("stages:\n  a: {cmd: touch out, params: [lr], outs: [out]}\n")
    (project / "params.yaml").write_text("lr: 1\n")
    (project / name).unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(project / name)
    else:
        (project / name).symlink_to("/dev/zero")
    rc = 3 if "config" in name else 8
    assert f"{name}' is not a regular file" in run("repro", cwd=project, rc=rc).err
    assert "is not a regular file" in run("status", cwd=project, rc=None).err
    if "config" not in name:
        git("-c", "core.hooksPath=/dev/null", "add", "-A", cwd=project)
        git("commit", "-qm", "All", cwd=project)
