"""Remotes that lie, fail or are slow: errors are OSErrors with a fix, and no wrong byte is returned."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pandas as pd
import pytest
from forging import EVIL, GOOD, forged_project
from servers import serve_rclone
from webserver import Web, running
from workspaces import Project, write

from dver.config import edit
from dver.fs.errors import DataReadError, RemoteConnectionError
from dver.fs.filesystem import DverFileSystem
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote
from dver.remote.backends import http, http_client, s3_client
from dver.remote.retry import RetryPolicy
from dver.sharing.transfer_options import TransferOptions

QUICK = RetryPolicy(attempts=3, first_attempts=3, base=0.01, cap=0.02)
BIG = "data/big.bin"
SMALL = b"a,b\n1,2\n"
START = 2 << 20


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that was pushed to the directory `remote`, and has no data on this machine."""
    monkeypatch.setattr(http_client, "RetryPolicy", lambda: QUICK)
    monkeypatch.setattr(s3_client, "RetryPolicy", lambda: QUICK)
    project = Project.make(tmp_path / "project")
    monkeypatch.chdir(project.root)
    write(project.root, {BIG: GOOD, "data/small.csv": SMALL, "data/deep/x": b"x"})
    project.save("data")
    with project.opened() as repo:
        add_remote(repo, "origin", os.fspath(tmp_path / "remote"), default=True)
        push(repo, cwd=project.root)
    project.commit("A remote")
    forget(project)
    return project


def forget(project: Project) -> None:
    """Delete the data on this machine."""
    shutil.rmtree(project.root / ".git/dver/store")
    shutil.rmtree(project.root / "data")


@pytest.fixture
def web(project: Project, tmp_path: Path) -> Iterator[Web]:
    """A web server with the files of the remote, which the project's remote `web` reads."""
    remote = tmp_path / "remote"
    files = {f"r/{path.relative_to(remote)}": path.read_bytes() for path in remote.rglob("*") if path.is_file()}
    with running(Web(files)) as server:
        with project.opened() as repo:
            add_remote(repo, "web", f"{server.url}/r", scope="local")
        yield server


@pytest.fixture
def fs(web: Web) -> DverFileSystem:
    """The filesystem on that server, which has read the lists of objects."""
    fs = fsspec.filesystem("dver", rev="HEAD", remote="web")
    fs.ls("data")
    return fs


def read_part(fs: DverFileSystem) -> bytes:
    """A part of the large file."""
    with fs.open(BIG) as file:
        file.seek(START)
        content: bytes = file.read(100_000)
    return content


@pytest.mark.parametrize("fault", ["500", "503", "cut", "reset", "reset-within", "chunked-cut"])
def test_a_server_that_fails_once_is_asked_again(fs: DverFileSystem, web: Web, fault: str) -> None:
    web.faults = [fault]
    assert read_part(fs) == GOOD[START : START + 100_000]
    assert not web.faults


@pytest.mark.parametrize("fault", ["500", "cut", "reset", "reset-within", "chunked-cut"])
def test_a_server_that_goes_on_failing_is_a_connection_error(fs: DverFileSystem, web: Web, fault: str) -> None:
    web.faults = [fault] * 20
    with pytest.raises(RemoteConnectionError, match=r"\nfix: "):
        read_part(fs)
    web.faults = [fault] * 20
    with pytest.raises(ConnectionError):
        fs.cat_file("data/small.csv")
    web.faults = []
    assert read_part(fs) == GOOD[START : START + 100_000]


@pytest.mark.parametrize("fault", ["hang", "hang-within"])
def test_a_server_that_sends_nothing_is_given_up(
    fs: DverFileSystem, web: Web, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(http.HttpStorage.__init__.__kwdefaults__, "timeout", 0.3)
    fs.invalidate_cache()
    web.faults = [fault] * 4
    with pytest.raises(RemoteConnectionError, match="does not respond"):
        read_part(fs)


def test_a_server_that_refuses_is_a_permission_error(fs: DverFileSystem, web: Web) -> None:
    web.faults = ["403"] * 20
    with pytest.raises(PermissionError, match=r"\nfix: "):
        read_part(fs)


def test_an_answer_without_end_is_given_up(fs: DverFileSystem, web: Web) -> None:
    web.faults = ["endless"] * 20
    with pytest.raises(OSError, match=r"\nfix: "):
        fs.cat_file("data/small.csv")
    assert web.sent < 1 << 30


def test_pandas_reports_the_error(fs: DverFileSystem, web: Web) -> None:
    web.faults = ["500"] * 40
    with pytest.raises(ConnectionError, match=r"\nfix: "):
        pd.read_csv("dver://data/small.csv", storage_options={"rev": "HEAD", "remote": "web"})


@pytest.mark.parametrize("damage", ["flipped", "truncated", "zeroed", "removed"])
def test_damaged_packs_never_give_wrong_bytes(fs: DverFileSystem, web: Web, damage: str) -> None:
    packs = [name for name in web.files if name.endswith(".pack")]
    for name in packs:
        content = web.files.pop(name)
        if damage == "flipped":
            web.files[name] = bytes(byte ^ 0x40 for byte in content)
        elif damage == "truncated":
            web.files[name] = content[:100]
        elif damage == "zeroed":
            web.files[name] = bytes(len(content))
    for read in (lambda: read_part(fs), lambda: fs.cat_file("data/small.csv"), lambda: fs.cat_file(BIG)):
        with pytest.raises(DataReadError, match=r"\nfix: ") as caught:
            read()
        assert not isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize("seed", range(10))
def test_random_damage_gives_the_right_bytes_or_an_error(fs: DverFileSystem, web: Web, seed: int) -> None:
    generator = random.Random(seed)
    for name in [name for name in web.files if name.endswith(".pack")]:
        content = bytearray(web.files[name])
        for _ in range(3):
            content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        web.files[name] = bytes(content)
    errors = 0
    for start in range(0, len(GOOD), 100_000):
        try:
            assert fs.cat_file(BIG, start, start + 100_000) == GOOD[start : start + 100_000]
        except DataReadError:
            errors += 1
    try:
        assert fs.cat_file(BIG) == GOOD
    except DataReadError:
        errors += 1
    assert errors


def test_a_forged_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = forged_project(tmp_path)
    forget(project)
    monkeypatch.chdir(project.root)
    strict = fsspec.filesystem("dver", rev="HEAD", verify="full")
    with pytest.raises(DataReadError, match=r"nothing proves yet.*\nwhy: .*\nfix: .*dver fetch"):
        read_part(strict)
    for fs in (strict, fsspec.filesystem("dver", rev="HEAD")):
        with pytest.raises(DataReadError, match="chunks make another content"):
            fs.cat_file(BIG)
        with fs.open(BIG) as file, pytest.raises(DataReadError, match="chunks make another content"):
            file.read()
        with pytest.raises(DataReadError, match="chunks make another content"):
            fs.get_file(BIG, str(tmp_path / "copy"))
        assert not (tmp_path / "copy").exists()
    assert read_part(fsspec.filesystem("dver", rev="HEAD")) == EVIL[START : START + 100_000]  # the documented limit


def test_a_bucket_with_truncated_packs_and_one_that_is_gone(project: Project, tmp_path: Path) -> None:
    with serve_rclone(tmp_path / "rclone") as server:
        table = server.table("data")
        with project.opened() as repo:
            add_remote(repo, "s3", str(table.pop("url")), scope="local")
            for key, value in table.items():
                edit(repo.config_paths, "local", f"remote.s3.{key}", str(value))
        write(project.root, {BIG: GOOD, "data/small.csv": SMALL, "data/deep/x": b"x"})
        project.add("data")
        with project.opened() as repo:
            push(repo, cwd=project.root, options=TransferOptions(remote="s3"))
        forget(project)
        fs = fsspec.filesystem("dver", rev="HEAD", remote="s3")
        assert read_part(fs) == GOOD[START : START + 100_000]
        for pack in (tmp_path / "rclone").rglob("*.pack"):
            os.truncate(pack, 100)
        with pytest.raises(DataReadError, match=r"\nfix: "):
            fs.cat_file(BIG, 0, 1000)
    with pytest.raises(RemoteConnectionError, match=r"\nfix: "):
        fs.cat_file("data/small.csv")
    assert read_part(fs) == GOOD[START : START + 100_000]
