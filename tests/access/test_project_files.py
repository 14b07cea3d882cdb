"""Reading a project's files at a revision: from the workspace, the store, and the remote."""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support import git
from workspaces import Project, write

from dver.access.errors import NotADirectory, NotAFile, PathNotFound
from dver.access.files import FileInfo, Files
from dver.access.repositories import open_files
from dver.core.errors import CorruptError, UsageError
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote
from dver.repo import Repository

BIG = bytes(os.urandom(1 << 20)) * 3 + b"the end"
DATA = {"data/a.csv": b"a,b\n1,2\n", "data/deep/b.bin": BIG, "data/empty": b"", "code.py": b"print()\n"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose first commit has DATA on its remote, and whose workspace has another version of a.csv."""
    project = Project.make(tmp_path / "project")
    write(project.root, DATA)
    (project.root / "data" / "run.sh").write_bytes(b"#!/bin/sh\n")
    (project.root / "data" / "run.sh").chmod(0o755)
    (project.root / "data" / "link").symlink_to("a.csv")
    (project.root / "data" / "outward").symlink_to("/etc/hostname")
    project.add("data")
    git("add", "-A", cwd=project.root)
    git("commit", "-qm", "Data", cwd=project.root)
    git("tag", "v1", cwd=project.root)
    with Repository.open(project.root) as repo:
        add_remote(repo, "origin", os.fspath(tmp_path / "remote"), default=True)
        push(repo, cwd=project.root)
    write(project.root, {"data/a.csv": b"a,b\n3,4\n"})
    return project


@pytest.fixture
def without_store(project: Project) -> Project:
    """The same project, whose data is on the remote only."""
    shutil.rmtree(project.root / ".git" / "dver" / "store")
    (project.root / ".git" / "dver" / "index.db").unlink()
    return project


def at(project: Project, rev: str | None = "v1") -> Files:
    """The files of `project` at `rev`."""
    return open_files(project.root, rev=rev)


def is_read_from_workspace(project: Project, path: str) -> bool:
    """Does a scan trust the file at `path`? One that was written just now may have changed without a trace."""
    project.status("data")
    with at(project, None).open(path) as file:
        return isinstance(file, io.FileIO)


def test_lists_files_of_git_and_tracked_data_together(project: Project) -> None:
    names = [info.path for info in at(project).ls()]
    assert names == [".dver", ".gitignore", "README", "code.py", "data", "data.dver"]


def test_lists_a_tracked_directory_with_kinds_and_sizes(project: Project) -> None:
    found = {info.name: (info.kind, info.size, info.executable) for info in at(project).ls("data")}
    assert found == {
        "a.csv": ("file", 8, False),
        "deep": ("directory", len(BIG), False),
        "empty": ("file", 0, False),
        "link": ("link", 5, False),
        "outward": ("link", 13, False),
        "run.sh": ("file", 10, True),
    }


def test_walks_below_a_directory(project: Project) -> None:
    assert [info.path for info in at(project).walk("data/deep")] == ["data/deep/b.bin"]
    assert "data/deep/b.bin" in [info.path for info in at(project).walk()]


@pytest.mark.parametrize("where", ["project", "without_store"])
def test_reads_the_version_of_the_revision(where: str, request: pytest.FixtureRequest) -> None:
    files = at(request.getfixturevalue(where))
    assert files.read("data/a.csv") == b"a,b\n1,2\n"
    assert files.read("data/deep/b.bin") == BIG
    assert files.read("data/empty") == b""
    assert files.read("data/link") == b"a,b\n1,2\n"
    assert files.read("code.py") == b"print()\n"
    assert files.read_range("data/deep/b.bin", len(BIG) - 7, 100) == b"the end"


def test_without_a_revision_reads_what_the_pointers_on_disk_name(project: Project) -> None:
    assert at(project, None).read("data/a.csv") == b"a,b\n1,2\n"  # the pointer still names the former version
    assert at(project, None).read("code.py") == b"print()\n"


def test_reads_unchanged_files_from_the_workspace(project: Project) -> None:
    while not is_read_from_workspace(project, "data/deep/b.bin"):
        time.sleep(0.01)
    with at(project, None).open("data/deep/b.bin") as file:
        assert isinstance(file, io.FileIO)
        assert file.name == os.fsencode(project.root / "data/deep/b.bin")
        assert file.read() == BIG
    write(project.root, {"data/deep/b.bin": b"changed"})
    with at(project, None).open("data/deep/b.bin") as file:
        assert file.read() == BIG


def test_an_open_file_seeks_and_reads_in_order(without_store: Project) -> None:
    with at(without_store).open("data/deep/b.bin") as file:
        assert file.seek(-7, os.SEEK_END) == len(BIG) - 7
        assert file.read(3) == b"the"
        file.seek(0)
        assert b"".join(iter(lambda: file.read(100_000), b"")) == BIG
        assert file.read() == b""


def test_reads_many_files_in_the_given_order(without_store: Project) -> None:
    files = at(without_store)
    wanted = [info for info in files.walk("data") if info.kind == "file"]
    found = list(files.read_many([*reversed(wanted), files.info("code.py")]))
    assert [info.path for info, _ in found][-1] == "code.py"
    assert {info.path: content for info, content in found}["data/deep/b.bin"] == BIG
    assert [info for info, _ in found[:-1]] == list(reversed(wanted))


def test_wrong_paths_are_errors_that_say_why(project: Project) -> None:
    files = at(project)
    with pytest.raises(PathNotFound) as caught:
        files.info("data/none")
    assert str(caught.value) == "'data/none' does not exist at " + str(files.commit)[:12]
    assert isinstance(caught.value, FileNotFoundError)
    with pytest.raises(PathNotFound):
        files.ls("../elsewhere")
    with pytest.raises(NotAFile):
        files.read("data")
    with pytest.raises(NotADirectory):
        files.ls("data/a.csv")
    with pytest.raises(PathNotFound, match="outward") as led:
        files.read("data/outward")
    assert led.value.why == "it is a link to '/etc/hostname', outside of the repository"
    with pytest.raises(UsageError, match="unknown revision"):
        at(project, "v9")


def test_paths_are_relative_to_the_opened_directory(project: Project) -> None:
    files = open_files(project.root / "data", rev="v1")
    assert files.read("a.csv") == b"a,b\n1,2\n"
    assert [info.path for info in files.ls("deep")] == ["deep/b.bin"]
    assert files.read("../code.py") == b"print()\n"


def test_wrong_bytes_on_the_remote_are_never_returned(without_store: Project) -> None:
    for pack in (without_store.root.parent / "remote" / "packs").rglob("*.pack"):
        content = bytearray(pack.read_bytes())
        content[len(content) // 3] ^= 1
        pack.chmod(0o644)
        pack.write_bytes(content)
    with pytest.raises(CorruptError, match="remote"):
        at(without_store).read("data/deep/b.bin")


def test_threads_read_the_same_files(without_store: Project) -> None:
    files = at(without_store)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda at: files.read_range("data/deep/b.bin", at * 1000, 1000), range(100)))
    assert b"".join(found) == BIG[:100_000]


def test_a_pickled_handle_reads_the_same_commit(project: Project) -> None:
    again: Files = pickle.loads(pickle.dumps(at(project)))
    assert again.read("data/a.csv") == b"a,b\n1,2\n"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_read_after_a_fork_or_through_a_pickle(without_store: Project, method: str) -> None:
    files = at(without_store)
    assert files.read("data/deep/b.bin") == BIG
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(files.read, ["data/deep/b.bin"] * 4) == [BIG] * 4


def test_a_listing_is_made_of_frozen_values(project: Project) -> None:
    info = at(project).info("data/a.csv")
    assert info == FileInfo("data/a.csv", "file", 8, info.oid, tracked=True)
    assert info.name == "a.csv"
