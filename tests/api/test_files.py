"""Reading files of a revision from Python."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest
from workspaces import Project, write

import dver

TEXT = "id,name\r\n1,ä\r\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project in the current directory, with two versions of its data."""
    project = Project.make(tmp_path / "project")
    write(project.root, {"data/t.csv": TEXT.encode(), "data/deep/b.bin": bytes(3 << 20), "params.yaml": b"seed: 1\n"})
    project.git("add", "params.yaml")
    project.save("data")
    project.git("tag", "v1")
    write(project.root, {"data/t.csv": b"new"})
    project.save("data")
    monkeypatch.chdir(project.root)
    return project


@pytest.mark.usefixtures("project")
def test_reads_a_file_on_disk_or_of_a_revision() -> None:
    assert dver.read_bytes("data/t.csv") == b"new"
    assert dver.read_bytes("data/t.csv", rev="v1") == TEXT.encode()
    assert dver.read_text("data/t.csv", rev="v1") == TEXT
    assert dver.read_text("params.yaml", rev="v1") == "seed: 1\n"


@pytest.mark.usefixtures("project")
def test_opens_bytes_and_text() -> None:
    with dver.open("data/deep/b.bin", rev="v1") as file:
        assert file.seek(-3, os.SEEK_END) == (3 << 20) - 3
        assert file.read() == bytes(3)
    assert file.closed
    with dver.open("data/t.csv", "r", rev="v1") as text:
        assert text.readline() == "id,name\n"
    with dver.open("data/t.csv", "r", rev="v1", newline="") as text:
        assert text.readline() == "id,name\r\n"
    with pytest.raises(ValueError, match="read-only"):
        dver.open("data/t.csv", "w")


def test_paths_are_relative_to_the_current_directory(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root / "data")
    assert dver.read_bytes("t.csv") == b"new"
    assert dver.read_bytes("../params.yaml") == b"seed: 1\n"
    assert dver.read_bytes(project.root / "data" / "t.csv") == b"new"


def test_paths_are_relative_to_the_repository_that_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root.parent)
    assert dver.read_bytes("data/t.csv", repo=project.root, rev="v1") == TEXT.encode()
    assert dver.read_bytes("data/t.csv", repo="project") == b"new"
    with pytest.raises(dver.RepositoryError):
        dver.read_bytes("data/t.csv")


@pytest.mark.usefixtures("project")
def test_lists_and_walks() -> None:
    assert [(one.name, one.kind) for one in dver.ls("data", rev="v1")] == [("deep", "directory"), ("t.csv", "file")]
    assert [one.path for one in dver.walk("data")] == ["data/deep", "data/deep/b.bin", "data/t.csv"]


@pytest.mark.usefixtures("project")
def test_errors_are_those_of_python_and_of_dver() -> None:
    with pytest.raises(FileNotFoundError):
        dver.open("data/none")
    with pytest.raises(IsADirectoryError):
        dver.open("data")
    with pytest.raises(NotADirectoryError):
        dver.ls("data/t.csv")
    with pytest.raises(dver.UsageError):
        dver.read_bytes("data/t.csv", rev="v9")


@pytest.mark.usefixtures("project")
def test_one_handle_serves_many_reads() -> None:
    opened = dver.files(rev="v1")
    again: dver.Files = pickle.loads(pickle.dumps(opened))
    assert again.read("data/t.csv") == opened.read("data/t.csv") == TEXT.encode()
    assert isinstance(opened.open("data/t.csv"), io.RawIOBase)
    opened.close()
    assert opened.read("params.yaml") == b"seed: 1\n"  # opens the repository again


def test_every_public_name_can_be_imported() -> None:
    assert [name for name in dver.__all__ if not hasattr(dver, name)] == []
    assert set(dir(dver)) == set(dver.__all__)
    name = "nothing"
    with pytest.raises(AttributeError):
        getattr(dver, name)


def test_importing_dver_imports_nothing_else() -> None:
    command = "import sys, dver; print([name for name in sys.modules if name.startswith('dver.')])"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.usefixtures("project")
def test_reading_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    dver.read_bytes("data/t.csv", rev="v1")
    list(dver.walk())
    assert capfd.readouterr() == ("", "")


def test_a_url_stands_for_a_commit(project: Project) -> None:
    url = dver.url_for("data/t.csv", rev="v1")
    assert url == f"dver://{project.root}@{project.git('rev-parse', 'v1').strip()}/data/t.csv"
    with fsspec.open(url, "rb") as file:
        assert file.read() == TEXT.encode()
    assert dver.url_for("data").endswith(f"@{project.git('rev-parse', 'HEAD').strip()}/data")
    with pytest.raises(FileNotFoundError):
        dver.url_for("data/none")
