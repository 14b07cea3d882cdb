"""`dver model list`, `show` and `history`, of tags that git and dver made."""

from __future__ import annotations

import itertools
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Run, git

import dver
from dver.core.oid import Oid
from dver.formats.registry_tag import TagDetails, encode_message

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

    def make(*names: str, message: str = "text") -> None:
        for name in names:
            monkeypatch.setenv("GIT_COMMITTER_DATE", f"{next(SECONDS)} +0000")
            git("tag", "-a", "-m", message, name, cwd=project)

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


def commit_model(repo: Path, run: Run, content: str) -> str:
    """Track `content` as the model churn, and commit it. Returns the commit."""
    (repo / "m.bin").write_text(content)
    run("add", "m.bin")
    (repo / "dver.yaml").write_text(
        "artifacts: {churn: {path: m.bin, type: model, desc: Predicts who leaves, labels: [trees]}}"
    )
    git("add", "-A", cwd=repo)
    git("commit", "-qm", f"Train {content}", cwd=repo)
    return git("rev-parse", "HEAD", cwd=repo).strip()


def test_show_lists_the_versions_of_a_model(project: Path, tag: Callable[..., None], run: Run) -> None:
    commit_model(project, run, "one")
    tag("churn@v1.0.0", "churn#prod#1", "churn@v0.9.0", "churn@v0.9.0!")
    commit_model(project, run, "two")
    tag("churn@v1.1.0", message=encode_message("text", TagDetails(path="m.bin", type="model")))
    tag("churn#dev#2")
    lines = run("model", "show", "churn").out.splitlines()
    assert lines[:2] == ["churn (model)", "path: m.bin"]
    assert [(line.split()[0], line.split()[-1]) for line in lines[2:]] == [("v1.1.0", "dev"), ("v1.0.0", "prod")]


@pytest.mark.parametrize("reference", ["churn@v1.0.0", "churn@1.0.0", "churn#prod"])
def test_show_says_what_a_version_has(project: Path, tag: Callable[..., None], run: Run, reference: str) -> None:
    commit = commit_model(project, run, "one")
    details = TagDetails(path="m.bin", size=3, metrics={"metrics.json:auc": 0.912346}, experiment="brave-otter")
    tag("churn@v1.0.0", message=encode_message("First release", details))
    tag("churn#prod#1")
    shown = dict(line.split(maxsplit=1) for line in run("model", "show", reference).out.splitlines())
    assert shown["version"] == "churn@v1.0.0"
    assert shown["commit"] == commit
    assert shown["message"] == "First release"
    assert shown["metric"] == "metrics.json:auc = 0.91235"
    assert shown["data"] == "in the store"
    assert shown["content"].startswith("blake3:")
    assert "(3 B)" in shown["content"]
    assert (shown["about"], shown["labels"], shown["type"]) == ("Predicts who leaves", "trees", "model")
    assert (shown["stages"], shown["experiment"], shown["path"]) == ("prod", "brave-otter", "m.bin")
    selected = run("model", "show", reference, "--json").json["selected"]
    assert (selected["tag"], selected["data"], selected["commit"]) == ("churn@v1.0.0", "in the store", commit)


def test_show_says_where_the_data_is(project: Path, tag: Callable[..., None], run: Run) -> None:
    commit_model(project, run, "one")
    tag("churn@v1.0.0")
    (project / "m.bin").unlink()
    shutil.rmtree(project / ".git/dver/store")
    found = run("model", "show", "churn@v1.0.0")
    assert "the data is not in the store: dver remote add --default NAME URL" in found.err
    run("remote", "add", "-d", "origin", str(project.parent / "remote"))
    (project / "sub").mkdir()
    found = run("model", "show", "churn@v1.0.0", cwd=project / "sub")
    assert "the data is not in the store: dver fetch --rev churn@v1.0.0 ../m.bin" in found.err


def test_the_fix_for_missing_data_brings_it(project: Path, tag: Callable[..., None], run: Run) -> None:
    run("remote", "add", "-d", "origin", str(project.parent / "remote"))
    commit_model(project, run, "one")
    tag("churn@v1.0.0")
    run("push")
    shutil.rmtree(project / ".git/dver/store")
    (project / "m.bin").unlink()
    fix = run("model", "show", "churn#prod", rc=2).err
    assert "stages with a version: none" in fix
    fix = run("model", "show", "churn@v1.0.0").err.strip().partition(": dver ")[2]
    run(*shlex.split(fix))
    assert dver.Project.find().model.show("churn@v1.0.0").selected.data.value == "in the store"


def test_show_says_that_a_tag_was_moved(project: Path, tag: Callable[..., None], run: Run) -> None:
    commit_model(project, run, "one")
    pointer = git("show", "HEAD:m.bin.dver", cwd=project)
    content = re.search("blake3:[0-9a-f]{64}", pointer)
    assert content is not None
    commit_model(project, run, "two")
    details = TagDetails(path="m.bin", content=Oid.parse(content[0]))
    tag("churn@v1.0.0", message=encode_message("First release", details))
    assert "data        not what was registered" in run("model", "show", "churn@v1.0.0").out


def test_unknown_names_get_suggestions(project: Path, tag: Callable[..., None], run: Run) -> None:
    assert "this clone has no tags of the registry" in run("model", "show", "churn", rc=2).err
    tag("team=churn@v1.0.0")
    assert "did you mean 'team:churn'?" in run("model", "show", "churn", rc=2).err
    assert "did you mean 'team:churn'?" in run("model", "history", "teem:churn", rc=2).err
    assert "its versions: v1.0.0" in run("model", "show", "team:churn@v2.0.0", rc=2).err
    assert "invalid artifact 'team churn'" in run("model", "history", "team churn", rc=2).err


def test_history_has_the_version_of_each_event_newest_first(project: Path, tag: Callable[..., None], run: Run) -> None:
    tag("churn@v1.0.0", "churn#prod#1", "churn@v1.0.0!", "churn#prod!#2", "churn@deprecated", "other@v1.0.0")
    lines = run("model", "history", "churn").out.splitlines()
    assert [line[18:47].split("  ")[0] for line in lines] == [
        "deprecated",
        "v1.0.0 unassigned from prod",
        "v1.0.0 removed",
        "v1.0.0 assigned to prod",
        "v1.0.0 registered",
    ]
    events = run("model", "history", "churn", "--json", "-n", "2").json
    assert [(one["action"], one["version"], one["tag"]) for one in events] == [
        ("deprecation", None, "churn@deprecated"),
        ("unassignment", "v1.0.0", "churn#prod!#2"),
    ]
    assert [one.tag for one in dver.Project.find().model.history("churn", limit=1).events] == ["churn@deprecated"]


def test_long_histories_and_lists_end_early(project: Path, tag: Callable[..., None], run: Run) -> None:
    tag(*(f"churn@v1.{number}.0" for number in range(23)))
    assert run("model", "history", "churn").out.splitlines()[-1] == "… and 3 more (-v lists them)"
    assert len(run("model", "history", "churn", "-v").out.splitlines()) == 23
    assert run("model", "history", "churn", "-n", "1").out.splitlines()[-1] == "… and 22 more (-v lists them)"
    assert len(run("model", "history", "churn", "--json").json) == 23
    assert run("model", "show", "churn").out.splitlines()[-1] == "  … and 13 more (-v lists them)"
    assert len(run("model", "show", "churn", "-v").out.splitlines()) == 24


def test_list_and_history_need_no_dver_project(git_repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(git_repo)
    git("commit", "-qm", "first", "--allow-empty", cwd=git_repo)
    git("tag", "-a", "-m", "text", "churn@v1.0.0", cwd=git_repo)
    assert run("model", "list").out.split()[:2] == ["churn", "v1.0.0"]
    assert "v1.0.0 registered" in run("model", "history", "churn").out
