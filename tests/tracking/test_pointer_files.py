"""Writing pointers, ignore lines and Git's index together."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspaces import Project

from dver.core.errors import ConflictError
from dver.core.files import temporary_name
from dver.core.oid import Oid
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer, decode, encode
from dver.tracking.pointer_files import write_pointers

POINTER = Pointer(ObjectKind.BLOB, Oid.of(b"x"), 1)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "repo")


def put(project: Project, pointers: dict[bytes, Pointer | bytes | None]) -> None:
    with project.opened() as repo:
        write_pointers(repo, pointers)


def test_pointers_and_ignore_lines_are_written_and_staged(project: Project) -> None:
    put(project, {b"a": POINTER, b"new folder/b": POINTER})
    assert decode((project.root / "a.dver").read_bytes()) == POINTER
    assert (project.root / "new folder/.gitignore").read_text() == "/b\n"
    staged = project.git("diff", "--cached", "--name-only", "-z").split("\0")
    assert set(staged) - {""} == {".gitignore", "a.dver", "new folder/.gitignore", "new folder/b.dver"}


def test_deleting_takes_back_pointer_and_line_and_leaves_other_lines(project: Project) -> None:
    (project.root / ".gitignore").write_text("*.log\n")
    put(project, {b"a": POINTER, b"folder/b": POINTER})
    project.commit()
    put(project, {b"a": None, b"folder/b": None})
    assert not (project.root / "a.dver").exists()
    assert (project.root / ".gitignore").read_text() == "*.log\n"
    assert not (project.root / "folder/.gitignore").exists()
    assert project.git("ls-files").split() == [".dver/config.toml", ".gitignore", "README"]


def test_whole_files_are_written_byte_for_byte(project: Project) -> None:
    content = b"# as it was\n" + encode(POINTER) + b"desc: then\n"
    put(project, {b"a": Pointer(ObjectKind.BLOB, Oid.of(b"y"), 2)})
    put(project, {b"a": content})
    assert (project.root / "a.dver").read_bytes() == content


def test_writing_the_same_again_touches_no_file(project: Project) -> None:
    put(project, {b"a": POINTER})
    before = [(path, path.stat().st_ino) for path in (project.root / "a.dver", project.root / ".gitignore")]
    put(project, {b"a": POINTER})
    assert [(path, path.stat().st_ino) for path, _ in before] == before


def test_an_ignore_file_that_is_a_link_fails_and_everything_is_as_it_was(project: Project) -> None:
    (project.root / "rules").write_text("x\n")
    (project.root / "folder").mkdir()
    (project.root / "folder/.gitignore").symlink_to("../rules")
    with pytest.raises(ConflictError):
        put(project, {b"a": POINTER, b"folder/b": POINTER})
    assert not (project.root / "a.dver").exists()
    assert not (project.root / ".gitignore").exists()
    assert (project.root / "rules").read_text() == "x\n"


def test_what_a_killed_process_left_beside_a_pointer_is_cleared(project: Project) -> None:
    (project.root / temporary_name()).write_text("half a pointer")
    put(project, {b"a": POINTER})
    assert project.leftovers() == []
