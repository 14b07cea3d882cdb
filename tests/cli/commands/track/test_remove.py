"""`dver remove` through the real command line."""

from __future__ import annotations

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
    (git_repo / "data/sub/c").write_text("three\n")
    (git_repo / "net").write_text("net\n")
    run("add", "data", "net", cwd=git_repo)
    git("commit", "-qm", "v1", cwd=git_repo)
    return git_repo


def staged(project: Path) -> list[str]:
    return git("diff", "--cached", "--name-status", "--no-renames", cwd=project).splitlines()


def test_remove_stops_tracking_and_leaves_the_data(run: Run, project: Path) -> None:
    assert "no longer tracked: data" in run("remove", "data", cwd=project).out
    assert staged(project) == ["M\t.gitignore", "D\tdata.dver"]
    assert (project / ".gitignore").read_text() == "/net\n"
    assert (project / "data/sub/b").read_text() == "two\n"
    assert not (project / "data.dver").exists()


def test_data_that_was_let_go_is_no_checkouts_to_delete(run: Run, project: Path) -> None:
    run("remove", "data", cwd=project)
    run("checkout", cwd=project)
    assert (project / "data/a").exists()


def test_the_pointer_and_a_folder_can_be_named_too(run: Run, project: Path) -> None:
    run("remove", "data.dver", cwd=project)
    run("remove", ".", cwd=project)
    assert staged(project) == ["D\t.gitignore", "D\tdata.dver", "D\tnet.dver"]


def test_remove_with_data_deletes_what_is_saved(run: Run, project: Path) -> None:
    result = run("remove", "--data", "data", "net", cwd=project)
    assert "deleted 4 files" in result.err
    assert not (project / "data").exists()
    assert not (project / "net").exists()
    git("reset", "-q", "--hard", cwd=project)
    run("checkout", cwd=project)
    assert (project / "data/sub/c").read_text() == "three\n"


def test_remove_with_data_refuses_before_it_changes_anything_if_work_would_be_lost(run: Run, project: Path) -> None:
    (project / "data/sub/b").write_text("not saved\n")
    result = run("remove", "--data", "net", "data", cwd=project, rc=4)
    assert "data/sub/b" in result.err
    assert "--force" in result.err
    assert staged(project) == []
    assert (project / "net").exists()
    run("remove", "--data", "--force", "data", cwd=project)
    assert not (project / "data").exists()


def test_one_file_is_taken_out_of_a_tracked_directory(run: Run, project: Path) -> None:
    run("remove", "data/sub/b", cwd=project)
    assert run("ls", "-R", "data", cwd=project).out == "data/a\ndata/sub/c\n"
    assert not (project / "data/sub/b").exists()
    assert staged(project) == ["M\tdata.dver"]
    assert run("status", "--json", cwd=project).json["paths"][0]["data"] == "unchanged"
    run("checkout", "HEAD", "data", cwd=project)
    assert (project / "data/sub/b").read_text() == "two\n"


def test_several_files_and_a_subfolder_are_taken_out_at_once(run: Run, project: Path) -> None:
    run("remove", "sub", "sub/b", "a", cwd=project / "data")
    assert run("ls", "-R", "data", cwd=project).out == "data/\n"
    assert list((project / "data").iterdir()) == []


def test_a_file_is_taken_out_though_none_of_the_data_is_here(run: Run, project: Path) -> None:
    before = (project / "data.dver").read_text()
    shutil.rmtree(project / "data")
    run("remove", "data/sub/c", cwd=project)
    assert run("ls", "-R", "data", cwd=project).out == "data/a\ndata/sub/b\n"
    assert (project / "data.dver").read_text() != before


def test_a_changed_file_is_not_taken_out_unless_forced(run: Run, project: Path) -> None:
    (project / "data/a").write_text("not saved\n")
    before = (project / "data.dver").read_text()
    run("remove", "data/a", cwd=project, rc=4)
    assert (project / "data/a").read_text() == "not saved\n"
    assert (project / "data.dver").read_text() == before
    run("remove", "--force", "data/a", cwd=project)
    assert not (project / "data/a").exists()


def test_what_is_in_the_pointer_by_hand_survives(run: Run, project: Path) -> None:
    pointer = project / "data.dver"
    pointer.write_text("# From the lab.\n" + pointer.read_text() + "desc: frames\n")
    run("remove", "data/a", cwd=project)
    assert "# From the lab." in pointer.read_text()
    assert "desc: frames" in pointer.read_text()


def test_removing_what_is_not_there_is_an_error(run: Run, project: Path) -> None:
    assert "is not tracked" in run("remove", "nope", cwd=project, rc=2).err
    assert "does not exist in the tracked data" in run("remove", "data/nope", cwd=project, rc=2).err
    assert "does not exist in the tracked data" in run("remove", "data/a/x", cwd=project, rc=2).err
    assert staged(project) == []


def test_the_result_as_json(run: Run, project: Path) -> None:
    assert run("remove", "--json", "net", "data/a", cwd=project).json == {
        "untracked": ["net"],
        "taken_out": ["data/a"],
        "deleted": 1,
    }
