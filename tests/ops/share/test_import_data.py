"""`import`: what is stored, what the pointer says, what is refused, and what is left after an interruption."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from gitserver import GitServer, allow_filters, git_server
from workspaces import Project, listing, write

from dver.access.errors import PathNotFound
from dver.core.errors import ConflictError, MissingObjectError, RemoteError, RepositoryError, UsageError
from dver.formats.pointer import Pointer, UndownloadedPointer, decode
from dver.formats.pointer_source import RepositorySource
from dver.ops.share import import_data as operation
from dver.ops.share.import_data import ImportOptions, ImportResult, import_data
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote
from dver.repo import Repository
from dver.store.copy import copy_objects

BIG = os.urandom(3 << 20)
FILES = {"data/train/1": b"1", "data/train/2": b"22", "data/big": BIG, "code/run.sh": b"#!/bin/sh\n", "code/a.py": b"a"}


@pytest.fixture
def source(tmp_path: Path) -> Project:
    """A project with the tracked directory `data` on a remote, and the directory `code` in Git."""
    project = Project.make(tmp_path / "served" / "source")
    write(project.root, FILES)
    (project.root / "code/run.sh").chmod(0o755)
    (project.root / "code/link").symlink_to("a.py")
    project.add("data")
    with Repository.open(project.root) as repo:
        add_remote(repo, "origin", os.fspath(tmp_path / "remote"), default=True)
        push(repo, cwd=project.root)
    project.git("add", "-A")
    project.commit("Data")
    project.git("tag", "v1")
    allow_filters(project.root)
    return project


@pytest.fixture
def server(source: Project) -> Iterator[GitServer]:
    with git_server(source.root.parent) as running:
        yield running


@pytest.fixture
def url(server: GitServer) -> str:
    return f"{server.url}/source/.git"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The project that imports."""
    return Project.make(tmp_path / "project")


def run_import(
    project: Project,
    address: str,
    path: str = "data",
    *,
    out: str | None = None,
    rev: str | None = None,
    options: ImportOptions | None = None,
    cwd: str = "",
) -> ImportResult:
    with Repository.open(project.root) as repo:
        return import_data(repo, address, path, cwd=project.root / cwd, out=out, rev=rev, options=options)


def pointer_of(project: Project, path: str) -> Pointer:
    return decode((project.root / f"{path}.dver").read_bytes())


def test_tracked_data_comes_from_the_remote_of_a_url(source: Project, url: str, project: Project) -> None:
    result = run_import(project, url)
    assert project.ls("data") == source.ls("data")
    head = source.git("rev-parse", "HEAD").strip()
    assert pointer_of(project, "data").source == RepositorySource(url, "data", head)
    assert pointer_of(project, "data").oid == pointer_of(source, "data").oid
    assert result.received > len(BIG)
    assert project.is_unchanged("data")
    assert project.git("diff", "--cached", "--name-only").split() == [".gitignore", "data.dver"]


def test_tracked_data_of_a_clone_comes_from_its_store(source: Project, project: Project, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "remote")
    result = run_import(project, "../served/source")
    assert project.ls("data") == source.ls("data")
    assert result.received == 0
    assert pointer_of(project, "data").source == RepositorySource(
        "../served/source", "data", source.git("rev-parse", "HEAD").strip()
    )


def test_a_clone_without_the_data_uses_its_remote(source: Project, project: Project) -> None:
    shutil.rmtree(source.store)
    assert run_import(project, "../served/source").received > len(BIG)
    assert listing(project.root / "data")[b"big"] == ("file", BIG)


@pytest.mark.parametrize("path", ["data/train", "data/train/"])
def test_a_directory_in_tracked_data_arrives_with_its_files(url: str, project: Project, path: str) -> None:
    result = run_import(project, url, path, out="train")
    assert project.ls("train") == {b"1": ("file", b"1"), b"2": ("file", b"22")}
    assert result.received < len(BIG)  # and nothing else of the directory (dvc#9400)


def test_a_single_file_in_tracked_data(url: str, project: Project) -> None:
    run_import(project, url, "data/train/2")
    assert (project.root / "2").read_bytes() == b"22"
    assert pointer_of(project, "2").files == 1


def test_files_of_git_keep_their_kind(url: str, project: Project) -> None:
    run_import(project, url, "code")
    assert project.ls("code") == {
        b"run.sh": ("executable", b"#!/bin/sh\n"),
        b"a.py": ("file", b"a"),
        b"link": ("link", b"a.py"),
    }
    run_import(project, url, "code/run.sh", out="deep/")
    assert os.access(project.root / "deep/run.sh", os.X_OK)
    assert pointer_of(project, "deep/run.sh").executable


def test_a_directory_with_tracked_data_and_files_of_git_is_one_import(source: Project, project: Project) -> None:
    run_import(project, os.fspath(source.root), "", out="all")
    found = project.ls("all")
    assert found[b"data/big"] == ("file", BIG)
    assert found[b"code/a.py"] == ("file", b"a")
    assert b"data.dver" not in found
    assert b".dver" not in found
    assert project.is_unchanged("all")


def test_rev_is_recorded_with_its_commit(source: Project, url: str, project: Project) -> None:
    write(source.root, {"data/train/3": b"3"})
    source.save("data", message="More")
    run_import(project, url, rev="v1", out="old")
    recorded = pointer_of(project, "old").source
    assert recorded == RepositorySource(url, "data", source.git("rev-parse", "v1").strip(), "v1")
    assert b"train/3" not in project.ls("old")


def test_an_uncommitted_change_of_a_clone_is_not_imported(source: Project, project: Project) -> None:
    write(source.root, {"data/train/1": b"edited"})
    source.add("data")
    run_import(project, os.fspath(source.root))
    assert project.ls("data")[b"train/1"] == ("file", b"1")


def test_only_objects_that_are_not_here_are_downloaded(source: Project, url: str, project: Project) -> None:
    write(project.root, {"mine": BIG})
    project.add("mine")
    assert run_import(project, url).received < 100_000
    assert run_import(project, url, out="again").received < 10_000


def test_the_same_import_again_changes_nothing(url: str, project: Project) -> None:
    run_import(project, url)
    before = (project.root / "data.dver").read_bytes()
    shutil.rmtree(project.root / "data")
    result = run_import(project, url, out="data")
    assert result.received == 0
    assert (project.root / "data.dver").read_bytes() == before
    assert project.is_unchanged("data")


def test_without_a_download_the_pointer_names_the_source_only(source: Project, url: str, project: Project) -> None:
    result = run_import(project, url, options=ImportOptions(download=False))
    assert isinstance(result.pointer, UndownloadedPointer)
    assert result.pointer.size == len(BIG) + 3
    assert not (project.root / "data").exists()
    assert list(project.status().not_downloaded) == [b"data"]
    with Repository.open(project.root) as repo:
        assert repo.store.count() == 0


def test_no_push_is_recorded(url: str, project: Project) -> None:
    run_import(project, url, options=ImportOptions(push=False))
    assert not pointer_of(project, "data").push


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_data_of_a_dvc_repository_becomes_data_of_dver(project: Project, tmp_path: Path, version: str) -> None:
    frozen = Path(__file__).parents[2] / "fixtures" / "dvc-repositories" / version
    project.git("clone", "-q", frozen / "repo.bundle", tmp_path / "dvc")
    shutil.copytree(frozen / "remote", tmp_path / "remote")
    run_import(project, "../dvc", "data")
    assert project.ls("data")[b"a.txt"] == ("file", b"two\n")
    assert project.ls("data")[b"deep/run.sh"][1] == b"#!/bin/sh\n"
    run_import(project, "../dvc", "", rev="v1", out="all")
    found = project.ls("all")
    assert found[b"models/net.bin"] == ("file", b"a model\r\n")
    assert b"data.dvc" not in found
    assert project.is_unchanged("all")


# -- what is refused


def test_existing_and_tracked_paths_are_not_replaced_without_force(url: str, project: Project) -> None:
    write(project.root, {"data/mine": b"mine", "other": b"o"})
    with pytest.raises(ConflictError, match="already exists"):
        run_import(project, url, out=None)
    project.add("other")
    with pytest.raises(ConflictError, match="already tracked"):
        run_import(project, url, out="other")
    run_import(project, url, "data/train/1", out="one")
    with pytest.raises(ConflictError, match="imported before"):
        run_import(project, url, "data/train/2", out="one")
    assert (project.root / "other").read_bytes() == b"o"
    run_import(project, url, "data/train/2", out="one", options=ImportOptions(force=True))
    assert (project.root / "one").read_bytes() == b"22"


def test_another_revision_of_an_import_is_an_update(url: str, project: Project) -> None:
    run_import(project, url, out="data")  # dvc#4723: the directory is there, and it is the import
    with pytest.raises(ConflictError, match="same data at another revision") as caught:
        run_import(project, url, out="data", rev="v1")
    assert caught.value.fix == "dver update --rev v1 data"


def test_an_existing_directory_gets_the_import_inside(url: str, project: Project) -> None:
    (project.root / "sub").mkdir()
    run_import(project, url, "data/train", out="sub")
    run_import(project, url, "data/train/1", cwd="sub")
    assert project.ls("sub/train") == {b"1": ("file", b"1"), b"2": ("file", b"22")}
    assert (project.root / "sub/1").read_bytes() == b"1"


def test_places_where_no_pointer_may_be_are_refused(url: str, project: Project) -> None:
    write(project.root, {"tracked/file": b"1", "in-git": b"2", ".gitignore": b"*.dver\n"})
    with pytest.raises(ConflictError, match="ignored by Git"):
        run_import(project, url)
    (project.root / ".gitignore").unlink()
    project.add("tracked")
    project.git("add", "in-git")
    for out, error, said in (
        ("tracked/new", ConflictError, "tracked as a whole"),
        ("in-git", ConflictError, "tracked by Git"),
        ("../elsewhere", UsageError, "outside of the project"),
        (".git/x", UsageError, "cannot track"),
    ):
        with pytest.raises(error, match=said):
            run_import(project, url, out=out, options=ImportOptions(force=True))
    assert not (project.root / "data.dver").exists()


def test_wrong_paths_revisions_and_repositories_change_nothing(url: str, project: Project, tmp_path: Path) -> None:
    for address, path, rev, error in (
        (url, "dat", None, PathNotFound),
        (url, "data", "v9", UsageError),
        (f"{url}x", "data", None, RepositoryError),
        (os.fspath(tmp_path / "nowhere"), "data", None, RepositoryError),
        ("http://127.0.0.1:1/x.git", "data", None, RemoteError),
    ):
        with pytest.raises(error):
            run_import(project, address, path, rev=rev)
    assert project.git("status", "--porcelain") == ""


def test_data_that_was_never_pushed_is_an_error(source: Project, url: str, project: Project, tmp_path: Path) -> None:
    for pack in (tmp_path / "remote").rglob("*.pack"):
        pack.chmod(0o644)
        pack.unlink()
    with pytest.raises((MissingObjectError, RemoteError)) as caught:
        run_import(project, url)
    assert caught.value.what.startswith(f"cannot import from {url}: ")
    assert project.git("status", "--porcelain") == ""


def test_an_interrupted_import_leaves_nothing_and_continues(
    source: Project, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(operation, "restore", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_import(project, os.fspath(source.root))
    assert not (project.root / "data").exists()
    run_import(project, os.fspath(source.root))
    assert project.ls("data") == source.ls("data")
    assert project.leftovers() == []


def test_an_import_that_is_interrupted_while_it_copies_writes_no_pointer(
    source: Project, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object, **options: object) -> None:
        copy_objects(*args, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("dver.sources.import_objects.copy_objects", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_import(project, os.fspath(source.root))
    assert project.git("status", "--porcelain") == ""
    assert run_import(project, os.fspath(source.root)).received == 0
