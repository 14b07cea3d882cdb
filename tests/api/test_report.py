"""`project.report`, `render_report` and `write_report`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from workspaces import Project, write

import dver


@pytest.fixture
def project(tmp_path: Path) -> dver.Project:
    made = Project.make(tmp_path / "repo")
    write(made.root, {"params.yaml": b"lr: 0.5\n", "dver.yaml": b"params: [params.yaml]\n"})
    made.git("add", "-A")
    made.commit("first")
    write(made.root, {"params.yaml": b"lr: 0.75\n"})
    return dver.Project.open(made.root)


def test_a_report_has_sections(project: dver.Project) -> None:
    found = project.report(against="HEAD")

    assert found.has_changes
    assert [one.key for one in found.shown()] == ["params"]
    assert found.sections[1].body.facts["changes"] == [{"path": "params.yaml", "name": "lr", "old": 0.5, "new": 0.75}]
    assert repr(found).startswith("PullRequestReport(old=")


def test_a_report_has_three_forms(project: dver.Project) -> None:
    found = project.report(against="HEAD")

    assert "| `params.yaml` | `lr` | 0.5 | 0.75 |" in project.render_report(found)
    assert project.render_report(found, "html").startswith("<!DOCTYPE html>")
    assert json.loads(project.render_report(found, "json"))["sections"]["params"]["changed"] == 1


@pytest.mark.parametrize("name", ["a.md", "a.html", "a.json", "a"])
def test_the_name_of_a_file_decides_the_form(project: dver.Project, name: str) -> None:
    written = project.write_report(project.report(against="HEAD"), f"out/{name}")

    content = written.path.read_text()
    assert written.size == len(content.encode())
    starts = {"a.html": "<!DOCTYPE html>", "a.json": '{\n  "format": "dver report",'}
    assert content.startswith(starts.get(name, "<!-- made by dver report -->\n## Changes from"))
    with pytest.raises(dver.ConflictError):
        project.write_report(project.report(against="HEAD"), "params.yaml")
