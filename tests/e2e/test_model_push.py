"""`--push` of `dver model`: data first, then the tag, and nothing half done."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from githooks import put_dver_on_path
from gitserver import git_server
from registering import ModelClone, make_model_project, model_clone
from support import git


@pytest.fixture
def project(tmp_path: Path) -> ModelClone:
    return make_model_project(tmp_path, "--no-hooks")


@pytest.fixture
def origin(project: ModelClone) -> Path:
    return project.root.parent / "origin.git"


def tags(origin: Path) -> list[str]:
    return git("tag", "--list", cwd=origin).splitlines()


def fix(said: str) -> str:
    """The command after `fix: `."""
    return said.rpartition("fix: ")[2].strip()


def test_the_data_of_an_unpushed_commit_is_on_the_remote_before_the_tag(project: ModelClone, origin: Path) -> None:
    project.commit("three")
    found = project.model("register", "churn", "--push")
    assert [line.split(" ")[0] for line in found.out.splitlines()] == ["pushed", "registered", "pushed"]
    assert found.out.endswith("pushed the tag churn@v0.0.1 to origin\n")
    assert found.err == ""
    other = model_clone(project.root.parent, "other")
    other.dver("fetch", "--rev", "churn@v0.0.1")
    assert other.dver("cat", "--rev", "churn@v0.0.1", "model.pkl").out == "three"
    assert tags(origin) == ["churn@v0.0.1"]


def test_the_registration_is_pushed_with_the_assignment(project: ModelClone, origin: Path) -> None:
    project.model("register", "churn")
    project.model("assign", "churn", "prod", "--push")
    assert tags(origin) == ["churn#prod#1", "churn@v0.0.1"]


def test_a_server_without_atomic_pushes_gets_the_registration_first(project: ModelClone, origin: Path) -> None:
    git("config", "receive.advertiseAtomic", "false", cwd=origin)
    project.model("register", "churn")
    project.model("assign", "churn", "prod", "--push")
    assert tags(origin) == ["churn#prod#1", "churn@v0.0.1"]


def test_tags_are_pushed_to_a_web_server_and_a_refusal_leaves_none(project: ModelClone, origin: Path) -> None:
    git("config", "http.receivepack", "true", cwd=origin)
    with git_server(origin.parent) as server:
        project.git("remote", "set-url", "origin", f"{server.url}/origin.git")
        project.model("register", "churn", "--push")
        project.model("assign", "churn", "prod", "--push")
        git("config", "http.receivepack", "false", cwd=origin)
        assert "refuses access" in project.model("deprecate", "churn", "--push", rc=7).err
    assert tags(origin) == project.tags() == ["churn#prod#1", "churn@v0.0.1"]


def test_a_change_that_was_not_pushed_is_pushed_by_the_same_command(project: ModelClone, origin: Path) -> None:
    project.model("register", "churn", "v1.0.0")
    project.model("assign", "churn", "prod")
    again = project.model("assign", "churn", "prod", "--push")
    assert again.out == "stage prod of churn is v1.0.0 already\npushed the tag churn#prod#1 to origin\n"
    assert tags(origin) == ["churn#prod#1", "churn@v1.0.0"]
    third = project.model("assign", "churn", "prod", "--push")
    assert third.out == "stage prod of churn is v1.0.0 already\norigin has the tag churn#prod#1\n"
    project.model("deprecate", "churn")
    project.model("deprecate", "churn", "--push")
    assert "churn@deprecated" in tags(origin)
    project.commit("three")
    project.model("register", "churn", "v2.0.0")
    project.model("register", "churn", "v2.0.0", "--push")
    other = model_clone(project.root.parent, "other")
    other.dver("fetch", "--rev", "churn@latest", "model.pkl")
    assert other.dver("cat", "--rev", "churn@latest", "model.pkl").out == "three"


def test_the_note_says_how_git_shares_a_tag_and_hooks_upload_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    monkeypatch.setenv("DVER_HOOKS_INSTALL", "true")
    project = make_model_project(tmp_path)
    project.commit("three")
    registered = project.model("register", "churn")
    command = shlex.split(registered.err.rpartition("to share it: ")[2])
    assert command == ["git", "push", "origin", "churn@v0.0.1"]
    project.git(*command[1:])
    assigned = project.model("assign", "churn", "prod")
    project.git(*shlex.split(assigned.err.rpartition("to share it: git ")[2]))
    assert tags(tmp_path / "origin.git") == ["churn#prod#1", "churn@v0.0.1"]
    other = model_clone(tmp_path, "other")
    other.dver("fetch", "--rev", "churn#prod", "model.pkl")
    assert other.dver("cat", "--rev", "churn#prod", "model.pkl").out == "three"


def test_without_hooks_the_note_pushes_the_data_first(
    tmp_path: Path, project: ModelClone, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    project.commit("three")
    registered = project.model("register", "churn")
    command = registered.err.rpartition("to share it: ")[2]
    assert command == "dver push --rev churn@v0.0.1 && git push origin churn@v0.0.1\n"
    subprocess.run(["sh", "-c", command], cwd=project.root, check=True)
    other = model_clone(tmp_path, "other")
    other.dver("fetch", "--rev", "churn@latest", "model.pkl")
    assert other.dver("cat", "--rev", "churn@latest", "model.pkl").out == "three"


def test_a_clone_without_tags_continues_their_numbers(project: ModelClone, origin: Path) -> None:
    project.model("register", "churn", "v1.0.0", "--push")
    project.model("assign", "churn", "prod", "--push")
    git("clone", "--quiet", "--no-tags", origin, "fresh", cwd=origin.parent)
    fresh = ModelClone(origin.parent / "fresh")
    assert fresh.tags() == []
    assert "already registered as v1.0.0" in fresh.model("register", "churn", "--push", rc=4).err
    fresh.dver("pull")
    fresh.commit("three")
    fresh.model("register", "churn", "--bump", "minor", "--push")
    fresh.model("assign", "churn", "prod", "--push")
    assert tags(origin) == ["churn#prod#1", "churn#prod#2", "churn@v1.0.0", "churn@v1.1.0"]


def test_a_shallow_clone_registers_what_changed_as_ci_does(project: ModelClone, origin: Path) -> None:
    project.model("register", "churn", "--push")
    project.commit("three")
    project.dver("push")
    project.git("push", "--quiet")
    git("clone", "--quiet", "--depth=1", f"file://{origin}", "ci", cwd=origin.parent)
    ci = ModelClone(origin.parent / "ci")
    ci.dver("config", "set", "--local", "remote.store.url", str(origin.parent / "store"))
    found = ci.model("register", "--changed", "--push", "--json").json
    assert [one["tag"] for one in found["registered"]] == ["churn@v0.0.2", "rows@v0.0.1"]
    assert tags(origin) == ["churn@v0.0.1", "churn@v0.0.2", "rows@v0.0.1"]
    assert ci.model("register", "--changed", "--push", "--json").json["unchanged"] == ["churn", "rows"]


def test_without_its_data_nothing_is_registered(project: ModelClone, origin: Path) -> None:
    project.commit("three")
    shutil.rmtree(project.root / ".git/dver/store")
    (project.root / "model.pkl").unlink()
    found = project.model("register", "churn", "--push", rc=5)
    assert "cannot be pushed: data.csv in commit" in found.err
    assert (project.tags(), tags(origin)) == ([], [])


def test_a_remote_that_cannot_be_reached_leaves_no_tag(project: ModelClone) -> None:
    project.git("remote", "set-url", "origin", "../missing.git")
    assert "error: no Git repository at ../missing.git" in project.model("register", "churn", "--push", rc=3).err
    assert project.tags() == []
    project.model("register", "churn")
    assert project.tags() == ["churn@v0.0.1"]


def test_a_host_that_refuses_tags_leaves_no_tag(project: ModelClone, origin: Path) -> None:
    hook = origin / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'tags are protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    found = project.model("register", "churn", "--push", rc=7)
    assert "cannot push to the Git repository" in found.err
    assert "tags are protected" in found.err
    assert (project.tags(), tags(origin)) == ([], [])


def test_a_tag_that_two_clones_made_is_named_and_the_fix_takes_the_pushed_one(
    project: ModelClone, origin: Path
) -> None:
    project.model("register", "churn", "v1.0.0", "--push")
    other = model_clone(origin.parent, "other")
    other.model("assign", "churn", "prod", "-m", "made offline")
    project.model("assign", "churn", "prod", "-m", "pushed first", "--push")
    found = other.model("unassign", "churn", "prod", "--push", rc=4)
    assert "error: the tag churn#prod#1 differs here and on 'origin'\n" in found.err
    _, _, command = fix(found.err).partition(": ")
    assert command == "git tag -d 'churn#prod#1'; git fetch origin --tags"
    for one in command.split("; "):
        other.git(*shlex.split(one)[1:])
    other.model("unassign", "churn", "prod", "--push")
    assert tags(origin) == ["churn#prod!#2", "churn#prod#1", "churn@v1.0.0"]


def test_without_a_git_remote_the_tag_cannot_be_pushed(project: ModelClone) -> None:
    project.git("remote", "rename", "origin", "one")
    project.git("remote", "add", "two", "../two.git")
    project.git("branch", "--unset-upstream")
    found = project.model("register", "churn", "--push", rc=2)
    assert "why: there are several: one, two\nfix: name one, such as --push one\n" in found.err
    project.model("register", "churn", "--push", "one")
    project.git("remote", "remove", "one")
    project.git("remote", "remove", "two")
    found = project.model("assign", "churn", "prod", "--push", rc=2)
    assert "why: this clone has no Git remote\nfix: git remote add origin URL" in found.err


def test_the_clock_of_another_machine_does_not_hide_a_change(project: ModelClone) -> None:
    project.model("register", "churn", "v1.0.0")
    future = 4_000_000_000
    tagged = {"GIT_COMMITTER_DATE": f"{future} +0000"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_COMMITTER_DATE", tagged["GIT_COMMITTER_DATE"])
        project.git("tag", "-a", "-m", "by a clock that is ahead", "churn#prod#1", "HEAD")
    project.git("commit", "-qm", "nothing", "--allow-empty")
    project.model("register", "churn", "v1.1.0")
    project.model("assign", "churn", "prod")
    assert project.dver("model", "list", "--json").json[0]["stages"] == {"prod": "v1.1.0"}
    assert project.dates()["churn#prod#2"] == future + 2


def test_registering_the_same_version_again_makes_no_tag(project: ModelClone, origin: Path) -> None:
    project.model("register", "churn", "--push")
    again = project.model("register", "churn", "v0.0.1", "--push")
    assert again.out == "churn v0.0.1 is registered already\norigin has the tag churn@v0.0.1\n"
    assert tags(origin) == ["churn@v0.0.1"]
