"""Only parts of a tracked directory are here: what is absent was never checked out, and is not taken for deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Run, git, make_git_repo


@pytest.fixture
def clone(run: Run, tmp_path: Path) -> Path:
    """A clone in which only data/a has been pulled, of data/a, data/b and data/top."""
    origin = make_git_repo(tmp_path / "origin")
    for name in ("a/1", "a/2", "b/3", "top"):
        (origin / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (origin / "data" / name).write_text(f"{name}\n")
    run("init", cwd=origin)
    run("add", "data", cwd=origin)
    run("remote", "add", "-d", "origin", "../remote", cwd=origin)
    git("commit", "-qm", "Data", cwd=origin)
    run("push", cwd=origin)
    git("clone", "-q", origin, tmp_path / "clone", cwd=tmp_path)
    run("pull", "data/a", cwd=tmp_path / "clone")
    return tmp_path / "clone"


def _files(run: Run, repo: Path) -> list[str]:
    run("fetch", cwd=repo)
    return run("ls", "-R", cwd=repo).out.splitlines()


def test_status_and_diff_do_not_call_absent_parts_deleted(run: Run, clone: Path) -> None:
    run("status", "--exit-code", cwd=clone)
    (clone / "data" / "a" / "1").write_text("changed\n")
    (state,) = run("status", "--json", cwd=clone).json["paths"]
    assert [(change["status"], change["path"]) for change in state["changes"]] == [("modified", "data/a/1")]
    (change,) = run("diff", "--json", cwd=clone).json["changes"]
    assert change["path"] == "data/a/1"


def test_adding_the_whole_directory_keeps_what_was_never_here(run: Run, clone: Path) -> None:
    (clone / "data" / "a" / "1").write_text("changed\n")
    (clone / "data" / "a" / "new").write_text("new\n")
    run("add", "data", cwd=clone)
    assert _files(run, clone) == ["data/a/1", "data/a/2", "data/a/new", "data/b/3", "data/top"]
    assert run("cat", "data/a/1", cwd=clone).out == "changed\n"


def test_adding_a_part_records_what_was_deleted_in_it(run: Run, clone: Path) -> None:
    (clone / "data" / "a" / "1").unlink()
    run("add", "data/a", cwd=clone)
    assert _files(run, clone) == ["data/a/2", "data/b/3", "data/top"]


def test_once_all_is_here_a_deletion_is_one(run: Run, clone: Path) -> None:
    run("pull", cwd=clone)
    (clone / "data" / "top").unlink()
    run("add", "data", cwd=clone)
    assert _files(run, clone) == ["data/a/1", "data/a/2", "data/b/3"]


def test_a_directory_that_was_moved_with_its_pointer_is_no_part(run: Run, clone: Path) -> None:
    run("pull", cwd=clone)
    (clone / "data").rename(clone / "moved")
    git("mv", "data.dver", "moved.dver", cwd=clone)
    assert "Partly" not in run("status", cwd=clone).out
    run("add", "moved", cwd=clone)
    assert "Partly" not in run("status", cwd=clone).out
    (clone / "moved" / "top").unlink()
    (state,) = run("status", "--json", "moved", cwd=clone).json["paths"]
    assert [(change["status"], change["path"]) for change in state["changes"]] == [("removed", "moved/top")]
    run("add", "moved", cwd=clone)
    assert _files(run, clone) == ["moved/a/1", "moved/a/2", "moved/b/3"]


def test_status_says_that_only_a_part_is_here(run: Run, clone: Path) -> None:
    told = run("status", cwd=clone).out
    assert "Partly in the workspace:\n  data  (`dver pull data` downloads the rest)\n" in told
    assert "Not in the store" not in told
    (state,) = run("status", "--json", cwd=clone).json["paths"]
    assert state["partial"]
    run("pull", "data", cwd=clone)
    assert run("status", cwd=clone).out == "data is clean\n"


def test_checkout_brings_the_parts_that_are_here(run: Run, clone: Path, tmp_path: Path) -> None:
    told = run("checkout", cwd=clone)
    assert "`dver pull data` downloads the rest" in told.err
    (clone / "data" / "a" / "1").write_text("changed\n")
    run("add", "data", cwd=clone)
    git("commit", "-qm", "Changed", cwd=clone)
    git("checkout", "-q", "HEAD~1", cwd=clone)
    run("checkout", cwd=clone)
    assert (clone / "data" / "a" / "1").read_text() == "a/1\n"
    (clone / "data" / "a" / "2").write_text("unsaved\n")
    run("checkout", cwd=clone, rc=4)
    run("checkout", "--force", cwd=clone)
    assert (clone / "data" / "a" / "2").read_text() == "a/2\n"
    assert sorted(path.name for path in (clone / "data").iterdir()) == ["a"]


def test_files_are_added_and_removed_where_nothing_is_here(run: Run, clone: Path) -> None:
    (clone / "data" / "b").mkdir()
    (clone / "data" / "b" / "new").write_text("new\n")
    (change,) = run("diff", "--json", cwd=clone).json["changes"]
    assert (change["status"], change["path"]) == ("added", "data/b/new")
    run("add", "data/b/new", cwd=clone)
    run("remove", "data/b/3", cwd=clone)
    git("commit", "-qm", "Changed", cwd=clone)
    run("push", cwd=clone)
    assert _files(run, clone) == ["data/a/1", "data/a/2", "data/b/new", "data/top"]


@pytest.mark.parametrize("command", [("add", "data/b/new"), ("diff",), ("remove", "data/b/3"), ("ls", "-R", "data")])
def test_a_directory_listing_that_cannot_be_downloaded_is_named(
    run: Run, clone: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (clone / "data" / "b").mkdir()
    (clone / "data" / "b" / "new").write_text("new\n")
    pointer = (clone / "data.dver").read_bytes()
    (tmp_path / "remote").rename(tmp_path / "away")
    told = run(*command, cwd=clone, rc=5).err
    assert "a directory listing of 'data' is not in the store" in told
    assert "blake3:" not in told
    assert "`dver diff` downloads it" in run("status", cwd=clone).out
    assert (clone / "data.dver").read_bytes() == pointer


def test_files_that_were_created_where_data_was_never_checked_out_delete_nothing(
    run: Run, clone: Path, tmp_path: Path
) -> None:
    git("clone", "-q", clone, tmp_path / "fresh", cwd=tmp_path)
    fresh = tmp_path / "fresh"
    (fresh / "data").mkdir()
    (fresh / "data" / "new").write_text("new\n")
    assert "Partly in the workspace" in run("status", cwd=fresh).out
    run("add", "-u", cwd=fresh)
    assert _files(run, fresh) == ["data/a/1", "data/a/2", "data/b/3", "data/new", "data/top"]
    assert "removed" not in run("status", "-v", cwd=fresh).out
    run("add", "data/new", cwd=fresh)
    assert _files(run, fresh) == ["data/a/1", "data/a/2", "data/b/3", "data/new", "data/top"]


def test_one_file_of_a_large_directory_is_clean_and_its_changes_are_told(run: Run, tmp_path: Path) -> None:
    origin = make_git_repo(tmp_path / "origin")
    (origin / "data").mkdir()
    for number in range(6000):
        (origin / "data" / f"{number:05}").write_text(str(number))
    run("init", cwd=origin)
    run("add", "data", cwd=origin)
    run("remote", "add", "-d", "origin", "../remote", cwd=origin)
    git("commit", "-qm", "Data", cwd=origin)
    run("push", cwd=origin)
    clone = tmp_path / "clone"
    git("clone", "-q", origin, clone, cwd=tmp_path)
    run("pull", "data/03000", cwd=clone)
    run("status", "--exit-code", cwd=clone)
    (clone / "data" / "03000").write_text("changed")
    assert "  M data/03000" in run("status", "-v", cwd=clone).out
    run("checkout", "--force", cwd=clone)
    assert (clone / "data" / "03000").read_text() == "3000"


def test_the_part_that_is_here_follows_git_and_what_it_lacks_is_named(run: Run, clone: Path, tmp_path: Path) -> None:
    run("install", cwd=clone)
    origin = tmp_path / "origin"
    (origin / "data" / "a" / "1").write_text("changed\n")
    run("add", "-u", cwd=origin)
    git("commit", "-qm", "Changed", cwd=origin)
    run("push", cwd=origin)
    git("pull", "-q", cwd=clone)
    (tmp_path / "remote").rename(tmp_path / "away")
    assert "`dver checkout data`" in run("checkout", cwd=clone, rc=5).err
    (tmp_path / "away").rename(tmp_path / "remote")
    told = run("checkout", cwd=clone, rc=5).err
    assert "`dver pull data/a/1` downloads it from the remote" in told
    run("pull", "data/a/1", cwd=clone)
    assert (clone / "data" / "a" / "1").read_text() == "changed\n"
    run("status", "--exit-code", cwd=clone)
