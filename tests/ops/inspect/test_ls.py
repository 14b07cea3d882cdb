"""Listing through the library: what is read, and what is not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dver.formats.tree import LEAF_MAX, Kind
from dver.ops.inspect.ls import ls
from dver.ops.track.add import add
from dver.ops.track.init import init
from dver.repo import Repository


@pytest.fixture
def repo(git_repo: Path) -> Iterator[Repository]:
    init(git_repo)
    (git_repo / "data/deep/deeper").mkdir(parents=True)
    (git_repo / "data/deep/deeper/tool").write_text("#!/bin/sh\n")
    (git_repo / "data/deep/deeper/tool").chmod(0o755)
    with Repository.open(git_repo) as opened:
        yield opened


def test_entries_have_kind_size_and_count(repo: Repository) -> None:
    add(repo, ["data"], cwd=repo.root)
    (top,) = ls(repo, cwd=repo.root).entries
    assert (top.path, top.kind, top.size, top.files, top.pointer) == (b"data", Kind.DIRECTORY, 10, 1, True)
    (tool,) = ls(repo, cwd=repo.root, recursive=True).entries
    assert (tool.path, tool.kind, tool.pointer) == (b"data/deep/deeper/tool", Kind.EXECUTABLE, False)


def test_overlapping_paths_list_each_entry_once(repo: Repository) -> None:
    add(repo, ["data"], cwd=repo.root)
    found = ls(repo, ["data", "data/deep", "data/deep/deeper", "data"], cwd=repo.root)
    assert [one.path for one in found.entries] == [b"data/deep", b"data/deep/deeper", b"data/deep/deeper/tool"]


def test_a_large_directory_is_listed_whole(repo: Repository) -> None:
    (repo.root / "many").mkdir()
    for number in range(LEAF_MAX + 1):
        (repo.root / "many" / str(number)).touch()
    add(repo, ["many"], cwd=repo.root)
    shutil.rmtree(repo.root / "many")
    found = ls(repo, ["many"], cwd=repo.root).entries
    assert len(found) == LEAF_MAX + 1
    assert found == tuple(sorted(found))


def test_a_project_in_a_subfolder_lists_its_own_data_only(git_repo: Path) -> None:
    for name in ("one", "two"):
        (git_repo / name).mkdir()
        (git_repo / name / "data").write_text(name)
        init(git_repo / name)
        with Repository.open(git_repo / name) as repo:
            add(repo, ["data"], cwd=git_repo / name)
    with Repository.open(git_repo / "two") as repo:
        assert [one.path for one in ls(repo, cwd=git_repo / "two").entries] == [b"two/data"]
