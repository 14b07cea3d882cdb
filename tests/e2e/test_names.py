"""Names that hurt, kinds of entries, and what must be refused: added, committed, and restored in another clone."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
from support import Run, git
from workspaces import Project, listing

from dver.core.errors import UsageError

NASTY = [
    b"a name with spaces",
    b" leading",
    b"trailing ",
    b"trailing\t",
    b"#comment",
    b"!negated",
    b"[brackets]",
    b"star*",
    b"question?",
    b"back\\slash",
    b"back\\",
    b"colon:",
    b":(glob)magic",
    b"-rf",
    b"--help",
    b"new\nline",
    b"ends with newline\n",
    b"carriage\r",
    b"bell\x07",
    b"quote'\"",
    b"$(touch x)",
    b"~",
    b"@",
    b"HEAD",
    b"e\xcc\x81 decomposed",
    b"\xc3\xa9 composed",
    b"not utf-8: \xff\xfe",
    b"\xed\xa0\x80 lone surrogate",
    b"A",
    b"a",
    b"...",
    b"x.dverish",
    b"nul",
]
LONGEST = b"n" * 255


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "repo")


def fill(folder: bytes) -> None:
    """A folder with all nasty names, as files, and as directories with a file in them."""
    os.makedirs(folder + b"/dirs")
    for name in [*NASTY, LONGEST]:
        with open(folder + b"/" + name, "wb") as file:
            file.write(b"I am " + name)
        os.mkdir(folder + b"/dirs/" + name)
        with open(folder + b"/dirs/" + name + b"/" + name, "wb") as file:
            file.write(b"and inside " + name)


def test_all_names_inside_of_a_directory_are_kept_ignored_and_restored(project: Project, tmp_path: Path) -> None:
    fill(os.fsencode(project.root / "data"))
    before = project.ls()
    project.save("data")
    assert project.git("status", "--porcelain") == ""
    assert project.is_unchanged()

    clone = project.clone(tmp_path / "clone")
    assert clone.checkout().lost == ()
    assert clone.ls() == before
    assert clone.is_unchanged()
    assert git("status", "--porcelain", cwd=clone.root) == ""


@pytest.mark.parametrize("name", NASTY)
def test_each_name_is_tracked_by_itself_too(name: bytes, project: Project, tmp_path: Path) -> None:
    path = os.fsencode(project.root) + b"/" + name
    with open(path, "wb") as file:
        file.write(b"content")
    text = os.fsdecode(b"./" + name)
    project.save(text)
    assert project.git("status", "--porcelain") == "", "Git ignores it, and the pointer is committed"
    assert project.is_unchanged(text)

    clone = project.clone(tmp_path / "clone")
    clone.checkout()
    assert listing(os.fsencode(clone.root) + b"/" + name) == {b"": ("file", b"content")}
    assert clone.is_unchanged(text)
    assert git("status", "--porcelain", cwd=clone.root) == ""


@pytest.mark.parametrize("name", [b"new\nline", b"not utf-8: \xff\xfe", b"-rf", b"trailing ", b":(glob)magic", b"HEAD"])
def test_nasty_names_work_on_the_command_line(name: bytes, project: Project, run: Run) -> None:
    path = os.fsencode(project.root) + b"/" + name
    os.mkdir(path)
    with open(path + b"/file", "wb") as file:
        file.write(b"one")
    run("add", b"./" + name, cwd=project.root)
    project.commit()
    with open(path + b"/file", "wb") as file:
        file.write(b"three")
    for command in ("status", "diff"):
        assert run(command, "-v", "--", b"./" + name, cwd=project.root).out
    assert run("status", "--json", cwd=project.root).json["paths"]
    run("checkout", "--force", "--", b"./" + name, cwd=project.root)
    assert listing(path) == {b"file": ("file", b"one")}
    assert run("ls", "-R", b"./" + name, cwd=project.root).out
    assert run("cat", b"./" + name + b"/file", cwd=project.root).out == "one"


def test_names_do_not_move_the_terminals_cursor(project: Project, run: Run) -> None:
    (project.root / "data").mkdir()
    (project.root / "data/\x1b[2Jevil\n").write_bytes(b"1")
    project.add("data")
    (project.root / "data/\x1b[2Jevil\n").write_bytes(b"22")
    out = run("status", "-v", cwd=project.root).out + run("diff", cwd=project.root).out
    assert "\x1b" not in out
    assert "evil" in out


def test_the_longest_name_is_kept_in_a_directory_and_refused_by_itself(project: Project) -> None:
    name = os.fsdecode(LONGEST)
    (project.root / name).write_bytes(b"x")
    with pytest.raises(UsageError) as caught:
        project.add(name)
    assert caught.value.why
    assert "pointer" in caught.value.why
    (project.root / "data").mkdir()
    (project.root / name).rename(project.root / "data" / name)
    project.add("data")
    assert project.is_unchanged()


def test_composed_and_decomposed_names_are_two_files(project: Project, tmp_path: Path) -> None:
    data = project.root / "data"
    data.mkdir()
    (data / "\u00e9").write_bytes(b"composed")
    (data / "e\u0301").write_bytes(b"decomposed")
    (data / "A").write_bytes(b"upper")
    (data / "a").write_bytes(b"lower")
    before = project.ls()
    assert len(before) == 4, "the disk under the tests tells them apart"
    project.save("data")
    clone = project.clone(tmp_path / "clone")
    clone.checkout()
    assert clone.ls() == before


def test_modes_links_and_empty_directories_are_kept(project: Project, tmp_path: Path) -> None:
    data = project.root / "data"
    (data / "empty/within").mkdir(parents=True)
    (data / "folder").mkdir()
    (data / "file").write_bytes(b"")
    (data / "tool").write_bytes(b"#!/bin/sh\n")
    (data / "tool").chmod(0o755)
    (data / "relative").symlink_to("folder/../file")
    (data / "absolute").symlink_to("/etc/hostname")
    (data / "dangling").symlink_to("nowhere")
    (data / "to-directory").symlink_to("folder")
    (data / "out").symlink_to("../../..")
    (data / "itself").symlink_to("itself")
    os.symlink(b"\xff\n", os.fsencode(data / "odd"))
    before = project.ls()
    project.save("data")
    clone = project.clone(tmp_path / "clone")
    clone.checkout()
    assert clone.ls() == before
    assert clone.is_unchanged()
    (data / "tool").chmod(0o644)
    assert not project.is_unchanged()
    project.checkout()
    assert project.ls() == before


def test_a_tracked_executable_keeps_its_mode(project: Project, tmp_path: Path) -> None:
    (project.root / "tool").write_bytes(b"#!/bin/sh\n")
    (project.root / "tool").chmod(0o755)
    project.save("tool")
    clone = project.clone(tmp_path / "clone")
    clone.checkout()
    assert clone.ls("tool") == {b"": ("executable", b"#!/bin/sh\n")}


def test_empty_files_and_an_empty_directory_can_be_tracked(project: Project, tmp_path: Path) -> None:
    (project.root / "nothing").touch()
    (project.root / "hollow").mkdir()
    project.save("nothing", "hollow")
    clone = project.clone(tmp_path / "clone")
    clone.checkout()
    assert clone.ls("nothing") == {b"": ("file", b"")}
    assert (clone.root / "hollow").is_dir()
    assert clone.ls("hollow") == {}


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(path.parent, os.O_RDONLY)
        try:
            listener.bind(f"/proc/self/fd/{here}/{path.name}")  # the whole path may be too long for a socket's
        finally:
            os.close(here)


@pytest.mark.parametrize(("make", "word"), [(make_fifo, "FIFO"), (make_socket, "socket")])
@pytest.mark.parametrize("place", ["data/sub/odd", "data/odd", "odd"])
def test_what_has_no_content_is_named_and_never_waited_for(
    make: object, word: str, place: str, project: Project, run: Run
) -> None:
    (project.root / "data/sub").mkdir(parents=True)
    (project.root / "data/file").write_bytes(b"x")
    project.save("data")
    assert callable(make)
    make(project.root / place)
    for command in (("add", "odd" if place == "odd" else "data"), *([] if place == "odd" else [("status",)])):
        result = run(*command, cwd=project.root, rc=2)
        assert place in result.err
        assert word in result.err
    assert not (project.root / "odd.dver").exists()


def test_a_device_is_refused_by_name(project: Project) -> None:
    (project.root / "data").mkdir()
    try:
        os.mknod(project.root / "data/null", 0o600 | 0o020000, os.makedev(1, 3))
    except PermissionError:
        os.mkfifo(project.root / "data/null")  # only root may make devices
    with pytest.raises(UsageError, match="data/null"):
        project.add("data")


def test_a_git_repository_inside_of_data_is_refused_by_name(project: Project) -> None:
    (project.root / "data/tools").mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", project.root / "data/tools"], check=True)
    with pytest.raises(UsageError, match=r"data/tools/\.git"):
        project.add("data")


def test_a_file_becomes_a_directory_of_its_name_and_back(project: Project) -> None:
    thing = project.root / "data/thing"
    thing.parent.mkdir()
    thing.write_bytes(b"a file")
    first = project.save("data")
    as_file = project.ls()
    thing.unlink()
    (thing / "below").mkdir(parents=True)
    (thing / "below/file").write_bytes(b"deep")
    second = project.save("data")
    as_directory = project.ls()
    for rev, wanted in ((first, as_file), (second, as_directory), (first, as_file)):
        assert project.switch(rev).kept == ()
        assert project.ls() == wanted


def test_tracked_data_itself_turns_from_a_file_into_a_directory_and_back(project: Project) -> None:
    data = project.root / "data"
    data.write_bytes(b"a file")
    first = project.save("data")
    data.unlink()
    (data / "sub").mkdir(parents=True)
    (data / "sub/file").write_bytes(b"deep")
    second = project.save("data")
    assert project.switch(first).kept == ()
    assert data.read_bytes() == b"a file"
    project.switch(second)
    assert (data / "sub/file").read_bytes() == b"deep"


def test_a_project_in_a_subfolder_keeps_to_itself(tmp_path: Path, run: Run) -> None:
    top = tmp_path / "mono"
    subprocess.run(["git", "init", "--quiet", top], check=True)
    inner = top / "team/project"
    (inner / "data/deep").mkdir(parents=True)
    (inner / "data/deep/file").write_bytes(b"x")
    (top / "outside").write_bytes(b"x")
    run("init", cwd=inner)
    run("add", "data", cwd=inner)
    assert (inner / "data.dver").exists()
    assert (inner / ".gitignore").read_text() == "/data\n"
    git("commit", "--quiet", "-m", "Data", cwd=top)
    assert "outside of the project" in run("add", "../../outside", cwd=inner, rc=2).err
    (inner / "data/deep/file").unlink()
    run("checkout", "--force", "../data.dver", cwd=inner / "data")
    assert (inner / "data/deep/file").read_bytes() == b"x"
    assert run("status", "--exit-code", cwd=inner / "data/deep").out == "data is clean\n"


def test_commands_work_from_any_folder_with_relative_and_absolute_paths(project: Project, run: Run) -> None:
    deep = project.root / "code/deep"
    deep.mkdir(parents=True)
    (project.root / "data").mkdir()
    (project.root / "data/file").write_bytes(b"1")
    run("add", "../../data", cwd=deep)
    project.commit()
    (project.root / "data/file").write_bytes(b"22")
    assert "../../data" in run("status", cwd=deep).out
    assert "../../data/file" in run("diff", cwd=deep).out
    run("add", project.root / "data", cwd=deep)
    run("--cd", deep, "checkout", "HEAD", "../../data")
    assert (project.root / "data/file").read_bytes() == b"1"


def test_a_path_through_a_symbolic_link_to_the_project_is_in_the_project(project: Project, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(project.root)
    (project.root / "data").write_bytes(b"x")
    project.add(str(tmp_path / "alias/data"))
    assert project.is_unchanged()
