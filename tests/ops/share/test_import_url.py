"""Imports of URLs: real files, a real S3 server and a real web server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import S3Server
from webserver import Web, running
from workspaces import Project, write

from dver.core.errors import ConflictError, DverError, RemoteError, UsageError
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer, UndownloadedPointer, decode
from dver.formats.pointer_source import UrlSource
from dver.ops.share.import_url import ImportUrlResult, PointerOptions, import_url
from dver.ops.track.move import move
from dver.remote.backends.connect import connect
from dver.remote.settings import parse
from dver.remote.storage import BytesBody
from dver.remote.urls.url_files import UrlFiles
from dver.remote.urls.url_info import UrlNotFound

LARGE = os.urandom(3_000_000)
FILES = {"a.csv": b"one", "big.bin": LARGE, "sub/b.csv": b"two", "sub/deep/c": b""}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "repo")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A directory outside of the project."""
    write(tmp_path / "raw", FILES)
    return tmp_path / "raw"


@pytest.fixture
def web() -> Iterator[Web]:
    with running(Web({"raw/big.bin": LARGE, "raw/small": b"small"}, headers={"ETag": '"one"'})) as state:
        yield state


def imported(
    project: Project,
    url: str | Path,
    out: str | None = None,
    *,
    download: bool = True,
    force: bool = False,
    options: PointerOptions | None = None,
    cwd: Path | None = None,
) -> ImportUrlResult:
    with project.opened() as repo:
        return import_url(repo, str(url), out, cwd=cwd or project.root, options=options, download=download, force=force)


def pointer_of(project: Project, path: str) -> Pointer:
    return decode((project.root / f"{path}.dver").read_bytes())


def test_a_directory_is_stored_checked_out_and_tracked(project: Project, raw: Path) -> None:
    result = imported(project, raw)
    assert result.path == b"raw"
    assert result.received == sum(map(len, FILES.values()))
    assert project.ls("raw") == project.clone(raw.parent / "other").ls("../raw")
    pointer = pointer_of(project, "raw")
    assert pointer == result.pointer
    assert (pointer.kind, pointer.files) == (ObjectKind.TREE, 4)
    assert pointer.source == UrlSource(str(raw), UrlFiles(base=raw).info(str(raw)).fingerprint)
    assert project.is_unchanged("raw")
    assert project.git("diff", "--cached", "--name-only").split() == [".gitignore", "raw.dver"]
    assert project.leftovers() == []


def test_the_imported_content_has_the_oid_that_add_gives_it(project: Project, raw: Path) -> None:
    imported(project, raw)
    write(project.root / "copy", FILES)
    assert project.add("copy").added[0].pointer.oid == pointer_of(project, "raw").oid


def test_a_relative_path_starts_at_the_project(project: Project, raw: Path) -> None:
    (project.root / "sub").mkdir()
    result = imported(project, "../../raw/a.csv", cwd=project.root / "sub")
    assert result.path == b"sub/a.csv"
    source = pointer_of(project, "sub/a.csv").source
    assert isinstance(source, UrlSource)
    assert source.url == "../raw/a.csv"


def test_objects_of_a_bucket_are_imported(project: Project, moto_server: S3Server, tmp_path: Path) -> None:
    table = moto_server.table()
    storage = connect(parse("origin", table), base=tmp_path)
    for name, content in FILES.items():
        storage.put(f"raw/{name}", BytesBody(content))
    (project.root / ".git/dver").mkdir(exist_ok=True)
    settings = "".join(f'{key} = "{value}"\n' for key, value in table.items())
    (project.root / ".git/dver/config.toml").write_text(f"[remote.origin]\n{settings}")
    imported(project, f"{table['url']}/raw", "data/raw")
    assert project.ls("data/raw")[b"big.bin"] == ("file", LARGE)
    assert project.ls("data/raw")[b"sub/deep/c"] == ("file", b"")


def test_a_file_of_a_web_server_is_imported(project: Project, web: Web) -> None:
    imported(project, f"{web.url}/raw/big.bin?version=3", "models/net.bin")
    assert (project.root / "models/net.bin").read_bytes() == LARGE
    assert pointer_of(project, "models/net.bin").source == UrlSource(f"{web.url}/raw/big.bin?version=3", "etag:one")
    web.faults = ["", "chunked"]
    imported(project, f"{web.url}/raw/small")
    assert (project.root / "small").read_bytes() == b"small"


def test_an_interrupted_import_leaves_nothing_and_continues(
    project: Project, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = UrlFiles.read

    def read(self: UrlFiles, url: str, start: int, length: int) -> bytes:
        if url.endswith("deep/c"):
            raise KeyboardInterrupt
        return real(self, url, start, length)

    with monkeypatch.context() as patched:
        patched.setattr(UrlFiles, "read", read)
        with pytest.raises(KeyboardInterrupt):
            imported(project, raw)
    assert project.git("status", "--short") == ""
    assert not (project.root / "raw").exists()
    assert imported(project, raw).received < 10


def test_a_source_that_changes_during_the_download_is_refused(
    project: Project, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = UrlFiles.pieces

    def pieces(self: UrlFiles, url: str) -> Iterator[bytes]:
        yield from real(self, url)
        (raw / "new").write_bytes(b"new")

    monkeypatch.setattr(UrlFiles, "pieces", pieces)
    with pytest.raises(RemoteError, match="changed while it was read"):
        imported(project, raw)
    assert project.git("status", "--short") == ""


def test_existing_data_is_replaced_only_with_force(project: Project, raw: Path) -> None:
    (project.root / "a.csv").write_bytes(b"mine")
    with pytest.raises(ConflictError, match="already exists"):
        imported(project, raw / "a.csv")
    assert (project.root / "a.csv").read_bytes() == b"mine"
    imported(project, raw / "a.csv", force=True)
    assert (project.root / "a.csv").read_bytes() == b"one"
    with pytest.raises(ConflictError, match="imported before") as caught:
        imported(project, raw / "a.csv")
    assert caught.value.fix == "`dver update a.csv` downloads the present content of its source"
    imported(project, raw / "sub/b.csv", "a.csv", force=True)
    assert (project.root / "a.csv").read_bytes() == b"two"


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("https://me:secret@example.org/a", "was given with credentials"),
        ("https://example.org/a?X-Amz-Signature=secret", "was given with a secret"),
        ("sftp://me:secret@example.org/a", "was given with credentials"),
        ("https://example.org/", "cannot tell the name"),
        ("s3://bucket", "cannot tell the name"),
        ("https:///a", "is not valid"),
    ],
)
def test_urls_that_no_pointer_may_record_are_refused(project: Project, url: str, what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        imported(project, url)
    assert "secret@" not in str(caught.value.what)
    assert "=secret" not in f"{caught.value.what}{caught.value.fix}"


def test_wrong_destinations_are_refused_before_the_download(project: Project, raw: Path) -> None:
    imported(project, raw)
    for out in ("raw/x", "../outside", ".git/x", ".gitignore", "x.dver"):
        with pytest.raises(DverError):
            imported(project, raw / "a.csv", out)
    with pytest.raises(UrlNotFound):
        imported(project, raw / "absent")
    assert project.git("diff", "--cached", "--name-only").split() == [".gitignore", "raw.dver"]


def test_options_are_written_into_the_pointer(project: Project, raw: Path) -> None:
    (project.root / ".git/dver").mkdir(exist_ok=True)
    (project.root / ".git/dver/config.toml").write_text(f'[remote.cold]\nurl = "{raw.parent}/cold"\n')
    imported(project, raw / "a.csv", options=PointerOptions("cold", "Labels: 2024"))
    pointer = pointer_of(project, "a.csv")
    assert (pointer.remote, pointer.desc) == ("cold", "Labels: 2024")
    with pytest.raises(DverError, match="hot"):
        imported(project, raw / "a.csv", "b.csv", options=PointerOptions("hot"))


def test_without_a_download_only_the_source_is_recorded(project: Project, raw: Path) -> None:
    result = imported(project, raw, download=False)
    assert isinstance(result.pointer, UndownloadedPointer)
    assert result.pointer.size == sum(map(len, FILES.values()))
    assert not (project.root / "raw").exists()
    report = project.status()
    assert (report.paths, report.not_downloaded) == ((), (b"raw",))
    assert project.status("raw").not_downloaded == (b"raw",)
    assert project.status("raw.dver").not_downloaded == (b"raw",)
    with pytest.raises(UsageError, match="never downloaded"):
        project.checkout("raw")
    assert project.checkout().created == 0
    project.commit()
    assert project.diff() == ()
    with pytest.raises(ConflictError, match="imported before"):
        imported(project, raw)
    imported(project, raw, force=True)
    assert project.is_unchanged("raw")
    assert (project.root / "raw.dver").read_text().startswith("files: 4\nkind: tree\noid: ")


def test_an_import_keeps_its_source_when_it_is_edited_and_moved(project: Project, raw: Path) -> None:
    imported(project, raw)
    source = pointer_of(project, "raw").source
    (project.root / "raw/a.csv").write_bytes(b"edited")
    project.add("raw")
    with project.opened() as repo:
        move(repo, "raw", "moved", cwd=project.root)
    assert pointer_of(project, "moved").source == source
