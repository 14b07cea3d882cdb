"""`dver diff --html`: a page in a file of its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support import Run
from workspaces import Project, write

from dver.tracking.browse import tracked_at
from dver.tracking.directory_listings import fetch_directories

DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a drawing in two versions; the workspace has a third one."""
    project = Project.make(tmp_path / "project")
    write(project.root, {"data/a.svg": DRAWING, "data/gone.txt": b"gone"})
    project.save("data")
    project.git("tag", "v1")
    write(project.root, {"data/a.svg": DRAWING.replace(b"9", b"8")})
    (project.root / "data/gone.txt").unlink()
    project.save("data")
    write(project.root, {"data/a.svg": DRAWING.replace(b"9", b"7")})
    return project


def test_writes_a_page_with_pictures_of_both_versions(run: Run, project: Project) -> None:
    done = run("diff", "v1", "HEAD", "--html", "page.html", cwd=project.root)
    assert done.out == ""
    assert "wrote page.html: 1 removed, 1 modified" in done.err
    page = (project.root / "page.html").read_text()
    assert "Changes from v1 to HEAD" in page
    assert page.count("data:image/svg+xml") == 2


def test_compares_with_the_workspace_by_default(run: Run, project: Project) -> None:
    run("diff", "--html", "pages/new.html", cwd=project.root)
    page = (project.root / "pages/new.html").read_text()
    assert "Changes from HEAD to the workspace" in page
    assert page.count("data:image/svg+xml") == 2


def test_a_content_that_is_not_in_the_store_is_named(run: Run, project: Project, tmp_path: Path) -> None:
    run("remote", "add", "-d", "origin", tmp_path / "remote", cwd=project.root)
    run("push", "--all-commits", cwd=project.root)
    project.git("add", "-A")
    project.commit()
    clone = project.clone(tmp_path / "clone", share=False)
    run("pull", cwd=clone.root)
    with clone.opened() as repo:
        fetch_directories(repo, [tracked.pointer.oid for tracked in tracked_at(repo, "v1").values()], [None])
    run("diff", "v1", "HEAD", "--html", "page.html", cwd=clone.root)
    page = (clone.root / "page.html").read_text()
    assert "before: not shown: not in the store, 67 B" in page
    assert page.count("data:image/svg+xml") == 1


def test_overwrites_its_own_pages_only(run: Run, project: Project) -> None:
    (project.root / "notes.html").write_text("my notes")
    refused = run("diff", "v1", "--html", "notes.html", cwd=project.root, rc=4)
    assert "'notes.html' already exists and is not a page of differences" in refused.err.replace(
        os.fspath(project.root) + "/", ""
    )
    assert (project.root / "notes.html").read_text() == "my notes"
    for _ in range(2):
        run("diff", "v1", "--html", "page.html", cwd=project.root)


def test_json_and_the_exit_code_go_with_a_page(run: Run, project: Project) -> None:
    done = run("diff", "v1", "--html", "page.html", "--json", "--exit-code", cwd=project.root, rc=1)
    assert [one["status"] for one in done.json["changes"]] == ["modified", "removed"]
    shutil.rmtree(project.root / "data")
    assert run("diff", "--html", "page.html", "--exit-code", cwd=project.root).rc == 0
