"""`get`: where files are written, what is replaced, and what is left after an error."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from servers import S3Server
from support import git
from workspaces import Project, listing, write

from dver.access import objects
from dver.core.cache_dir import user_cache_dir
from dver.core.errors import ConflictError, CorruptError, MissingObjectError, UsageError
from dver.core.files import temporary_name
from dver.ops.share.get import get
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote
from dver.repo import Repository

FILES = {f"data/{number}": b"%d" % number for number in range(200)} | {"data/big": os.urandom(6 << 20)}


@pytest.fixture
def source(tmp_path: Path) -> Project:
    """A project whose data is on a remote in `tmp_path / "remote"`."""
    project = Project.make(tmp_path / "source")
    write(project.root, FILES)
    project.add("data")
    with Repository.open(project.root) as repo:
        add_remote(repo, "origin", os.fspath(tmp_path / "remote"), default=True)
        push(repo, cwd=project.root)
    project.commit("Data")
    return project


@pytest.fixture
def url(source: Project) -> str:
    return source.root.as_uri()


@pytest.fixture
def here(tmp_path: Path) -> Path:
    directory = tmp_path / "here"
    directory.mkdir()
    return directory


def test_downloads_to_the_name_of_the_path_or_to_another_one(source: Project, url: str, here: Path) -> None:
    result = get(url, "data", cwd=here)
    assert listing(here / "data") == source.ls("data")
    assert (result.out, result.files, result.commit) == (here / "data", 201, source.git("rev-parse", "HEAD").strip())
    get(url, "data/7", cwd=here, out="deep/new")
    get(url, "data/7", cwd=here, out="deep/")
    assert (here / "deep/new").read_bytes() == (here / "deep/7").read_bytes() == b"7"


def test_without_a_path_everything_is_downloaded(url: str, here: Path) -> None:
    get(url, cwd=here)
    assert (here / "source/README").exists()
    assert (here / "source/data/7").read_bytes() == b"7"


def test_the_users_cache_keeps_no_second_copy(url: str, here: Path) -> None:
    get(url, "data", cwd=here)
    kept = sum(path.stat().st_size for path in (user_cache_dir() / "objects").rglob("*") if path.is_file())
    assert kept < 100_000


def test_an_existing_path_is_replaced_only_by_force(url: str, here: Path) -> None:
    write(here, {"data/mine": b"mine", "file": b"mine"})
    with pytest.raises(ConflictError, match="already exists"):
        get(url, "data", cwd=here)
    with pytest.raises(ConflictError):
        get(url, "data/7", cwd=here, out="file")
    assert listing(here)[b"data/mine"] == ("file", b"mine")
    get(url, "data", cwd=here, force=True)
    get(url, "data/7", cwd=here, out="file", force=True)
    assert (here / "file").read_bytes() == b"7"
    assert not (here / "data/mine").exists()
    get(url, "data", cwd=here, out="file", force=True)
    assert (here / "file/7").read_bytes() == b"7"


@pytest.mark.parametrize("out", [".", ".."])
def test_the_current_directory_is_never_replaced(url: str, here: Path, out: str) -> None:
    with pytest.raises((UsageError, ConflictError)):
        get(url, "data", cwd=here, out=out, force=True)
    assert here.exists()


def test_an_error_in_the_middle_leaves_nothing(source: Project, url: str, here: Path, tmp_path: Path) -> None:
    for pack in (tmp_path / "remote").rglob("*.pack"):
        content = bytearray(pack.read_bytes())
        content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
        pack.write_bytes(content)
    write(here, {"data/mine": b"mine"})
    with pytest.raises((CorruptError, MissingObjectError)):
        get(url, "data", cwd=here, out="new/deep")
    with pytest.raises((CorruptError, MissingObjectError)):
        get(url, "data", cwd=here, force=True)
    assert sorted(listing(here)) == [b"data", b"data/mine"]


def test_an_interrupt_leaves_nothing(url: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object) -> list[bytes]:
        raise KeyboardInterrupt

    monkeypatch.setattr(objects.ObjectReader, "read_many", interrupt)
    with pytest.raises(KeyboardInterrupt):
        get(url, "data", cwd=here)
    assert list(here.iterdir()) == []


def test_what_a_killed_get_left_is_deleted_by_the_next_one(url: str, here: Path) -> None:
    (here / temporary_name("get")).mkdir()
    get(url, "data/7", cwd=here)
    assert os.listdir(here) == ["7"]


def test_a_get_does_not_disturb_another_one(url: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one runs while the first one writes in its temporary directory."""
    real, threads = objects.ObjectReader.read_many, []

    def meanwhile(*args: object) -> object:
        if not threads:
            threads.append(threading.current_thread())
            get(url, "data/big", cwd=here)
        return real(*args)

    monkeypatch.setattr(objects.ObjectReader, "read_many", meanwhile)
    get(url, "data", cwd=here)
    assert sorted(os.listdir(here)) == ["big", "data"]
    assert len(os.listdir(here / "data")) == 201


def test_a_project_on_this_machine_is_read_as_it_is(source: Project, here: Path) -> None:
    write(source.root, {"data/7": b"new"})
    source.add("data")
    assert get("../source", "data/7", cwd=here).commit is None
    assert (here / "7").read_bytes() == b"new"
    get("../source", "data/7", cwd=here, rev="HEAD", out="old")
    assert (here / "old").read_bytes() == b"7"


def test_data_on_s3_is_downloaded(
    source: Project, url: str, here: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**s3_server.credentials(), "AWS_ENDPOINT_URL": s3_server.endpoint_url}.items():
        monkeypatch.setenv(name, value)
    with Repository.open(source.root) as repo:
        add_remote(repo, "cloud", str(s3_server.table("get")["url"]), default=True)
        push(repo, cwd=source.root)
    source.git("commit", "-qam", "Move to S3")
    get(url, "data", cwd=here)
    assert listing(here / "data") == source.ls("data")


def test_wrong_paths_and_revisions_are_usage_errors(url: str, here: Path) -> None:
    with pytest.raises(UsageError) as caught:
        get(url, "dta", cwd=here)
    assert "'data'" in (caught.value.fix or "")
    with pytest.raises(UsageError):
        get(url, "data", cwd=here, rev="v9")
    assert list(here.iterdir()) == []


def test_a_git_hook_and_another_directory_change_nothing(url: str, here: Path, git_repo: Path) -> None:
    get(url, "data/7", cwd=git_repo)
    assert git("status", "--short", cwd=git_repo) == "?? 7\n"
