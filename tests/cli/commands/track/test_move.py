"""`dver move` through the real command line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support import Run, git


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    (git_repo / "data/sub").mkdir(parents=True)
    (git_repo / "data/a").write_text("one\n")
    (git_repo / "data/sub/b").write_text("two\n")
    (git_repo / "net").write_text("net\n")
    (git_repo / "models").mkdir()
    (git_repo / "models/.keep").touch()
    run("add", "data", "net", cwd=git_repo)
    git("add", "models", cwd=git_repo)
    git("commit", "-qm", "v1", cwd=git_repo)
    return git_repo


def staged(project: Path) -> list[str]:
    return git("diff", "--cached", "--name-status", "--no-renames", cwd=project).splitlines()


def is_clean(run: Run, project: Path) -> bool:
    return all(
        one["data"] == "unchanged" for one in run("status", "--json", cwd=project).json["paths"] if one["pointer"]
    )


def test_move_renames_data_pointer_and_ignore_line(run: Run, project: Path) -> None:
    assert run("move", "data", "images", cwd=project).out == "moved data to images\n"
    assert staged(project) == ["M\t.gitignore", "D\tdata.dver", "A\timages.dver"]
    assert (project / ".gitignore").read_text() == "/net\n/images\n"
    assert (project / "images/sub/b").read_text() == "two\n"
    assert not (project / "data").exists()
    assert is_clean(run, project)
    assert "?" not in git("status", "--short", "--untracked-files=all", cwd=project)


def test_move_into_a_folder_keeps_the_name(run: Run, project: Path) -> None:
    run("move", "net", "models/", cwd=project)
    assert staged(project) == ["M\t.gitignore", "A\tmodels/.gitignore", "A\tmodels/net.dver", "D\tnet.dver"]
    run("move", "net", "..", cwd=project / "models")
    assert staged(project) == ["M\t.gitignore"] or staged(project) == []
    assert (project / "net").read_text() == "net\n"


def test_pointers_can_be_named_instead_of_data(run: Run, project: Path) -> None:
    run("move", "net.dver", "models/other.dver", cwd=project)
    assert (project / "models/other").read_text() == "net\n"
    assert (project / "models/other.dver").exists()


def test_what_a_person_wrote_into_the_pointer_moves_along(run: Run, project: Path) -> None:
    pointer = project / "data.dver"
    pointer.write_text("# From the lab.\n" + pointer.read_text() + "desc: frames\nowner: me\n")
    before = pointer.read_bytes()
    run("move", "data", "images", cwd=project)
    assert (project / "images.dver").read_bytes() == before


def test_data_that_is_not_checked_out_moves_by_its_pointer(run: Run, project: Path) -> None:
    shutil.rmtree(project / "data")
    run("move", "data", "models", cwd=project)
    assert (project / "models/data.dver").exists()
    run("checkout", "models", cwd=project)
    assert (project / "models/data/a").read_text() == "one\n"


@pytest.mark.parametrize("destination", ["images", "models"])
def test_data_that_was_renamed_already_is_followed(run: Run, project: Path, destination: str) -> None:
    """By the user, or by a move that was killed half way."""
    target = project / "images" if destination == "images" else project / "models/data"
    (project / "data").rename(target)
    run("move", "data", destination, cwd=project)
    assert (target / "a").read_text() == "one\n"
    assert os.path.exists(f"{target}.dver")
    assert is_clean(run, project)


def test_changed_data_moves_as_it_is(run: Run, project: Path) -> None:
    (project / "data/a").write_text("changed\n")
    run("move", "data", "images", cwd=project)
    assert (project / "images/a").read_text() == "changed\n"


def test_names_that_are_no_text_move_too(run: Run, project: Path) -> None:
    name = os.fsdecode(b"caf\xe9 #1 ")
    run("move", "data", name, cwd=project)
    assert is_clean(run, project)
    assert git("status", "--short", "-z", cwd=project).count("\0?? ") == 0
    run("move", name, "data", cwd=project)
    assert (project / "data/a").read_text() == "one\n"


def test_a_checkout_after_a_move_and_back_follows(run: Run, project: Path) -> None:
    run("move", "data", "images", cwd=project)
    git("commit", "-qm", "v2", cwd=project)
    git("checkout", "-q", "HEAD~", cwd=project)
    run("checkout", cwd=project)
    assert (project / "data/sub/b").exists()
    assert not (project / "images").exists()


def test_nothing_is_overwritten(run: Run, project: Path) -> None:
    (project / "file").write_text("mine\n")
    (project / "models/net").write_text("mine\n")
    assert "exists already" in run("move", "data", "net", cwd=project, rc=4).err
    assert "exists already" in run("move", "net", "file", cwd=project, rc=4).err
    assert "exists already" in run("move", "net", "models", cwd=project, rc=4).err
    assert "exists already" in run("move", "net", "net", cwd=project, rc=4).err
    (project / "net").unlink()
    assert "exists already" in run("move", "net", "file", cwd=project, rc=4).err
    assert "exists already" in run("move", "net", "net", cwd=project, rc=4).err
    assert (project / "file").read_text() == "mine\n"
    assert staged(project) == []


def test_a_place_that_cannot_have_a_pointer_is_refused(run: Run, project: Path) -> None:
    assert "tracked as a whole" in run("move", "net", "data", cwd=project, rc=4).err
    assert "tracked as a whole" in run("move", "data", "data/sub/x", cwd=project, rc=4).err
    assert "outside of the project" in run("move", "net", "../net", cwd=project, rc=2).err
    assert "mkdir -p nowhere" in run("move", "net", "nowhere/net", cwd=project, rc=2).err
    assert "mkdir -p nowhere" in run("move", "net", "nowhere/", cwd=project, rc=2).err
    assert "belongs to Git" in run("move", "net", ".dver/net", cwd=project, rc=2).err
    assert "name is that of a pointer" in run("move", "net", "x.dver", cwd=project, rc=2).err
    (project / ".git/info/exclude").write_text("models/\n")
    assert "ignored by Git" in run("move", "net", "models/", cwd=project, rc=4).err
    assert (project / "net").read_text() == "net\n"
    assert staged(project) == []


def test_a_part_of_tracked_data_is_renamed_otherwise(run: Run, project: Path) -> None:
    result = run("move", "data/a", "data/b", cwd=project, rc=2)
    assert "then `dver add data`" in result.err
    assert "is not tracked" in run("move", "nope", "x", cwd=project, rc=2).err


def test_all_is_as_it_was_when_git_refuses(run: Run, project: Path) -> None:
    (project / ".git/index.lock").touch()
    run("move", "data", "images", cwd=project, rc=3)
    (project / ".git/index.lock").unlink()
    assert (project / "data/a").exists()
    assert not (project / "images.dver").exists()
    assert git("status", "--short", cwd=project) == ""
