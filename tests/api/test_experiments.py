"""`project.experiments()`, and the methods that compare experiments."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from support import git

import dver


@pytest.fixture
def project(git_repo: Path) -> dver.Project:
    project = dver.Project.init(git_repo, hooks=False)
    (git_repo / "dver.yaml").write_text("stages: {t: {cmd: ':', params: [lr], metrics: [{m.json: {cache: false}}]}}")
    for name, lr, auc in (("", 0.5, 0.5), ("one", 0.1, 0.7), ("two", 0.2, 0.9)):
        (git_repo / "params.yaml").write_text(f"lr: {lr}\n")
        (git_repo / "m.json").write_text(json.dumps({"auc": auc, name or "base": 1}))
        if name:
            project.exp.save(name=name)
        else:
            git("add", "-A", cwd=git_repo)
            git("commit", "-qm", "baseline", cwd=git_repo)
    return project


def test_experiments_are_flat_records_with_the_same_keys(project: dver.Project) -> None:
    two, one = project.experiments()
    assert list(two) == list(one)
    assert (one["name"], one["status"], one["lr"], one["auc"], one["one"], one["two"]) == (
        "one",
        "done",
        0.1,
        0.7,
        1,
        None,
    )
    assert one["created"] < two["created"] < datetime.now(UTC)
    assert two["duration"] >= 0
    assert [row["name"] for row in project.experiments(filter="auc > 0.8")] == ["two"]
    assert [row["name"] for row in project.experiments(sort=["auc"], limit=1)] == ["one"]


def test_experiments_make_a_data_frame(project: dver.Project) -> None:
    frame = pd.DataFrame(project.experiments()).set_index("name")
    assert frame.loc["two", "auc"] == 0.9
    assert str(frame["created"].dtype).startswith("datetime64")


def test_a_table_and_a_difference_are_values(project: dver.Project, tmp_path: Path) -> None:
    table = project.exp.show(sort=["-auc"])
    assert [row.name for row in table.rows] == ["workspace", "main", "two", "one"]
    assert [one.title for one in table.columns] == ["auc", "two", "base", "one", "lr"]
    assert "two" in table._repr_html_()
    page = project.exp.write_page(table, tmp_path / "page.html", pcp=True)
    assert b"auc" in page.read_bytes()
    (change,) = project.exp.diff("one", "two").params["params.yaml"]
    assert (change.old, change.new) == (0.1, 0.2)
    with pytest.raises(dver.UsageError, match="no experiment 'three'"):
        project.exp.diff("three")
