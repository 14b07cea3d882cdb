"""Several Git repositories with one remote: no gc removes what another repository needs."""

from __future__ import annotations

import random
import shlex
from pathlib import Path

import pytest
from support import Result, Run, git, run_dver
from workspaces import Project


def fill(project: Project, seed: str) -> None:
    for number in range(30):
        path = project.root / f"data/f{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(random.Random(f"{seed} {number}").randbytes(2000))


def published(project: Project, origin: Path, remote: Path, seed: str) -> Project:
    """Data that is pushed to `remote`, and commits that are pushed to `origin`."""
    git("init", "--quiet", "--bare", origin, cwd=project.root)
    project.git("remote", "add", "origin", origin)
    run_dver("remote", "add", "-d", "store", remote, cwd=project.root)
    fill(project, seed)
    project.save("data", message=seed)
    run_dver("push", cwd=project.root)
    project.git("push", "--quiet", "-u", "origin", "main")
    return project


@pytest.fixture
def ours(tmp_path: Path) -> Project:
    return published(Project.make(tmp_path / "ours"), tmp_path / "ours.git", tmp_path / "remote", "ours")


@pytest.fixture
def theirs(tmp_path: Path, ours: Project) -> Project:
    other = Project(tmp_path / "theirs")
    git("init", "--quiet", "-b", "main", other.root, cwd=tmp_path)
    (other.root / "README").write_text("Another history\n")
    other.git("add", "README")
    other.git("commit", "--quiet", "-m", "Begin something else")
    run_dver("init", "--no-hooks", cwd=other.root)
    return published(other, tmp_path / "theirs.git", tmp_path / "remote", "theirs")


def collected(project: Project, *arguments: str, rc: int | None = 0) -> Result:
    return run_dver("gc", "--remote", "store", "--grace", "0d", *arguments, cwd=project.root, rc=rc)


def is_whole(project: Project) -> bool:
    run_dver("fsck", "--remote", "store", cwd=project.root)
    return run_dver("check", "available", "--remote", cwd=project.root, rc=None).rc == 0


def test_the_data_of_another_repository_is_never_collected(run: Run, ours: Project, theirs: Project) -> None:
    for _ in range(2):
        refused = collected(ours, rc=4)
    assert "theirs" in refused.err
    assert "why: this clone does not know its commits" in refused.err
    assert collected(ours, "--dry-run", rc=4).err == refused.err
    assert is_whole(theirs)
    assert is_whole(ours)


def test_with_the_commits_of_both_a_clone_collects_for_both(tmp_path: Path, ours: Project, theirs: Project) -> None:
    ours.git("remote", "add", "theirs", tmp_path / "theirs.git")
    ours.git("fetch", "--quiet", "theirs")
    fill(ours, "dropped")
    ours.save("data")
    run_dver("push", cwd=ours.root)
    ours.git("reset", "--quiet", "--hard", "HEAD~1")
    ours.git("reflog", "expire", "--expire=now", "--all")
    (ours.root / ".git/ORIG_HEAD").unlink()
    run_dver("checkout", "--force", cwd=ours.root)
    assert collected(ours).out.startswith("condemned ")
    assert "deleted" in collected(ours).out
    assert is_whole(theirs)
    assert is_whole(ours)


def test_a_repository_that_is_gone_is_forgotten_by_the_command_of_the_message(ours: Project, theirs: Project) -> None:
    refused = collected(ours, rc=4)
    command = refused.err.rpartition("if it no longer uses the remote: ")[2].strip()
    verb, *arguments = shlex.split(command)
    assert verb == "dver"
    assert run_dver(*arguments, cwd=ours.root).out.startswith("forgot theirs")
    assert run_dver(*arguments, cwd=ours.root, rc=2).err.startswith("error: no repository with the id")
    collected(ours)
    fill(theirs, "more")
    theirs.save("data")
    run_dver("push", cwd=theirs.root)
    assert "theirs" in collected(ours, rc=4).err


def test_a_fork_counts_although_it_shares_the_first_commits(tmp_path: Path, ours: Project) -> None:
    fork = ours.clone(tmp_path / "fork", share=False)
    fork.git("remote", "set-url", "origin", "https://ann:secret@host.invalid/ann/model.git")
    fill(fork, "fork")
    fork.save("data")
    run_dver("push", cwd=fork.root)
    refused = collected(ours, rc=4)
    assert "secret" not in refused.err
    assert "git remote add model https://host.invalid/ann/model.git && git fetch model" in refused.err
    ours.git("remote", "add", "model", "git@alias:ann/model")
    assert collected(ours, "--offline").out.startswith("condemned ")


def test_clones_of_one_repository_have_one_entry(run: Run, tmp_path: Path, ours: Project) -> None:
    other = Project(tmp_path / "other")
    git("clone", "--quiet", tmp_path / "ours.git", other.root, cwd=tmp_path)
    run("pull", cwd=other.root)
    fill(other, "other")
    other.save("data")
    run("push", cwd=other.root)
    assert len(list((tmp_path / "remote/indexes").glob("*.repository"))) == 1
    other.git("push", "--quiet")
    ours.git("fetch", "--quiet")
    collected(ours)
    collected(ours)
    assert is_whole(other)


def test_an_entry_costs_no_request_once_it_is_there(run: Run, tmp_path: Path, ours: Project) -> None:
    (entry,) = (tmp_path / "remote/indexes").glob("*.repository")
    before = entry.stat()
    run("push", cwd=ours.root)
    assert entry.stat().st_mtime_ns == before.st_mtime_ns
    assert "repository" in run("remote", "check", cwd=ours.root).out
    (found,) = run("remote", "check", "--json", cwd=ours.root).json["repositories"]
    assert (found["name"], found["url"]) == ("ours", "")
    assert entry.name.startswith(found["id"])


def test_a_damaged_entry_stops_a_gc(tmp_path: Path, ours: Project) -> None:
    (entry,) = (tmp_path / "remote/indexes").glob("*.repository")
    entry.chmod(0o644)
    entry.write_bytes(entry.read_bytes()[:-1])
    assert "is damaged" in collected(ours, rc=6).err
    entry.unlink()
    run_dver("push", cwd=ours.root)
    assert entry.exists()
    collected(ours)
