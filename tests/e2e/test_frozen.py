"""Frozen stages: they are left as they are, and so is what is only needed for them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support import Run, git


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    """Three stages one after the other; `middle` is frozen after a first run, then all are out of date."""
    run("init", cwd=git_repo)
    (git_repo / "in").write_text("1\n")
    (git_repo / "dver.yaml").write_text("""\
stages:
  first: {cmd: cp in first; echo first >> ran, deps: [in], outs: [first]}
  middle: {cmd: mkdir -p middle; cp first middle/a; echo middle >> ran, deps: [first], outs: [middle]}
  last: {cmd: cat middle/a more > last; echo last >> ran, deps: [middle, more], outs: [last]}
""")
    (git_repo / "more").write_text("more\n")
    run("repro", cwd=git_repo)
    run("freeze", "middle", cwd=git_repo)
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "Ran", cwd=git_repo)
    (git_repo / "in").write_text("2\n")
    (git_repo / "more").write_text("even more\n")
    (git_repo / "ran").unlink()
    return git_repo


def ran(project: Path) -> list[str]:
    return (project / "ran").read_text().split() if (project / "ran").exists() else []


def test_force_leaves_frozen_stages_alone(run: Run, project: Path) -> None:
    run("repro", "--force", cwd=project)
    assert ran(project) == ["first", "last"]
    assert (project / "middle/a").read_text() == "1\n"
    run("repro", "--force", "--single-item", "middle", cwd=project)
    assert ran(project) == ["first", "last"]
    assert "run middle" not in run("repro", "--force", "--dry-run", cwd=project).out


def test_what_stands_before_a_frozen_stage_is_not_run_for_it(run: Run, project: Path) -> None:
    assert "first" not in run("repro", "--dry-run", "last", cwd=project).out
    run("repro", "last", cwd=project)
    assert ran(project) == ["last"]
    assert (project / "last").read_text() == "1\neven more\n"
    run("repro", "middle", cwd=project)
    assert ran(project) == ["last"]


def test_a_stage_that_fails_before_a_frozen_one_does_not_stop_what_comes_after_it(run: Run, project: Path) -> None:
    text = (project / "dver.yaml").read_text()
    (project / "dver.yaml").write_text(text.replace("cp in first;", "false &&"))
    run("repro", "--keep-going", cwd=project, rc=10)
    assert ran(project) == ["last"]


@pytest.mark.parametrize("more", [[], ["--no-run-cache"], ["--force"]])
def test_a_missing_output_of_a_frozen_stage_is_restored(run: Run, project: Path, more: list[str]) -> None:
    shutil.rmtree(project / "middle")
    lock = (project / "dver.lock").read_bytes()
    assert "restore middle" in run("repro", "--dry-run", *more, "last", cwd=project).out
    assert run("repro", *more, "middle", cwd=project).err == "middle: restored\n"
    assert (project / "middle/a").read_text() == "1\n"
    assert (project / "dver.lock").read_bytes() == lock
    run("repro", *more, "last", cwd=project)
    assert ran(project) == ["last"]


def test_one_that_is_not_in_the_store_is_downloaded_if_remotes_may_be_asked(
    run: Run, project: Path, tmp_path: Path
) -> None:
    run("remote", "add", "-d", "origin", str(tmp_path / "remote"), cwd=project)
    git("checkout", "-q", "in", "more", cwd=project)
    run("push", cwd=project)
    shutil.rmtree(project / "middle")
    shutil.rmtree(project / ".git/dver/store")
    (project / "more").write_text("even more\n")
    assert "middle" in run("repro", "last", cwd=project, rc=10).err
    run("repro", "--pull", "last", cwd=project)
    assert ran(project) == ["last"]
    assert (project / "last").read_text() == "1\neven more\n"
