"""`dver model doctor`: each defect of a registry, with a fix that works when it is typed."""

from __future__ import annotations

import itertools
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import Run, git

import dver
from dver.core.oid import Oid
from dver.formats.registry_tag import TagDetails, encode_message

SECONDS = itertools.count(1_700_000_000)


@pytest.fixture
def project(git_repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a model, a remote, and a Git remote that has everything."""
    monkeypatch.chdir(git_repo)
    run("init", "--no-hooks")
    run("remote", "add", "-d", "origin", str(git_repo.parent / "data-remote"))
    (git_repo / "dver.yaml").write_text("artifacts: {churn: {path: m.bin, type: model}}")
    train(git_repo, run, "one")
    git("init", "-q", "--bare", git_repo.parent / "git-remote", cwd=git_repo)
    git("remote", "add", "origin", git_repo.parent / "git-remote", cwd=git_repo)
    git("push", "-q", "-u", "origin", "HEAD", cwd=git_repo)
    return git_repo


def train(repo: Path, run: Run, content: str) -> None:
    (repo / "m.bin").write_text(content)
    run("add", "m.bin", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", f"Train {content}", cwd=repo)
    run("push", cwd=repo)


def tag(repo: Path, *names: str, at: str = "HEAD", message: str = "text", time: int | None = None) -> None:
    for name in names:
        env = ("env", f"GIT_COMMITTER_DATE={time or next(SECONDS)} +0000")
        subprocess.run([*env, "git", "tag", "-a", "-m", message, name, at], cwd=repo, check=True)


def findings(run: Run, *options: str, cwd: Path | None = None, rc: int = 1) -> list[dict[str, Any]]:
    """The findings that are not ok."""
    found = run("model", "doctor", *options, "--json", cwd=cwd, rc=rc).json["findings"]
    return [one for one in found if one["level"] != "ok"]


def type_fix(fix: str, cwd: Path, run: Run) -> None:
    """Run the commands of a fix as a shell would."""
    for command in fix.rpartition(": ")[2].replace(" && ", "; ").split("; "):
        program, *arguments = shlex.split(command)
        if program == "dver":
            run(*arguments, cwd=cwd)
        else:
            git(*arguments, cwd=cwd)


def test_a_good_registry_has_no_problems(project: Path, run: Run) -> None:
    tag(project, "churn@v1.0.0", "churn#prod#1")
    git("push", "-q", "--tags", cwd=project)
    assert "no problems" in run("model", "doctor").out
    assert dver.Project.find().model.doctor().problems == 0


@pytest.mark.parametrize("kind", ["lightweight", "tree", "missing"])
def test_an_unusable_tag_can_be_removed_or_fetched_again(project: Path, run: Run, kind: str) -> None:
    tag(project, "other@v1.0.0")
    if kind == "lightweight":
        git("tag", "churn@v1.0.0", cwd=project)
    else:
        tag(project, "churn@v1.0.0", at="HEAD^{tree}" if kind == "tree" else "HEAD")
    git("push", "-q", "--tags", cwd=project)
    if kind == "missing":
        lost = git("rev-parse", "churn@v1.0.0", cwd=project).strip()
        (project / ".git/objects" / lost[:2] / lost[2:]).unlink()
    (found,) = (one for one in findings(run, "--offline") if one["topic"] == "tags")
    assert found["level"] == "problem"
    assert "churn@v1.0.0 is not used" in found["text"]
    type_fix(found["fix"], project, run)
    assert [one for one in findings(run, "--offline", rc=0) if one["topic"] == "tags"] == []
    names = git("tag", cwd=project).split()
    assert names == ["churn@v1.0.0", "other@v1.0.0"] if kind == "missing" else names == ["other@v1.0.0"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("my.model@v1.0.0", "the name of the artifact"),
        ("modèle@v1.0.0", "the name of the artifact"),
        ("churn@v1.0", "its version is not semantic"),
        ("churn@v01.0.0", "its version is not semantic"),
        ("churn#in_#3", "the name of the stage"),
        ("-x=y@v1.0.0@v2.0.0", "the name of the artifact"),
    ],
)
def test_names_that_are_nearly_of_the_registry_are_reported(project: Path, run: Run, name: str, why: str) -> None:
    git("update-ref", f"refs/tags/{name}", "HEAD", cwd=project)
    texts = [one["text"] for one in findings(run, "--offline", rc=0)]
    assert any(f"{name} is not used: {why}" in text for text in texts)


def test_other_tags_are_not_reported(project: Path, run: Run) -> None:
    tag(project, "churn@v1.0.0")
    for name in ("v1.0.0", "pkg@1.0.0", "a@b", "release@vertical"):
        git("tag", name, cwd=project)
    assert findings(run, "--offline", rc=0) == []
    git("tag", "issue#12", cwd=project)
    assert [one["level"] for one in findings(run, "--offline", rc=0)] == ["warning"]


def test_a_version_that_is_registered_twice(project: Path, run: Run) -> None:
    tag(project, "churn@v1.0.0")
    train(project, run, "two")
    tag(project, "churn@v1.0.0#2")
    (found,) = findings(run, "--offline", rc=0)
    assert "v1.0.0 of churn is registered twice: churn@v1.0.0 at commit" in found["text"]
    tag(project, "other@v1.0.0!")
    assert any(
        "removes v1.0.0 of other, which is not registered" in one["text"] for one in findings(run, "--offline", rc=0)
    )


def test_two_versions_on_one_commit(project: Path, run: Run) -> None:
    tag(project, "churn@v1.0.0-rc.1", "churn@v1.0.0")
    assert findings(run, "--offline", rc=0) == []
    tag(project, "churn#prod#1", message=encode_message("Assign", TagDetails(version="v1.0.0-rc.1")))
    (found,) = findings(run, "--offline", rc=0)
    assert "v1.0.0-rc.1, v1.0.0 of churn are at one commit, which has a stage: `gto` refuses" in found["text"]
    tag(project, "churn#dev#2")
    texts = [one["text"] for one in findings(run, "--offline", rc=0)]
    assert "churn#dev#2 is at a commit with the versions v1.0.0-rc.1, v1.0.0; v1.0.0 counts" in texts


def test_a_stage_of_a_commit_without_a_version(project: Path, run: Run) -> None:
    tag(project, "churn#prod#1")
    texts = [one["text"] for one in findings(run, "--offline", rc=0)]
    assert (
        f"stage prod of churn is at commit {git('rev-parse', 'HEAD', cwd=project)[:10]}, which has no version" in texts
    )


def test_times_that_contradict_numbers(project: Path, run: Run) -> None:
    tag(project, "churn@v1.0.0", time=1_600_000_000)
    tag(project, "churn#prod#2", time=1_600_000_010)
    tag(project, "churn#dev#1", time=1_600_000_020)
    (found,) = findings(run, "--offline", rc=0)
    assert "churn#dev#1 has a later time than churn#prod#2" in found["text"]


def test_details_that_were_edited_or_are_newer(project: Path, run: Run) -> None:
    tag(project, "churn@v1.0.0", message='text\n\ndver: {"format": 1, "size": -1}')
    tag(project, "churn@v1.1.0", message='text\n\ndver: {"format": 99}')
    levels = {one["text"].split(":")[0]: one["level"] for one in findings(run, "--offline") if one["topic"] == "tags"}
    assert levels == {"churn@v1.0.0": "problem", "churn@v1.1.0": "warning"}


def test_a_tag_that_was_moved_on_the_git_remote(project: Path, run: Run) -> None:
    tag(project, "churn@v1.0.0", "churn#prod#1")
    git("push", "-q", "--tags", cwd=project)
    git("tag", "-d", "churn@v1.0.0", cwd=project)
    tag(project, "churn@v1.0.0", message="moved")
    (found,) = findings(run)
    assert "churn@v1.0.0 is another tag on origin than in this clone" in found["text"]
    type_fix(found["fix"], project, run)
    assert findings(run, rc=0) == []


def test_tags_that_only_one_side_has(project: Path, run: Run) -> None:
    tag(project, "churn@v1.0.0")
    (found,) = findings(run, rc=0)
    assert found["text"] == "1 tag not on origin: churn@v1.0.0"
    type_fix(found["fix"], project, run)
    assert findings(run, rc=0) == []
    git("tag", "-d", "churn@v1.0.0", cwd=project)
    texts = {one["text"]: one["fix"] for one in findings(run, rc=0)}
    assert "this clone has no tags of the registry" in texts
    type_fix(texts["1 tag of origin not in this clone: churn@v1.0.0"], project, run)
    assert findings(run, rc=0) == []


@pytest.mark.parametrize("options", [["--no-tags"], ["--depth", "1"]])
def test_a_clone_without_tags_and_a_shallow_clone(project: Path, run: Run, options: list[str], tmp_path: Path) -> None:
    tag(project, "churn@v1.0.0", "churn#prod#1")
    train(project, run, "two")
    git("push", "-q", "origin", "HEAD", "--tags", cwd=project)
    clone = tmp_path / "clone"
    git("clone", "-q", *options, f"file://{tmp_path / 'git-remote'}", clone, cwd=tmp_path)
    assert "git fetch --tags" in run("model", "list", cwd=clone).err
    assert "git fetch --tags" in run("model", "show", "churn", cwd=clone, rc=2).err
    for found in findings(run, cwd=clone, rc=0):
        type_fix(found["fix"], clone, run)
    assert findings(run, cwd=clone, rc=0) == []
    assert run("model", "show", "churn#prod", "--json", cwd=clone).json["selected"]["version"] == "v1.0.0"
    assert "no problems" in run("model", "doctor", cwd=clone).out


def test_data_that_is_nowhere(project: Path, run: Run, tmp_path: Path) -> None:
    tag(project, "churn@v1.0.0")
    train(project, run, "two")
    tag(project, "churn@v1.1.0", "churn#prod#1", message=encode_message("text", TagDetails(version="v1.1.0")))
    git("push", "-q", "origin", "HEAD", "--tags", cwd=project)
    shutil.rmtree(tmp_path / "data-remote")
    (found,) = findings(run, rc=0)
    assert found["text"] == "churn@v1.1.0: its data is not on origin"
    type_fix(found["fix"], project, run)
    assert findings(run, rc=0) == []
    shutil.rmtree(project / ".git/dver/store")
    assert findings(run, rc=0) == []
    (found,) = findings(run, "--all")
    assert found["text"] == "churn@v1.0.0: its data is neither in the store nor on origin"
    (found,) = findings(run, "--offline", rc=0)
    assert found["text"] == "churn@v1.1.0: its data is not in the store, and no remote was asked"
    type_fix(found["fix"], project, run)
    assert findings(run, "--offline", rc=0) == []
    run("remote", "remove", "origin")
    shutil.rmtree(project / ".git/dver/store")
    (found,) = findings(run)
    assert found["text"] == "churn@v1.1.0: its data is not in the store, and there is no remote"


def test_a_commit_with_other_data_than_the_tag_records(project: Path, run: Run) -> None:
    tag(project, "churn@v1.0.0", message=encode_message("text", TagDetails(path="m.bin", content=Oid.of(b"two"))))
    tag(project, "lost@v1.0.0", message=encode_message("text", TagDetails(path="gone.bin")))
    tag(project, "unknown@v1.0.0")
    texts = {one["text"]: one["level"] for one in findings(run, "--offline")}
    assert texts == {
        "churn@v1.0.0: its commit has other data than the tag records: the tag was moved": "problem",
        "lost@v1.0.0: its commit does not have its path": "problem",
        "unknown@v1.0.0: no dver.yaml of its commit names its path": "warning",
    }


def test_a_commit_that_the_clone_does_not_have(project: Path, run: Run) -> None:
    train(project, run, "two")
    tag(project, "churn@v1.0.0")
    git("push", "-q", "origin", "HEAD:refs/heads/other", "--tags", cwd=project)
    lost = git("rev-parse", "HEAD", cwd=project).strip()
    git("reset", "-q", "--hard", "HEAD~1", cwd=project)
    git("update-ref", "-d", "refs/remotes/origin/other", cwd=project)
    git("reflog", "expire", "--expire=now", "--all", cwd=project)
    (project / ".git/objects" / lost[:2] / lost[2:]).unlink()
    assert "dver model doctor" in run("model", "show", "churn@v1.0.0").err
    (found,) = findings(run)
    assert found["text"] == f"churn@v1.0.0 names commit {lost}, which this clone does not have"
    type_fix(found["fix"], project, run)
    assert findings(run, rc=0) == []


def test_an_unreachable_git_remote_is_a_finding(project: Path, run: Run, tmp_path: Path) -> None:
    tag(project, "churn@v1.0.0")
    shutil.rmtree(tmp_path / "git-remote")
    (found,) = findings(run)
    assert (found["level"], found["topic"]) == ("problem", "remote")
