"""One contract for files at URLs of every protocol, each with a real server; then what is special to each."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from protocol_servers import PROTOCOLS, protocol_server
from servers import S3Server
from webserver import Web, running
from workspaces import Project

from dver.core.errors import DverError, LocalIOError, RemoteError
from dver.remote.backends.connect import connect
from dver.remote.settings import parse
from dver.remote.storage import BytesBody, Storage
from dver.remote.urls.url_files import UrlFiles
from dver.remote.urls.url_info import PIECE, UrlNotFound, shown

SMALL = b"small content"
LARGE = os.urandom(PIECE + 4321)


class Source(NamedTuple):
    """A place that other programs write to, and how dver reads it."""

    storage: Storage
    url: str
    files: UrlFiles

    def put(self, name: str, content: bytes) -> str:
        self.storage.put(name, BytesBody(content))
        return f"{self.url}/{name}"


def table_of(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    tables: dict[str, Callable[[], dict[str, Any]]] = {
        "path": lambda: {"url": str(tmp_path / "away")},
        "file": lambda: {"url": f"file://{tmp_path}/with%20space"},
        "memory": lambda: {"url": f"memory://{uuid.uuid4().hex}/deep"},
        "s3-rclone": lambda: request.getfixturevalue("s3_server").table(),
        "s3-moto": lambda: request.getfixturevalue("moto_server").table(),
    }
    return protocol_server(kind, request).table() if kind in PROTOCOLS else tables[kind]()


@pytest.fixture(params=["path", "file", "memory", "s3-rclone", "s3-moto", *PROTOCOLS])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    settings = parse("origin", table_of(request.param, request, tmp_path))
    return Source(connect(settings, base=tmp_path), settings.url, UrlFiles([settings], base=tmp_path))


@pytest.fixture
def web() -> Iterator[Web]:
    with running(Web({"raw/a.bin": LARGE, "raw/small": SMALL}, headers={"ETag": '"one"'})) as state:
        yield state


def test_a_file_has_its_size_and_a_fingerprint_that_stays(source: Source) -> None:
    url = source.put("raw/a.bin", SMALL)
    found = source.files.info(url)
    assert (found.url, found.kind, found.size) == (url, "file", len(SMALL))
    assert found.fingerprint
    assert source.files.info(url) == found


def test_the_whole_content_and_ranges_of_a_file_are_read(source: Source) -> None:
    url = source.put("raw/a.bin", LARGE)
    assert b"".join(source.files.pieces(url)) == LARGE
    assert source.files.read(url, 0, 10) == LARGE[:10]
    assert source.files.read(url, len(LARGE) - 5, 100) == LARGE[-5:]
    assert source.files.read(url, len(LARGE), 100) == b""


def test_an_empty_file_is_read(source: Source) -> None:
    url = source.put("raw/empty", b"")
    assert source.files.info(url).size == 0
    assert list(source.files.pieces(url)) == []


def test_a_directory_lists_all_files_below_sorted(source: Source) -> None:
    for name in ("raw/b", "raw/sub/deeper/c", "raw/a", "rawer"):
        source.put(name, name.encode())
    listed = source.files.list(f"{source.url}/raw")
    assert [(file.name, file.size) for file in listed] == [(b"a", 5), (b"b", 5), (b"sub/deeper/c", 16)]
    assert b"".join(source.files.pieces(listed[2].url)) == b"raw/sub/deeper/c"
    info = source.files.info(f"{source.url}/raw/")
    assert (info.kind, info.size) == ("directory", 26)
    assert source.files.info(f"{source.url}/raw").fingerprint == info.fingerprint


def test_a_changed_file_changes_the_fingerprints(source: Source) -> None:
    source.put("raw/a", b"one")
    before = source.files.info(f"{source.url}/raw/a"), source.files.info(f"{source.url}/raw")
    source.put("raw/a", b"other")
    after = source.files.info(f"{source.url}/raw/a"), source.files.info(f"{source.url}/raw")
    assert before[0].fingerprint != after[0].fingerprint
    assert before[1].fingerprint != after[1].fingerprint


def test_a_missing_file_is_an_error_of_its_own(source: Source) -> None:
    source.put("raw/a", b"one")
    for call in (
        lambda: source.files.info(f"{source.url}/absent"),
        lambda: source.files.list(f"{source.url}/absent"),
        lambda: source.files.read(f"{source.url}/absent", 0, 4),
        lambda: list(source.files.pieces(f"{source.url}/absent")),
    ):
        with pytest.raises(UrlNotFound) as caught:
            call()
        assert "absent" in caught.value.what
        assert caught.value.why
        assert caught.value.fix


# -- disks -----------------------------------------------------------------------------------------------------------


def test_relative_paths_start_at_the_base(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / os.fsdecode(b"caf\xe9")).write_bytes(SMALL)
    files = UrlFiles(base=tmp_path)
    (listed,) = files.list("data")
    assert listed.name == b"caf\xe9"
    assert files.read(listed.url, 0, 99) == SMALL
    assert files.info("data").kind == "directory"


def test_links_to_files_are_followed_and_others_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "real").write_bytes(SMALL)
    (tmp_path / "data" / "link").symlink_to(tmp_path / "real")
    files = UrlFiles(base=tmp_path)
    assert [(file.name, file.size) for file in files.list("data")] == [(b"link", len(SMALL))]
    (tmp_path / "data" / "up").symlink_to(tmp_path)
    with pytest.raises(LocalIOError, match="up"):
        files.list("data")
    (tmp_path / "data" / "up").unlink()
    os.mkfifo(tmp_path / "data" / "pipe")
    with pytest.raises(LocalIOError, match="pipe"):
        files.info("data/pipe")


# -- S3 --------------------------------------------------------------------------------------------------------------


def test_the_environment_has_the_settings_where_no_remote_matches(
    moto_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = moto_server.table()
    connect(parse("origin", table), base=tmp_path).put("a", BytesBody(SMALL))
    for name, value in {**moto_server.credentials(), "AWS_ENDPOINT_URL": moto_server.endpoint_url}.items():
        monkeypatch.setenv(name, value)
    other = parse("other", {**table, "url": "s3://bucket-of-others/x", "endpoint_url": "http://127.0.0.1:1"})
    assert UrlFiles([other], base=tmp_path).read(f"{table['url']}/a", 0, 99) == SMALL


def test_a_project_lends_the_settings_of_its_remotes(moto_server: S3Server, tmp_path: Path) -> None:
    table = moto_server.table()
    connect(parse("origin", table), base=tmp_path).put("a", BytesBody(SMALL))
    project = Project.make(tmp_path / "repo")
    settings = "".join(
        f'{key} = "{value}"\n' for key, value in {**table, "url": f"s3://{moto_server.bucket}/p"}.items()
    )
    config = '[remote.broken]\nurl = "s3://"\n[remote.origin]\n' + settings
    (project.root / ".git/dver").mkdir(exist_ok=True)
    (project.root / ".git/dver/config.toml").write_text(config)
    with project.opened() as repo:
        assert repo.remotes.url_files(tmp_path).read(f"{table['url']}/a", 0, 99) == SMALL


def test_without_credentials_the_fix_names_no_remote(tmp_path: Path) -> None:
    with pytest.raises(RemoteError) as caught:
        UrlFiles(base=tmp_path).info("s3://bucket/key")
    assert "no credentials" in caught.value.what
    assert "AWS_PROFILE=PROFILE" in (caught.value.fix or "")
    assert "dver remote add NAME s3://bucket" in (caught.value.fix or "")


def test_an_object_that_is_a_directory_too_is_refused(moto_server: S3Server, tmp_path: Path) -> None:
    settings = parse("origin", moto_server.table())
    storage = connect(settings, base=tmp_path)
    for name in ("raw/a", "raw/a/b"):
        storage.put(name, BytesBody(SMALL))
    files = UrlFiles([settings], base=tmp_path)
    with pytest.raises(RemoteError) as caught:
        files.list(f"{settings.url}/raw")
    assert caught.value.why == "it has the name 'a': it is a file, and a directory of other files"
    assert files.info(f"{settings.url}/raw/a").kind == "file"


# -- web servers -----------------------------------------------------------------------------------------------------


def test_a_web_file_is_known_by_its_etag(web: Web, tmp_path: Path) -> None:
    files = UrlFiles(base=tmp_path)
    found = files.info(f"{web.url}/raw/a.bin")
    assert (found.kind, found.size, found.fingerprint) == ("file", len(LARGE), "etag:one")
    web.headers = {"Last-Modified": "Sat, 01 Aug 2026 10:00:00 GMT"}
    assert files.info(f"{web.url}/raw/a.bin").fingerprint == f"mtime:1785578400.000000 size:{len(LARGE)}"
    web.headers = {}
    assert files.info(f"{web.url}/raw/a.bin").fingerprint == f"size:{len(LARGE)}"


def test_a_server_that_refuses_head_is_asked_by_get(web: Web, tmp_path: Path) -> None:
    web.faults = ["403"]
    assert UrlFiles(base=tmp_path).info(f"{web.url}/raw/a.bin?sig=secret").size == len(LARGE)
    assert web.seen[-1] == "GET /raw/a.bin?sig=secret bytes=0-0"


def test_a_download_continues_where_the_connection_was_lost(web: Web, tmp_path: Path) -> None:
    web.faults = ["cut"]
    assert b"".join(UrlFiles(base=tmp_path).pieces(f"{web.url}/raw/a.bin")) == LARGE
    assert len(web.seen) == 2
    assert web.seen[1].startswith("GET /raw/a.bin bytes=")
    web.faults, web.ranges = ["cut"], False
    assert b"".join(UrlFiles(base=tmp_path).pieces(f"{web.url}/raw/a.bin")) == LARGE
    assert UrlFiles(base=tmp_path).read(f"{web.url}/raw/a.bin", 7_000_000, 9) == LARGE[7_000_000:7_000_009]


def test_a_file_that_changes_during_the_download_is_noticed(web: Web, tmp_path: Path) -> None:
    web.faults = ["cut"]
    pieces = iter(UrlFiles(base=tmp_path).pieces(f"{web.url}/raw/a.bin"))
    next(pieces)
    web.headers = {"ETag": '"two"'}
    with pytest.raises(RemoteError, match="changed while it was read"):
        list(pieces)


def test_chunked_bodies_of_unknown_size_are_read(web: Web, tmp_path: Path) -> None:
    web.faults = ["chunked"]
    assert b"".join(UrlFiles(base=tmp_path).pieces(f"{web.url}/raw/small")) == SMALL
    web.faults = ["chunked-cut", ""]
    assert b"".join(UrlFiles(base=tmp_path).pieces(f"{web.url}/raw/a.bin")) == LARGE


def test_web_servers_list_no_directories(web: Web, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="cannot list") as caught:
        UrlFiles(base=tmp_path).list(f"{web.url}/raw/?token=secret")
    assert "secret" not in caught.value.what


def test_errors_of_urls_suggest_no_remote_and_show_no_secret(web: Web, tmp_path: Path) -> None:
    files = UrlFiles(base=tmp_path)
    web.redirects["raw/loop"] = "/raw/loop"
    for url in (f"{web.url}/absent?sig=secret", f"{web.url}/raw/loop?sig=secret", "http://127.0.0.1:1/a?sig=secret"):
        with pytest.raises(DverError) as caught:
            files.info(url)
        text = f"{caught.value.what} {caught.value.why} {caught.value.fix}"
        assert "secret" not in text
        assert "dver remote" not in text


def test_shown_urls_have_neither_passwords_nor_queries() -> None:
    assert shown("https://me:pw@host/a?sig=1#x") == "https://host/a"
    assert shown("sftp://me:pw@host/a?b") == "sftp://me@host/a?b"
    assert shown("s3://bucket/a?b#c") == "s3://bucket/a?b#c"
    assert shown("a/b?c") == "a/b?c"
