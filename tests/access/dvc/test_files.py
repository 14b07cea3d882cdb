"""Reading frozen repositories that real DVC made: `tests/fixtures/dvc-repositories/make.sh`."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from gitserver import git_server
from support import git
from workspaces import listing

from dver.access.dvc.files import DvcRepositoryFiles, _Md5OfText
from dver.access.dvc.outputs import DvcHash, DvcOutput
from dver.access.dvc.remotes import DvcRemotes
from dver.access.errors import NotADirectory, NotAFile, PathNotFound
from dver.access.files import Files
from dver.access.repositories import open_files
from dver.access.suggestions import near_paths
from dver.core.errors import CorruptError, MissingObjectError, RepositoryError
from dver.ops.share.get import get
from dver.remote.backends.connect import connect
from dver.remote.settings import parse
from dver.remote.storage import BytesBody, Storage

FIXTURES = Path(__file__).parents[2] / "fixtures" / "dvc-repositories"
VERSIONS = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())


@pytest.fixture(params=VERSIONS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A repository of DVC, with its remote beside it and without a cache."""
    git("clone", "-q", FIXTURES / request.param / "repo.bundle", tmp_path / "repo", cwd=tmp_path)
    shutil.copytree(FIXTURES / request.param / "remote", tmp_path / "remote")
    return tmp_path / "repo"


@pytest.fixture
def files(source: Path) -> Files:
    return open_files(source)


def objects(source: Path) -> list[Path]:
    """The files of the remote."""
    return sorted(path for path in (source.parent / "remote").rglob("*") if path.is_file())


def test_both_formats_of_dvc_are_tested() -> None:
    assert VERSIONS == ["v2", "v3"]


def test_lists_outputs_and_files_of_git_together(files: Files) -> None:
    names = [info.path for info in files.ls()]
    assert {"a.txt", "b.txt", "data", "data.dvc", "dvc.lock", "models", "sub"} <= set(names)
    assert names == sorted(names)
    assert [(info.path, info.kind) for info in files.ls("data")] == [
        ("data/a.txt", "file"),
        ("data/crlf.txt", "file"),
        ("data/deep", "directory"),
        ("data/empty", "file"),
    ]
    assert [info.path for info in files.ls("sub")] == ["sub/.gitignore", "sub/m.json", "sub/out"]
    assert [info.path for info in files.walk() if info.tracked and info.kind == "file"] == [
        *("a.txt", "b.txt", "data/a.txt", "data/crlf.txt", "data/deep/run.sh", "data/empty"),
        *("models/net.bin", "sub/out/x"),
    ]


def test_reads_the_version_of_the_revision(source: Path, files: Files) -> None:
    assert files.read("data/a.txt") == b"two\n"
    assert open_files(source, rev="v1").read("data/a.txt") == b"one\n"
    assert files.read("data/crlf.txt") == b"one\r\ntwo\r\n"
    assert files.read("models/net.bin") == b"a model\r\n"
    assert files.read("data/empty") == b""
    assert files.read("sub/out/x") == b"made\n"
    assert files.read("sub/m.json") == b"1\n"
    assert files.read_range("data/crlf.txt", 5, 3) == b"two"
    with files.open("data/crlf.txt") as file:
        file.seek(-5, os.SEEK_END)
        assert file.read() == b"two\r\n"


def test_reads_many_files_in_order(files: Files) -> None:
    wanted = [files.info(path) for path in ("sub/out/x", "data/a.txt", "dvc.yaml", "data/crlf.txt")]
    contents = [content for _, content in files.read_many(wanted)]
    assert contents[:2] + contents[3:] == [b"made\n", b"two\n", b"one\r\ntwo\r\n"]


def test_get_writes_directories_with_parts_and_all(source: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    get(source.as_uri(), "data", cwd=here)
    assert listing(here / "data") == {
        b"a.txt": ("file", b"two\n"),
        b"crlf.txt": ("file", b"one\r\ntwo\r\n"),
        b"deep": ("directory", b""),
        b"deep/run.sh": ("file", b"#!/bin/sh\n"),
        b"empty": ("file", b""),
    }
    get(source.as_uri(), "data/deep", cwd=here, out="part")
    assert os.listdir(here / "part") == ["run.sh"]
    get(source.as_uri(), cwd=here, out="all")
    assert (here / "all/models/net.bin").read_bytes() == b"a model\r\n"
    assert (here / "all/dvc.yaml").exists()


def test_damaged_data_is_refused(source: Path, tmp_path: Path) -> None:
    for path in objects(source):
        if not path.name.endswith(".dir"):
            path.chmod(0o644)
            path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(CorruptError, match="damaged"):
        open_files(source).read("data/a.txt")
    with pytest.raises(CorruptError):
        get(source.as_uri(), "data", cwd=source.parent, out="new")
    assert not (source.parent / "new").exists()


def test_a_damaged_listing_is_refused(source: Path) -> None:
    for path in objects(source):
        if path.name.endswith(".dir"):
            path.chmod(0o644)
            path.write_bytes(b"[]")
    with pytest.raises(CorruptError):
        open_files(source).ls("data")


def test_data_that_is_not_on_the_remote_is_told(source: Path) -> None:
    shutil.rmtree(source.parent / "remote")
    (source.parent / "remote").mkdir()
    with pytest.raises(MissingObjectError) as caught:
        open_files(source).read("models/net.bin")
    assert caught.value.fix == "in a clone that has it: dvc push"


def test_the_cache_of_a_repository_on_this_machine_is_used(source: Path) -> None:
    (source.parent / "remote").rename(source / ".dvc" / "cache")
    assert open_files(source).read("models/net.bin") == b"a model\r\n"


def test_a_remote_beside_the_clones_cannot_be_reached_by_url(source: Path) -> None:
    with git_server(source.parent) as server, pytest.raises(RepositoryError, match="beside its clones"):
        open_files(f"{server.url}/repo/.git").read("models/net.bin")


def test_wrong_paths_are_errors(files: Files) -> None:
    with pytest.raises(PathNotFound):
        files.read("data/a.tx")
    assert near_paths(files, "data/a.tx")[0] == "data/a.txt"
    with pytest.raises(PathNotFound):
        files.info("../x")
    with pytest.raises(NotAFile):
        files.read("data")
    with pytest.raises(NotADirectory):
        files.ls("data/a.txt")


@pytest.mark.parametrize("size", [0, 1, 8 << 20, (8 << 20) + 1])
@pytest.mark.parametrize("kind", ["web", "s3", "directory"])
def test_files_of_all_sizes_are_read_from_other_storages(
    kind: str, size: int, request: pytest.FixtureRequest, git_repo: Path
) -> None:
    """A file is read in pieces of 8 MiB; a request from its end gets nothing."""
    content = os.urandom(size)
    hashed = DvcHash(hashlib.md5(content).hexdigest())
    storage = make_storage(kind, request, git_repo.parent, hashed.key, content)
    outputs = {"x.bin": DvcOutput("x.bin", hashed, size)}
    files = DvcRepositoryFiles(open_files(git_repo), outputs, lambda output: [storage])
    assert files.read("x.bin") == content
    assert files.read_range("x.bin", max(0, size - 3), 10) == content[-3:]
    assert [info.path for info in files.ls() if info.tracked] == ["x.bin"]


def make_storage(kind: str, request: pytest.FixtureRequest, folder: Path, key: str, content: bytes) -> Storage:
    """A storage with one object, as settings of DVC name it."""
    if kind == "s3":
        table = request.getfixturevalue("s3_server").table()
        storage = connect(parse("s3", table), base=folder)
        storage.put(key, BytesBody(content))
        return storage
    server = request.getfixturevalue("web_server")
    path = (server.folder if kind == "web" else folder) / "dvc-objects" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    url = f"{server.url}/dvc-objects" if kind == "web" else os.fspath(folder / "dvc-objects")
    config = f"[core]\nremote = r\n['remote \"r\"']\nurl = {url}\n"
    return DvcRemotes.parse(config.encode()).connect(None, base=None, source="r")


def test_the_hash_of_text_ignores_line_ends_as_dvc_2_did() -> None:
    text = b"line\r\n" * 300_000
    hasher = _Md5OfText()
    for at in range(0, len(text), 1 << 19):
        hasher.update(text[at : at + (1 << 19)])
    pieces = [text[at : at + (1 << 20)].replace(b"\r\n", b"\n") for at in range(0, len(text), 1 << 20)]
    assert hasher.hexdigest() == hashlib.md5(b"".join(pieces)).hexdigest()
    binary = _Md5OfText()
    binary.update(b"\0\r\n")
    assert binary.hexdigest() == hashlib.md5(b"\0\r\n").hexdigest()
