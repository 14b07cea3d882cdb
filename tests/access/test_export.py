"""Writing files of a repository to a new place."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from support import git
from workspaces import Project, listing, write

from dver.access.errors import PathNotFound
from dver.access.export import ExportedFiles, export, find_source
from dver.access.repositories import open_files
from dver.core.errors import CorruptError
from dver.core.progress import SILENT

BIG = os.urandom(5 << 20)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project.make(tmp_path / "project")
    write(
        project.root, {"data/a": b"a", "data/sub/big": BIG, "data/sub/holes": bytes(6 << 20), "code/run": b"#!/bin/sh"}
    )
    (project.root / "data/run").write_bytes(b"#!/bin/sh")
    (project.root / "data/empty").mkdir()
    for path in ("data/run", "code/run"):
        (project.root / path).chmod(0o755)
    for name, target in (("in", "sub/big"), ("out", "../README"), ("absolute", "/etc/hostname"), ("self", "self")):
        (project.root / "data" / name).symlink_to(target)
    (project.root / "latest").symlink_to("data/sub")
    project.add("data")
    git("add", "-A", cwd=project.root)
    git("commit", "-qm", "Data", cwd=project.root)
    return project


def make_tree(project: Project, entries: str) -> str:
    """Git's id of a tree with `entries`."""
    command = ["git", "mktree", "--missing"]
    done = subprocess.run(command, input=entries, cwd=project.root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def exported(project: Project, path: str, target: Path) -> ExportedFiles:
    files = open_files(project.root, rev="HEAD")
    with SILENT.task("get") as task:
        return export(files, find_source(files, path), os.fsencode(target), task)


def test_a_directory_keeps_links_and_executable_bits(project: Project, tmp_path: Path) -> None:
    done = exported(project, "data", tmp_path / "out")
    expected = project.ls("data")
    assert {path: one for path, one in listing(tmp_path / "out").items() if path != b"empty"} == {
        path: one for path, one in expected.items() if path != b"empty"
    }
    assert (done.files, done.leading_out) == (8, 2)
    assert (tmp_path / "out/run").stat().st_mode & stat.S_IXUSR


def test_the_top_has_files_of_git_and_data(project: Project, tmp_path: Path) -> None:
    exported(project, "", tmp_path / "out")
    found = listing(tmp_path / "out")
    assert found[b"code/run"] == ("executable", b"#!/bin/sh")
    assert found[b"data/sub/big"] == ("file", BIG)
    assert found[b"latest"] == ("link", b"data/sub")


def test_runs_of_zeros_become_holes(project: Project, tmp_path: Path) -> None:
    exported(project, "data/sub/holes", tmp_path / "holes")
    assert (tmp_path / "holes").read_bytes() == bytes(6 << 20)
    assert (tmp_path / "holes").stat().st_blocks * 512 < 1 << 20


def test_a_link_leads_to_what_is_written(project: Project, tmp_path: Path) -> None:
    exported(project, "latest", tmp_path / "dir")
    assert (tmp_path / "dir/big").read_bytes() == BIG
    exported(project, "data/in", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BIG
    exported(project, "data/out", tmp_path / "readme")
    assert (tmp_path / "readme").read_bytes() == b"A project.\n"


@pytest.mark.parametrize("path", ["data/absolute", "data/self", "data/none"])
def test_a_link_to_elsewhere_or_to_itself_is_refused(project: Project, tmp_path: Path, path: str) -> None:
    with pytest.raises(PathNotFound):
        exported(project, path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_path_into_a_git_directory_is_refused(project: Project, tmp_path: Path) -> None:
    """A tree that no Git writes, as a hostile server may send it."""
    blob = git("hash-object", "-w", "README", cwd=project.root).strip()
    inner = make_tree(project, f"100644 blob {blob}\thooks\n")
    outer = make_tree(project, f"040000 tree {inner}\t.GIT\n")
    commit = git("commit-tree", "-m", "Hostile", outer, cwd=project.root).strip()
    files = open_files(project.root, rev=commit)
    with SILENT.task("get") as task, pytest.raises(CorruptError, match="cannot write"):
        export(files, find_source(files, ""), os.fsencode(tmp_path / "out"), task)
    assert not (tmp_path / "out/.GIT").exists()
