"""Plans of imports: which tracked data and which files of Git a path of another repository brings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from workspaces import Project, write

from dver.access.errors import PathNotFound
from dver.access.project_files import ProjectFiles
from dver.core.errors import CorruptError
from dver.repo import Repository
from dver.sources.import_plan import ImportPlan, plan_import
from dver.sources.source_repository import opened_source


@pytest.fixture
def source(tmp_path: Path) -> Project:
    """A project whose directory `data` has tracked data and files of Git."""
    project = Project.make(tmp_path / "source")
    write(project.root, {"data/images/train/1.png": b"1", "data/images/2.png": b"22", "data/labels.csv": b"l"})
    write(project.root, {"data/README": b"r", "data/sub/code.py": b"c", "data/.gitignore": b"/tmp\n"})
    (project.root / "data/link").symlink_to("README")
    project.add("data/images", "data/labels.csv")
    project.git("add", "-A")
    project.commit()
    return project


@pytest.fixture
def files(source: Project) -> Iterator[ProjectFiles]:
    with Repository.open(source.root) as repo:
        opened = opened_source(repo, os.fspath(source.root), None)
    yield opened
    opened.close()


def parts(plan: ImportPlan) -> tuple[list[bytes], list[bytes]]:
    return sorted(part.path for part in plan.tracked), sorted(part.path for part in plan.contents)


def test_tracked_data_and_parts_of_it_are_one_part(files: ProjectFiles) -> None:
    for path, size in (("data/images", 3), ("data/images/train/", 1), ("data/images/2.png", 2), ("data/labels.csv", 1)):
        plan = plan_import(files, path)
        assert parts(plan) == ([b""], [])
        assert plan.tracked[0].entry.size == size
        assert not plan.is_directory


def test_a_file_of_git_is_one_part(files: ProjectFiles) -> None:
    plan = plan_import(files, "data/README")
    assert parts(plan) == ([], [b""])
    assert not plan.is_directory
    assert plan_import(files, "data/link").contents[0].info.path == "data/README"


def test_a_directory_of_git_brings_everything_below_it_but_bookkeeping(files: ProjectFiles) -> None:
    plan = plan_import(files, "data")
    assert parts(plan) == ([b"images", b"labels.csv"], [b"README", b"link", b"sub/code.py"])
    assert plan.is_directory
    assert {path.split(b"/")[0] for path in parts(plan_import(files, ""))[1]} == {b"README", b"data"}


def test_a_missing_path_and_a_directory_without_files_are_refused(source: Project, files: ProjectFiles) -> None:
    with pytest.raises(PathNotFound, match="'data/imagez' does not exist"):
        plan_import(files, "data/imagez")
    with pytest.raises(PathNotFound, match="outside of the repository"):
        plan_import(files, "../source/data")
    write(source.root, {"only/.gitignore": b"/x\n"})
    source.git("add", "-f", "only/.gitignore")
    source.commit()
    with Repository.open(source.root) as repo:
        opened = opened_source(repo, os.fspath(source.root), None)
        with pytest.raises(PathNotFound, match="no files to import"):
            plan_import(opened, "only")


def test_a_name_that_is_dangerous_is_refused(source: Project) -> None:
    blob = source.git("hash-object", "-w", "data/README").strip()
    allowed = ("-c", "core.protectNTFS=false")
    source.git(*allowed, "update-index", "--add", "--cacheinfo", f"100644,{blob},bad/GIT~1")
    source.git(*allowed, "commit", "-qm", "Bad")
    with Repository.open(source.root) as repo, pytest.raises(CorruptError, match="cannot import 'GIT~1'"):
        plan_import(opened_source(repo, os.fspath(source.root), None), "bad")
