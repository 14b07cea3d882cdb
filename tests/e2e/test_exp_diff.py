"""`dver exp diff`: parameters, metrics, code and data of two experiments."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support import Run, git

PIPELINE = """\
stages:
  train:
    cmd: cp data/a model
    deps: [data/a]
    params: [lr]
    outs: [model]
metrics: [m.json]
"""


@pytest.fixture
def project(git_repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the experiments `one` and `two`, and a workspace like `two`."""
    repo = git_repo
    monkeypatch.chdir(repo)
    run("init", "--no-hooks")
    (repo / "data").mkdir()
    for name in "abc":
        (repo / "data" / name).write_text(name)
    run("add", "data")
    (repo / "dver.yaml").write_text(PIPELINE)
    (repo / "params.yaml").write_text("lr: 0.1\nsame: 1\n")
    (repo / "m.json").write_text('{"auc": 0.5}')
    (repo / "train.py").write_text("first\nsecond\n")
    (repo / "picture").write_bytes(b"\0\1")
    run("repro")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "pipeline", cwd=repo)
    run("exp", "save", "-n", "one")
    (repo / "params.yaml").write_text("lr: 0.2\nsame: 1\nnew: x\n")
    (repo / "m.json").write_text('{"auc": 0.75, "loss": 5.0}')
    (repo / "train.py").write_text("first\nthird\nfourth\n")
    (repo / "untracked\n.py").write_text("new\n")
    (repo / "picture").write_bytes(b"\0\2")
    (repo / "data" / "a").write_text("changed")
    (repo / "data" / "b").unlink()
    (repo / "data" / "d").write_text("d")
    (repo / "data" / "c").rename(repo / "data" / "e")
    run("add", "data")
    run("repro")
    run("exp", "save", "-n", "two")
    return repo


def found(run: Run, *args: str) -> dict[str, Any]:
    result = json.loads(run("exp", "diff", "--json", *args).out)
    assert isinstance(result, dict)
    return result


def test_two_experiments_differ_in_values_code_and_files_of_data(project: Path, run: Run) -> None:
    result = found(run, "one", "two")
    assert (result["old"]["name"], result["new"]["status"]) == ("one", "done")
    assert result["params"] == {"params.yaml": {"lr": {"old": 0.1, "new": 0.2}, "new": {"new": "x"}}}
    assert result["metrics"] == {"m.json": {"auc": {"old": 0.5, "new": 0.75, "diff": 0.25}, "loss": {"new": 5.0}}}
    lines = {one["path"]: (one["added"], one["removed"]) for one in result["code"]}
    assert lines == {"train.py": (2, 1), "untracked\n.py": (1, 0), "picture": (None, None)}
    data, model = result["data"]
    assert (data["path"], data["is_output"]) == ("data", False)
    assert [data[key] for key in ("added", "removed", "modified", "renamed")] == [1, 1, 1, 1]
    assert (model["path"], model["is_output"], model["modified"]) == ("model", True, 1)
    text = run("exp", "diff", "one", "two").out
    assert "  auc    0.5  0.75   +0.25\n" in text
    assert "1 added, 1 removed, 1 modified, 1 renamed" in text
    assert "binary" in text
    assert '"untracked\\n.py"' in text


def test_the_workspace_is_the_default_and_has_its_untracked_files(project: Path, run: Run) -> None:
    before = git("status", "--porcelain", cwd=project)
    assert found(run, "one")["code"] == found(run, "one", "two")["code"]
    assert found(run)["data"] == found(run, "one", "two")["data"]
    same = run("exp", "diff", "two")
    assert (same.out, same.err) == ("", "two and workspace do not differ\n")
    assert git("status", "--porcelain", cwd=project) == before


def test_sides_are_experiments_by_name_or_id_revisions_and_the_workspace(project: Path, run: Run) -> None:
    (one, two) = json.loads(run("exp", "list", "--json").out)
    assert found(run, one["id"][:8], two["commit"][:10])["params"] == found(run, "one", "two")["params"]
    assert found(run, "workspace", "HEAD")["params"]["params.yaml"]["lr"] == {"old": 0.2, "new": 0.1}
    wrong = run("exp", "diff", "oen", "two", rc=2)
    assert "no experiment 'oen'" in wrong.err
    assert "did you mean one?" in wrong.err


def test_the_patch_is_that_of_git_for_the_code_alone(project: Path, run: Run) -> None:
    text = run("exp", "diff", "one", "two", "--patch").out
    assert "-second\n+third\n+fourth\n" in text
    assert "params.yaml" not in text
    assert "data.dver" not in text
    assert "+third" in found(run, "one", "two", "--patch")["patch"]


def test_markdown_has_a_table_for_each_kind(project: Path, run: Run) -> None:
    lines = run("exp", "diff", "one", "two", "--md").out.splitlines()
    assert [line for line in lines if line.startswith(("| Metric", "| Param", "| Code", "| Data"))] == [
        "| Metric | one | two | Change |",
        "| Param | one | two |",
        "| Code | Lines |",
        "| Data | Files | Content |",
    ]


def test_data_that_is_not_in_the_store_is_still_known_to_differ(project: Path, run: Run) -> None:
    shutil.rmtree(project / ".git" / "dver" / "store")
    (project / ".git" / "dver" / "index.db").unlink()
    result = run("exp", "diff", "one", "two")
    assert "not in the store" in result.out
    assert "dver fetch" in result.err
    assert found(run, "one", "two")["data"][0]["error"]["exit_code"] == 5
