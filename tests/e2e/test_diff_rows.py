"""`dver diff --rows`: rows of changed tables."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support import Run
from workspaces import Project, write

OLD = b"id,name,price\n1,ann,10\n2,bob,20\n3,cy,30\n"
NEW = b"id,name,price\n1,ann,11\n3,cy,30\n4,dee,40\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with two versions of a table, and another one in the workspace."""
    project = Project.make(tmp_path / "project")
    write(project.root, {"data/users.csv": OLD, "data/same.csv": OLD, "data/notes.txt": b"a"})
    project.save("data")
    project.git("tag", "v1")
    write(project.root, {"data/users.csv": NEW, "data/notes.txt": b"b"})
    project.save("data")
    return project


def test_prints_counts_columns_and_samples(run: Run, project: Project) -> None:
    done = run("diff", "v1", "HEAD", "data", "--rows", "--key", "id", cwd=project.root)
    assert done.out.splitlines() == [
        "data/users.csv: 1 added, 1 removed, 1 changed, 1 unchanged rows",
        "  changed cells: price 1",
        "  ~ id=1  price: 10 -> 11",
        "  + id=4",
        "  - id=2",
    ]
    assert "1 more changed path without rows to compare" in done.err


def test_compares_the_workspace_and_single_files(run: Run, project: Project) -> None:
    write(project.root, {"data/users.csv": NEW + b"5,eve,50\n"})
    done = run("diff", "--rows", "users.csv", cwd=project.root / "data")
    assert done.out.splitlines() == ["users.csv: 1 added, 3 unchanged rows", "  + 5, eve, 50"]
    assert run("diff", "--rows", "data/same.csv", cwd=project.root).out == ""


def test_json_has_everything(run: Run, project: Project) -> None:
    done = run("diff", "v1", "HEAD", "--rows", "--key", "id", "--json", "--exit-code", cwd=project.root, rc=1)
    (table,) = done.json["tables"]
    assert table["path"] == "data/users.csv"
    assert table["difference"]["changed_cells"] == {"price": 1}
    assert table["error"] is None


def test_wrong_arguments_are_errors(run: Run, project: Project) -> None:
    refused = run("diff", "v1", "HEAD", "--rows", "--key", "nothing", cwd=project.root, rc=2)
    assert "no column 'nothing' in both versions" in refused.err
    assert "--key and --limit need --rows" in run("diff", "--key", "id", cwd=project.root, rc=2).err
    write(project.root, {"data/users.csv": b'id,name\n"open\n'})
    run("diff", "--rows", "data/users.csv", cwd=project.root, rc=6)


def test_a_missing_content_names_the_command_that_gets_it(run: Run, project: Project, tmp_path: Path) -> None:
    run("remote", "add", "-d", "origin", tmp_path / "remote", cwd=project.root)
    run("push", "--all-commits", cwd=project.root)
    project.git("add", "-A")
    project.commit()
    project.git("tag", "v2")
    clone = project.clone(tmp_path / "clone", share=False)
    run("pull", cwd=clone.root)
    refused = run("diff", "v1", "v2", "--rows", "data/users.csv", cwd=clone.root, rc=5)
    fix = next(line for line in refused.err.splitlines() if line.startswith("fix: "))
    run(*fix.removeprefix("fix: dver ").split(), cwd=clone.root)
    assert "1 added" in run("diff", "v1", "v2", "--rows", "--key", "id", "data/users.csv", cwd=clone.root).out


def test_nothing_is_left_behind(run: Run, project: Project) -> None:
    run("diff", "v1", "HEAD", "--rows", cwd=project.root)
    run("diff", "v1", "--html", "page.html", cwd=project.root)
    assert list((project.root / ".git/dver").glob("scratch-*")) == []
    page = (project.root / "page.html").read_text()
    assert "rows: 3" in page
    assert "<td>price</td>" in page
    shutil.rmtree(project.root / "data")
    run("diff", "--rows", cwd=project.root)
