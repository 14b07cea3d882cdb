"""Storages to test: a directory, fsspec's memory, two S3 servers, a server for each plugin, and web servers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from protocol_servers import PROTOCOLS, protocol_server

from dver.remote.backends.connect import connect
from dver.remote.backends.s3 import S3Storage
from dver.remote.settings import parse
from dver.remote.storage import Body, Capabilities, ObjectInfo, OnBytes, Storage

KINDS = ["file", "memory", "s3-rclone", "s3-moto", *PROTOCOLS]
PLAIN_NAMES = ["smb", "azure", "webdav", "webdavs"]
PUBLISHED = ["http-static", "http-bucket"]


class Published:
    """A public remote: objects are put into one storage and read through another.

    Servers of static files list nothing, so the storage behind them is listed.
    """

    def __init__(self, behind: Storage, front: Storage, *, lists: bool) -> None:
        self.behind = behind
        self.front = front
        self.listed = front if lists else behind

    @property
    def url(self) -> str:
        return self.front.url

    def put(self, key: str, body: Body, *, if_absent: bool = False, on_bytes: OnBytes | None = None) -> bool:
        return self.behind.put(key, body, if_absent=if_absent, on_bytes=on_bytes)

    def delete(self, key: str) -> None:
        self.behind.delete(key)

    def get(self, key: str, start: int = 0, length: int | None = None, *, on_bytes: OnBytes | None = None) -> bytes:
        return self.front.get(key, start, length, on_bytes=on_bytes)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        return self.listed.list(prefix)

    def stat(self, key: str) -> ObjectInfo | None:
        return self.front.stat(key)

    def probe(self) -> Capabilities:
        return self.front.probe()


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty remote of each kind."""
    return make_storage(request.param, request, tmp_path)


@pytest.fixture(params=KINDS + PUBLISHED)
def readable(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty remote of each kind that can be read, those among them that only others can write to."""
    return make_storage(request.param, request, tmp_path)


@pytest.fixture(params=[kind for kind in KINDS + PUBLISHED if kind not in PLAIN_NAMES])
def any_name(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty remote of each kind that can hold names with any printable character.

    A share of Windows cannot, and the plugins for WebDAV and Azure take some for parts of a url. dver itself uses
    letters, digits, dots and dashes.
    """
    return make_storage(request.param, request, tmp_path)


@pytest.fixture(params=["s3-rclone", "s3-moto"])
def s3_storage(request: pytest.FixtureRequest, tmp_path: Path) -> S3Storage:
    """An empty remote on each S3 server."""
    made = make_storage(request.param, request, tmp_path)
    assert isinstance(made, S3Storage)
    return made


def make_storage(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if kind == "memory":
        request.addfinalizer(MemoryFileSystem.store.clear)
    tables: dict[str, Any] = {
        "file": lambda: {"url": str(tmp_path / "remote")},
        "memory": lambda: {"url": f"memory://{uuid.uuid4().hex}/deep"},
        "s3-rclone": lambda: request.getfixturevalue("s3_server").table(),
        "s3-moto": lambda: request.getfixturevalue("moto_server").table(),
    }
    if kind in PUBLISHED:
        return publish(kind, request, tmp_path)
    table = protocol_server(kind, request).table() if kind in PROTOCOLS else tables[kind]()
    return connect(parse("origin", table), base=tmp_path)


def publish(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Published:
    if kind == "http-bucket":
        server = request.getfixturevalue("public_bucket")
        table = server.table()
        url = f"{server.endpoint_url}/{table['url'].removeprefix('s3://')}"
    else:
        server = request.getfixturevalue("web_server")
        name = uuid.uuid4().hex
        (server.folder / name).mkdir()
        table, url = {"url": str(server.folder / name)}, f"{server.url}/{name}"
    behind, front = (connect(parse("origin", one), base=tmp_path) for one in (table, {"url": url}))
    return Published(behind, front, lists=kind == "http-bucket")
