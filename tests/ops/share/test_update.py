"""Updates of imports of URLs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from webserver import Web, running
from workspaces import Project, write

from dver.core.errors import ConflictError, UsageError
from dver.formats.pointer import Pointer, decode
from dver.formats.pointer_source import UrlSource
from dver.ops.share.import_url import import_url
from dver.ops.share.update import UpdatedImport, update
from dver.remote.urls.url_files import UrlFiles
from dver.remote.urls.url_info import UrlNotFound

LARGE = os.urandom(2_000_000)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A directory outside of the project."""
    write(tmp_path / "raw", {"a": b"one", "b": b"two", "big": LARGE, "sub/c": b"three"})
    return tmp_path / "raw"


@pytest.fixture
def project(tmp_path: Path, raw: Path) -> Project:
    """A project that has imported it."""
    project = Project.make(tmp_path / "repo")
    imported(project, raw)
    project.commit()
    return project


def imported(project: Project, url: str | Path, out: str | None = None, *, download: bool = True) -> None:
    with project.opened() as repo:
        import_url(repo, str(url), out, cwd=project.root, download=download)


def updated(project: Project, *paths: str, force: bool = False) -> list[UpdatedImport]:
    with project.opened() as repo:
        return list(update(repo, paths, cwd=project.root, force=force))


def pointer_of(project: Project, path: str = "raw") -> Pointer:
    return decode((project.root / f"{path}.dver").read_bytes())


def test_an_unchanged_source_is_not_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(UrlFiles, "pieces", lambda self, url: read.append(url) or [])
    monkeypatch.setattr(UrlFiles, "read", lambda self, url, start, length: read.append(url) or b"")
    (one,) = updated(project)
    assert (one.path, one.before, one.received, one.restored) == (b"raw", one.pointer, 0, None)
    assert read == []
    assert project.git("status", "--short") == ""


def test_only_changed_files_are_downloaded(project: Project, raw: Path) -> None:
    (raw / "a").write_bytes(b"changed")
    (raw / "b").unlink()
    (raw / "new").write_bytes(b"new")
    (one,) = updated(project, "raw")
    assert one.received == len(b"changed") + len(b"new")
    assert one.changes is not None
    assert [(change.status.value, change.path) for change in one.changes] == [
        ("modified", b"raw/a"),
        ("removed", b"raw/b"),
        ("added", b"raw/new"),
    ]
    assert (project.root / "raw/a").read_bytes() == b"changed"
    assert not (project.root / "raw/b").exists()
    assert project.is_unchanged("raw")
    assert project.git("diff", "--cached", "--name-only").split() == ["raw.dver"]
    assert updated(project)[0].restored is None


def test_another_clone_updates_without_this_ones_cache(project: Project, raw: Path, tmp_path: Path) -> None:
    other = project.clone(tmp_path / "other")
    other.checkout()
    (raw / "a").write_bytes(b"changed")
    (one,) = updated(other)
    assert one.received > len(LARGE)
    assert (other.root / "raw/a").read_bytes() == b"changed"


def test_the_same_content_with_another_time_changes_only_the_fingerprint(project: Project, raw: Path) -> None:
    os.utime(raw / "a", (1, 1))
    (one,) = updated(project)
    assert one.same_content
    assert one.pointer != one.before
    assert one.changes == ()
    assert updated(project)[0].pointer == one.pointer


def test_unsaved_changes_are_refused_before_the_download(project: Project, raw: Path) -> None:
    (project.root / "raw/b").write_bytes(b"mine")
    assert updated(project)[0].restored is None  # nothing is replaced
    (raw / "a").write_bytes(b"changed")
    before = pointer_of(project)
    with pytest.raises(ConflictError, match="unsaved changes in raw"):
        updated(project)
    assert pointer_of(project) == before
    assert (project.root / "raw/b").read_bytes() == b"mine"
    updated(project, force=True)
    assert (project.root / "raw/b").read_bytes() == b"two"
    assert (project.root / "raw/a").read_bytes() == b"changed"


def test_force_reads_an_unchanged_source_whose_data_is_missing(project: Project, tmp_path: Path) -> None:
    other = project.clone(tmp_path / "other", share=False)
    assert updated(other)[0].restored is None
    (one,) = updated(other, "raw", force=True)
    assert one.pointer == one.before
    assert (other.root / "raw/big").read_bytes() == LARGE


def test_a_recorded_import_is_downloaded(project: Project, raw: Path) -> None:
    imported(project, raw / "sub", "later", download=False)
    (project.root / "later").mkdir()
    with pytest.raises(ConflictError, match="later"):
        updated(project, "later")
    (project.root / "later").rmdir()
    (one,) = updated(project, "later")
    assert one.pointer == pointer_of(project, "later")
    assert (project.root / "later/c").read_bytes() == b"three"
    assert project.status().not_downloaded == ()


def test_options_and_comments_of_the_pointer_stay(project: Project, raw: Path) -> None:
    file = project.root / "raw.dver"
    file.write_text("# from the lab\ndesc: raw data\nowner: me\n" + file.read_text())
    project.git("add", "raw.dver")
    (raw / "a").write_bytes(b"changed")
    (one,) = updated(project)
    text = file.read_text()
    assert text.startswith("# from the lab\ndesc: raw data\nowner: me\n")
    assert decode(text.encode()) == one.pointer
    assert one.pointer.desc == "raw data"


def test_other_paths_are_refused(project: Project, tmp_path: Path) -> None:
    write(project.root, {"own": b"own"})
    project.add("own")
    for path, what in (("own", "was not imported"), ("raw/a", "is a part of the import 'raw'"), ("x", "not an import")):
        with pytest.raises(UsageError, match=what):
            updated(project, path)
    assert [one.path for one in updated(project, ".")] == [b"raw"]


def test_a_source_that_is_gone_changes_nothing(project: Project, raw: Path) -> None:
    raw.rename(raw.with_name("away"))
    with pytest.raises(UrlNotFound):
        updated(project)
    assert project.is_unchanged("raw")


@pytest.fixture
def web() -> Iterator[Web]:
    with running(Web({"labels.csv": b"one"}, headers={"ETag": '"one"'})) as state:
        yield state


def test_a_web_file_is_updated_by_its_etag(project: Project, web: Web) -> None:
    imported(project, f"{web.url}/labels.csv")
    web.files["labels.csv"] = b"two"
    assert updated(project, "labels.csv")[0].restored is None
    web.headers["ETag"] = '"two"'
    (one,) = updated(project, "labels.csv")
    assert one.pointer.source == UrlSource(f"{web.url}/labels.csv", "etag:two")
    assert (project.root / "labels.csv").read_bytes() == b"two"
