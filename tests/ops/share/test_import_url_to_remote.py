"""Imports that go from the source to the remote, without a copy on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from githooks import put_dver_on_path
from support import Run, git
from workspaces import Project, write

from dver.core.errors import ConflictError, DverError, RemoteError, UsageError
from dver.formats.pointer import Pointer, decode
from dver.ops.share.import_url import ImportUrlResult, import_url
from dver.ops.share.pull import pull
from dver.ops.share.remote import add as add_remote
from dver.ops.share.update import update
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.urls.url_files import UrlFiles

LARGE = os.urandom(40_000_000)
FILES = {"a.csv": b"one", "big.bin": LARGE, "sub/b.csv": b"two", "sub/empty": b""}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A directory outside of the project."""
    write(tmp_path / "raw", FILES)
    return tmp_path / "raw"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a remote."""
    made = Project.make(tmp_path / "repo")
    with made.opened() as repo:
        add_remote(repo, "origin", str(tmp_path / "remote"), default=True)
    made.commit()
    return made


def imported(project: Project, url: Path, out: str | None = None, *, force: bool = False) -> ImportUrlResult:
    with project.opened() as repo:
        return import_url(repo, str(url), out, cwd=project.root, to_remote=True, force=force)


def pulled(project: Project, to: Path, path: str = "raw") -> Project:
    """A clone of the last commit, without the store of `project`, that has pulled `path`."""
    project.commit()
    other = project.clone(to, share=False)
    with other.opened() as repo:
        assert pull(repo, [path], cwd=other.root).remotes[0].error() is None
    return other


def keys(tmp_path: Path, prefix: str = "") -> set[str]:
    return {info.key for info in DirectoryStorage(tmp_path / "remote").list(prefix)}


def bytes_below(*directories: Path) -> int:
    return sum(
        os.lstat(os.path.join(folder, name)).st_size
        for directory in directories
        for folder, _, names in os.walk(directory)
        for name in names
    )


def test_the_remote_has_everything_and_this_machine_nothing(project: Project, raw: Path, tmp_path: Path) -> None:
    result = imported(project, raw)
    assert not (project.root / "raw").exists()
    pointer = decode((project.root / "raw.dver").read_bytes())
    assert pointer == result.pointer
    assert result.sent is not None
    assert result.sent.size > len(LARGE)
    assert project.status().paths[0].on_remote
    other = pulled(project, tmp_path / "other")
    assert other.ls("raw") == other.ls(str(raw))
    write(project.root / "copy", FILES)
    assert project.add("copy").added[0].pointer.oid == pointer.oid


def test_nothing_is_written_to_this_machines_disks(
    project: Project, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr("tempfile.tempdir", None)
    home = Path(os.environ["HOME"])
    before, most = bytes_below(project.root, scratch, home), 0
    real = UrlFiles.pieces

    def pieces(self: UrlFiles, url: str) -> Iterator[bytes]:
        nonlocal most
        for piece in real(self, url):
            yield piece
            most = max(most, bytes_below(project.root, scratch, home) - before)

    monkeypatch.setattr(UrlFiles, "pieces", pieces)
    imported(project, raw)
    assert bytes_below(tmp_path / "remote") > len(LARGE)
    assert max(most, bytes_below(project.root, scratch, home) - before) < 2_000_000


def test_objects_that_the_remote_has_are_not_uploaded_again(project: Project, raw: Path, tmp_path: Path) -> None:
    imported(project, raw)
    packs = keys(tmp_path, "packs/")
    again = imported(project, raw, "again")
    assert again.sent is not None
    assert (again.received, again.sent.packs, keys(tmp_path, "packs/")) == (0, 0, packs)
    (raw / "big.bin").write_bytes(LARGE + b"more")
    changed = imported(project, raw, "changed")
    assert changed.sent is not None
    assert changed.received == len(LARGE) + 4
    assert 0 < changed.sent.size < 2_000_000
    other = pulled(project, tmp_path / "other", "changed")
    assert (other.root / "changed/big.bin").read_bytes() == LARGE + b"more"


def test_an_interrupted_upload_shows_nothing_and_is_completed_by_the_next(
    project: Project, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = UrlFiles.read

    def read(self: UrlFiles, url: str, start: int, length: int) -> bytes:
        if url.endswith("empty"):
            raise RemoteError("cut")
        return real(self, url, start, length)

    with monkeypatch.context() as patched:
        patched.setattr(UrlFiles, "read", read)
        with pytest.raises(RemoteError, match="cut"):
            imported(project, raw)
    assert project.git("status", "--short") == ""
    assert [key for key in keys(tmp_path) if key.endswith(".idx")] == []
    sent = keys(tmp_path, "packs/")
    imported(project, raw)
    assert sent
    assert sent <= keys(tmp_path, "packs/")
    pulled(project, tmp_path / "other")


def test_two_at_once_complete_each_other(project: Project, raw: Path, tmp_path: Path) -> None:
    others = [project.clone(tmp_path / f"clone{number}", share=False) for number in range(2)]
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda one: imported(one, raw), others))
    assert results[0].pointer == results[1].pointer
    for number, other in enumerate(others):
        pulled(other, tmp_path / f"other{number}")


def test_without_a_remote_that_answers_nothing_is_recorded(project: Project, raw: Path, tmp_path: Path) -> None:
    (tmp_path / "remote").write_bytes(b"a file")
    with pytest.raises(DverError, match="remote"):
        imported(project, raw)
    assert project.git("status", "--short") == ""
    with project.opened() as repo, pytest.raises(UsageError, match="--no-download"):
        import_url(repo, str(raw), cwd=project.root, to_remote=True, download=False)
    (project.root / "raw").mkdir()
    with pytest.raises(ConflictError, match="already exists"):
        imported(project, raw)


def test_an_import_on_the_remote_is_updated_here(project: Project, raw: Path) -> None:
    imported(project, raw)
    (raw / "a.csv").write_bytes(b"changed")
    with project.opened() as repo:
        (one,) = update(repo, cwd=project.root)
    assert isinstance(one.pointer, Pointer)
    assert (project.root / "raw/a.csv").read_bytes() == b"changed"
    assert (project.root / "raw/big.bin").read_bytes() == LARGE


def test_hooks_let_data_pass_that_only_the_remote_has(
    project: Project, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    write(tmp_path / "small", {"a": b"one", "b": b"two"})
    git("init", "--quiet", "--bare", tmp_path / "bare.git", cwd=tmp_path)
    project.git("remote", "add", "origin", tmp_path / "bare.git")
    run("install", cwd=project.root)
    told = run("import-url", "--to-remote", "../small", "data", cwd=project.root)
    assert "imported data from ../small to origin" in told.out
    project.commit()
    project.git("push", "--quiet", "origin", "HEAD")
    assert run("check", "available", "--remote", cwd=project.root).rc == 0
    run("pull", cwd=project.root)
    assert (project.root / "data/b").read_bytes() == b"two"
