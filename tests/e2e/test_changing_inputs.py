"""Stages whose dependencies change while they run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import Run, git

from dver.formats import lock

UP_TO_DATE = "everything is up to date\n"


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    (git_repo / "raw").write_text("raw\n")
    (git_repo / "folder/sub").mkdir(parents=True)
    (git_repo / "folder/sub/file").write_text("file\n")
    (git_repo / "some.txt").touch()
    (git_repo / "link").symlink_to("folder")
    (git_repo / "params.yaml").write_text("lr: 1\n")
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "Project", cwd=git_repo)
    return git_repo


def write(project: Path, text: str) -> None:
    (project / "dver.yaml").write_text(f"stages:\n{text}")


def what_repro_writes(project: Path) -> dict[str, bytes]:
    files = [project / "dver.lock", *project.rglob(".gitignore"), project / ".git/index"]
    return {os.fspath(one): one.read_bytes() for one in files if one.is_file()}


@pytest.mark.parametrize(
    "stage",
    [
        "{cmd: cp raw out; echo more >> raw, deps: [raw], outs: [out]}",
        "{cmd: touch out folder/new, deps: [folder], outs: [out]}",
        "{cmd: touch out more.txt, deps: ['*.txt'], outs: [out]}",
        "{cmd: 'touch out; echo \"lr: 2\" > params.yaml', params: [lr], outs: [out]}",
    ],
)
def test_a_dependency_that_changes_during_the_run_is_noticed(run: Run, project: Path, stage: str) -> None:
    write(project, f"  a: {stage}\n")
    before = what_repro_writes(project)
    assert "changed while it ran" in run("repro", cwd=project, rc=10).err
    assert what_repro_writes(project) == before


@pytest.mark.parametrize("deps", ["raw, folder", "'ra*', 'folder/*'", "raw, link"])
@pytest.mark.parametrize(
    "change",
    [
        "git checkout -q other && cat raw folder/sub/file > out && git checkout -q main",
        "cp raw b; echo other > raw; cat raw > out; cat b > raw; rm b",
        "cp -p raw b; echo wor > raw; cat raw > out; cp -p b raw; rm b",
        "mv raw b; echo other > raw; cat raw > out; mv b raw",
        "mv folder/sub/file b; echo > folder/sub/file; cat folder/sub/file > out; mv b folder/sub/file",
    ],
)
def test_a_dependency_that_changes_and_changes_back_is_noticed(run: Run, project: Path, change: str, deps: str) -> None:
    git("checkout", "-qb", "other", cwd=project)
    (project / "raw").write_text("other\n")
    (project / "folder/sub/file").write_text("other\n")
    git("commit", "-qam", "Other", cwd=project)
    git("checkout", "-q", "main", cwd=project)
    write(project, f"  a:\n    cmd: {change}\n    deps: [{deps}]\n    outs: [out]\n")
    before = what_repro_writes(project).keys()
    error = run("repro", cwd=project, rc=10).err
    assert "was written while it ran" in error
    assert what_repro_writes(project).keys() == before
    # Nor does the run cache know it.
    write(project, f"  a:\n    cmd: {change}\n    deps: [{deps}]\n    outs: [out]\n    desc: again\n")
    assert "run a\n" in run("repro", "--dry-run", cwd=project).out
    # Where it made no difference, the outputs can be kept.
    assert "dver commit a" in error
    run("commit", "a", cwd=project)
    assert run("repro", "--dry-run", cwd=project).out == UP_TO_DATE


@pytest.mark.parametrize(
    "harmless",
    [
        "cat raw",
        "touch beside; rm beside",
        "mkdir folder/__pycache__; touch folder/__pycache__/a.pyc",
        "touch folder",
        "mv folder/sub folder/b; mv folder/b folder/sub",
        "git status",
        "git stash -q; git stash pop -q",
    ],
)
def test_what_leaves_all_files_alone_does_not_matter(run: Run, project: Path, harmless: str) -> None:
    (project / ".gitignore").write_text("__pycache__/\n")
    (project / "README").write_text("Changed.\n")
    write(project, f"  a: {{cmd: '{harmless}; touch out', deps: [raw, folder], outs: [out]}}\n")
    run("repro", cwd=project)


def test_another_worktree_that_links_the_same_data_does_not_matter(run: Run, project: Path) -> None:
    run("config", "set", "cache.link", "hardlink", cwd=project)
    (project / "data").write_bytes(os.urandom(2 << 20))
    run("add", "data", cwd=project)
    assert (project / "data").stat().st_nlink > 1
    write(project, "  a: {cmd: ln data ../elsewhere; touch out, deps: [data], outs: [out]}\n")
    run("repro", cwd=project)


def test_a_stage_that_modifies_its_dependency_is_recorded_as_of_its_end(run: Run, project: Path) -> None:
    stage = "cmd: echo more >> raw; cp raw out; echo >> ran\n    deps: [raw, folder]\n    outs: [out]\n"
    write(project, f"  a:\n    {stage}")
    error = run("repro", cwd=project, rc=10).err
    assert "`modifies: [raw]`" in error
    write(project, f"  a:\n    {stage}    modifies: [raw]\n")
    run("repro", cwd=project)
    assert run("repro", "--dry-run", cwd=project).out == UP_TO_DATE
    (item,) = [one for one in _locked(project).deps if one.path == "raw"]
    assert item.size == len("raw\nmore\nmore\n")
    # What the run did to the file is not in the run cache, so it is run.
    (project / "raw").write_text("raw\nmore\nmore\n")
    (project / "out").unlink()
    run("repro", cwd=project)
    assert (project / "ran").read_text() == "\n" * 3
    # Its other dependencies are still watched.
    write(project, f"  a:\n    {stage.replace('echo', 'echo >> folder/sub/file; echo', 1)}    modifies: [raw]\n")
    assert "folder changed while it ran" in run("repro", cwd=project, rc=10).err


def test_a_stage_that_touches_its_dependency_can_say_so(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: chmod +x work/run.sh && work/run.sh, wdir: ., deps: [work/run.sh]}\n")
    (project / "work").mkdir()
    (project / "work/run.sh").write_text("#!/bin/sh\necho hello\n")
    (project / "work/run.sh").chmod(0o755)
    assert "`modifies: [work/run.sh]`" in run("repro", cwd=project, rc=10).err
    write(project, "  a: {cmd: chmod +x run.sh && ./run.sh, wdir: work, deps: [run.sh], modifies: [run.sh]}\n")
    run("repro", cwd=project)


def test_a_stage_must_not_delete_what_it_depends_on(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: rm raw, deps: [raw], modifies: [raw]}\n")
    assert "deleted raw, which it depends on" in run("repro", cwd=project, rc=10).err


def _locked(project: Path) -> lock.LockedStage:
    return lock.decode((project / "dver.lock").read_bytes()).stages["a"]
