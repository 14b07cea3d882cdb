"""Updates of imports of repositories: what is downloaded, what is reported, and what stays after an error."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from gitserver import GitServer, allow_filters, git_server
from registered_models import tag
from workspaces import Project, write

from dver.core.errors import ConflictError, DverError, UsageError
from dver.formats.pointer import Pointer
from dver.formats.pointer_source import RepositorySource
from dver.ops.share.import_data import ImportOptions, import_data
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote
from dver.ops.share.update import UpdatedImport, update

BIG = os.urandom(16 << 20)


@pytest.fixture
def source(tmp_path: Path) -> Project:
    """A project with tracked data on a remote, and a file of Git."""
    source = Project.make(tmp_path / "served" / "source")
    write(source.root, {"data/big": BIG, "data/a": b"1", "data/gone": b"2", "code/run.py": b"print()\n"})
    source.add("data")
    with source.opened() as repo:
        add_remote(repo, "origin", os.fspath(tmp_path / "remote"), default=True)
    publish(source)
    allow_filters(source.root)
    return source


@pytest.fixture
def server(source: Project) -> Iterator[GitServer]:
    with git_server(source.root.parent) as running:
        yield running


@pytest.fixture
def url(server: GitServer) -> str:
    return f"{server.url}/source/.git"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "project")


def publish(source: Project) -> str:
    """Push the data of the source and commit; the id."""
    with source.opened() as repo:
        push(repo, cwd=source.root)
    source.git("add", "-A")
    return source.commit("New version").strip()


def change(source: Project) -> str:
    """A new version: one chunk of a large file, a new file, and one less."""
    edited = bytearray(BIG)
    edited[8 << 20] ^= 0xFF
    write(source.root, {"data/big": bytes(edited), "data/new": b"3"})
    (source.root / "data/gone").unlink()
    source.add("data")
    return publish(source)


def imported(project: Project, address: str, path: str = "data", rev: str | None = None, **options: bool) -> None:
    with project.opened() as repo:
        import_data(repo, address, path, cwd=project.root, rev=rev, options=ImportOptions(**options))
    project.git("add", "-A")
    project.commit("Import")


def updated(project: Project, *paths: str, rev: str | None = None, force: bool = False) -> list[UpdatedImport]:
    with project.opened() as repo:
        return list(update(repo, paths, cwd=project.root, rev=rev, force=force))


def source_of(pointer: object) -> RepositorySource:
    assert isinstance(pointer, Pointer)
    assert isinstance(pointer.source, RepositorySource)
    return pointer.source


def test_an_update_downloads_changed_chunks_only_and_says_what_changed(
    source: Project, url: str, project: Project
) -> None:
    imported(project, url)
    old = source.git("rev-parse", "HEAD").strip()
    new = change(source)
    (one,) = updated(project)
    assert one.received < len(BIG) // 4  # dvc#8808
    assert one.changes is not None
    assert [(change.path, change.status.value) for change in one.changes] == [
        (b"data/big", "modified"),
        (b"data/gone", "removed"),
        (b"data/new", "added"),
    ]
    assert (source_of(one.before).commit, source_of(one.pointer).commit) == (old, new)
    assert project.ls("data") == source.ls("data")
    assert project.is_unchanged("data")
    assert [one.restored for one in updated(project)] == [None]


def test_an_import_follows_a_stage_of_the_registry(source: Project, url: str, project: Project) -> None:
    tag(source.root, "churn@v1.0.0", "churn#prod#1")
    first = source.git("rev-parse", "HEAD").strip()
    imported(project, url, rev="churn#prod")
    second = change(source)
    tag(source.root, "churn@v2.0.0")
    assert [one.restored for one in updated(project)] == [None]
    tag(source.root, "churn#prod#2")
    (one,) = updated(project)
    assert (source_of(one.before).commit, source_of(one.pointer).commit) == (first, second)
    assert source_of(one.pointer).rev == "churn#prod"
    assert project.ls("data") == source.ls("data")


def test_an_update_of_nothing_new_changes_no_pointer(source: Project, url: str, project: Project) -> None:
    imported(project, url)
    imported(project, url, "code")
    write(source.root, {"README": b"Other text.\n"})
    publish(source)
    assert all(one.same_content and one.pointer == one.before for one in updated(project))
    assert project.git("status", "--porcelain") == ""


def test_files_of_git_are_updated_by_content(source: Project, url: str, project: Project) -> None:
    imported(project, url, "code")
    write(source.root, {"code/run.py": b"print(1)\n"})
    publish(source)
    (one,) = updated(project, "code")
    assert [change.path for change in one.changes or ()] == [b"code/run.py"]
    assert project.ls("code") == source.ls("code")


def test_all_imports_of_a_repository_ask_it_once(
    source: Project, server: GitServer, url: str, project: Project
) -> None:
    for name in ("data/a", "data/gone", "code/run.py"):
        imported(project, url, name)
    server.seen.clear()
    assert len(updated(project)) == 3
    assert server.fetches() <= 2  # the names of branches, and the commit (dvc#6640)


def test_unsaved_changes_are_refused_before_a_download(source: Project, url: str, project: Project) -> None:
    imported(project, url)
    change(source)
    write(project.root, {"data/a": b"mine"})
    before = (project.root / "data.dver").read_bytes()
    with pytest.raises(ConflictError, match="unsaved changes in data"):
        updated(project)
    assert (project.root / "data.dver").read_bytes() == before
    assert (project.root / "data/a").read_bytes() == b"mine"
    updated(project, force=True)
    assert project.ls("data") == source.ls("data")


def test_rev_changes_what_an_import_follows(source: Project, url: str, project: Project) -> None:
    source.git("tag", "v1")
    imported(project, url, rev="v1")
    change(source)
    assert updated(project)[0].same_content
    (one,) = updated(project, "data", rev="HEAD")
    assert source_of(one.pointer).rev == "HEAD"
    assert project.ls("data") == source.ls("data")
    updated(project, "data", rev="v1")
    assert project.ls("data")[b"gone"] == ("file", b"2")


def test_rev_is_not_for_urls(project: Project, tmp_path: Path) -> None:
    from dver.ops.share.import_url import import_url

    (tmp_path / "file").write_bytes(b"1")
    with project.opened() as repo:
        import_url(repo, "../file", None, cwd=project.root)
    with pytest.raises(UsageError, match="follows no revision"):
        updated(project, rev="v1")


def test_what_was_not_downloaded_is_downloaded(source: Project, url: str, project: Project) -> None:
    imported(project, url, download=False)
    (one,) = updated(project)
    assert one.received > len(BIG)
    assert project.ls("data") == source.ls("data")
    assert source_of(one.pointer).commit == source.git("rev-parse", "HEAD").strip()


@pytest.mark.parametrize("cut", ["path", "remote", "repository"])
def test_a_source_that_cannot_be_read_leaves_everything_as_it_was(
    source: Project, project: Project, tmp_path: Path, cut: str
) -> None:
    imported(project, source.root.as_uri())
    change(source)
    if cut == "path":
        source.git("rm", "-q", "data.dver")
        source.commit("Gone")
    else:
        shutil.rmtree(tmp_path / "remote" if cut == "remote" else source.root)
    before = project.ls("data")
    with pytest.raises(DverError, match=r"source|remote") as caught:
        updated(project)
    assert caught.value.fix
    assert project.git("status", "--porcelain") == ""
    assert project.ls("data") == before


def test_an_import_from_a_clone_follows_its_commits(source: Project, project: Project, tmp_path: Path) -> None:
    imported(project, "../served/source")
    shutil.rmtree(tmp_path / "remote")
    edited = source.root / "data/a"
    edited.write_bytes(b"edited")
    assert updated(project)[0].same_content  # not committed
    source.add("data")
    source.commit("Edit")
    assert updated(project)[0].received == 0
    assert (project.root / "data/a").read_bytes() == b"edited"
