"""`dver ls` through the real command line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support import Run, git


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    """Data that is tracked, committed as v1, and gone from the workspace."""
    run("init", cwd=git_repo)
    (git_repo / "data/sub").mkdir(parents=True)
    (git_repo / "data/empty").mkdir()
    (git_repo / "data/a").write_text("one\n")
    (git_repo / "data/sub/b").write_text("three\n")
    (git_repo / "data/link").symlink_to("a")
    (git_repo / "models").mkdir()
    (git_repo / "models/net.bin").write_bytes(b"x" * 1500)
    run("add", "data", "models/net.bin", cwd=git_repo)
    git("commit", "-qm", "v1", cwd=git_repo)
    git("tag", "v1", cwd=git_repo)
    shutil.rmtree(git_repo / "data")
    (git_repo / "models/net.bin").unlink()
    return git_repo


def test_ls_lists_what_is_tracked_without_the_data(run: Run, project: Path) -> None:
    assert run("ls", cwd=project).out == "data/\nmodels/net.bin\n"
    assert run("ls", "models", cwd=project).out == "models/net.bin\n"
    assert run("ls", "models/net.bin.dver", cwd=project).out == "models/net.bin\n"


def test_ls_of_a_tracked_directory_lists_its_entries(run: Run, project: Path) -> None:
    assert run("ls", "data", cwd=project).out == "data/a\ndata/empty/\ndata/link\ndata/sub/\n"
    assert run("ls", "data/sub", "data/a", cwd=project).out == "data/a\ndata/sub/b\n"


def test_ls_recursive_lists_files_links_and_empty_directories(run: Run, project: Path) -> None:
    expected = ["data/a", "data/empty/", "data/link", "data/sub/b", "models/net.bin"]
    assert run("ls", "-R", cwd=project).out.splitlines() == expected


def test_ls_names_paths_as_seen_from_the_current_directory(run: Run, project: Path) -> None:
    (project / "other").mkdir()
    assert run("ls", "../models", cwd=project / "other").out == "../models/net.bin\n"
    assert "no tracked data" in run("ls", cwd=project / "other").err
    (project / "data/sub").mkdir(parents=True)
    assert run("ls", cwd=project / "data/sub").out == "b\n"


def test_ls_with_sizes_counts_and_adds_up(run: Run, project: Path) -> None:
    result = run("ls", "--size", cwd=project)
    assert [line.split() for line in result.out.splitlines()] == [
        ["11", "B", "3", "files", "data/"],
        ["1.5", "kB", "1", "file", "models/net.bin"],
    ]
    assert "1.5 kB in 4 files" in result.err


def test_ls_at_a_revision_lists_what_was_tracked_then(run: Run, project: Path) -> None:
    git("rm", "-q", "data.dver", cwd=project)
    git("commit", "-qm", "v2", cwd=project)
    assert run("ls", cwd=project).out == "models/net.bin\n"
    assert run("ls", "--rev", "v1", "data/sub", cwd=project).out == "data/sub/b\n"
    assert "unknown revision" in run("ls", "--rev", "v9", cwd=project, rc=2).err


def test_ls_as_json_has_sizes_kinds_and_oids(run: Run, project: Path) -> None:
    first, *_ = run("ls", "--json", "data", cwd=project).json
    assert first["path"] == "data/a"
    assert (first["kind"], first["size"], first["files"], first["pointer"]) == ("file", 4, 1, False)
    assert first["oid"].startswith("blake3:")


def test_ls_needs_trees_only_where_it_looks_into_a_directory(run: Run, project: Path) -> None:
    shutil.rmtree(project / ".git/dver/store")
    assert run("ls", cwd=project).out == "data/\nmodels/net.bin\n"
    assert "fix: dver fetch data" in run("ls", "data", cwd=project, rc=5).err
    assert "dver fetch --rev v1 data" in run("ls", "-R", "--rev", "v1", cwd=project, rc=5).err


def test_ls_of_what_is_not_there_is_an_error_with_a_fix(run: Run, project: Path) -> None:
    assert "did you mean 'data'" in run("ls", "dta", cwd=project, rc=2).err
    assert "does not exist in the tracked data" in run("ls", "data/nope", cwd=project, rc=2).err
    assert "cannot exist" in run("ls", "models/net.bin/x", cwd=project, rc=2).err
    assert "outside of the project" in run("ls", "..", cwd=project, rc=2).err


def test_ls_quotes_names_that_would_break_lines(run: Run, git_repo: Path) -> None:
    run("init", cwd=git_repo)
    (git_repo / "data").mkdir()
    for name in (b"new\nline", b"\xff", " end "):
        Path(os.fsdecode(os.path.join(os.fsencode(git_repo), b"data", os.fsencode(name)))).write_text("x")
    run("add", "data", cwd=git_repo)
    assert run("ls", "data", cwd=git_repo).out.splitlines() == ['"data/ end "', '"data/new\\nline"', '"data/\\377"']
