"""`dver status` and `dver diff`: what changed where, between HEAD, index, pointers, data and commits."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support import Run
from workspaces import Project, write

from dver.core.errors import UsageError
from dver.ops.status import DataState, PointerState
from dver.store.compare import Status

V1 = {"data/same": b"same", "data/edited": b"one", "data/gone": b"gone", "data/old name": b"moved content"}
V2 = {"data/same": b"same", "data/edited": b"three", "data/sub/new": b"new", "data/new name": b"moved content"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.make(tmp_path / "repo")
    for name, version in (("v1", V1), ("v2", V2)):
        shutil.rmtree(made.root / "data", ignore_errors=True)
        write(made.root, version)
        made.save("data", message=name)
        made.git("tag", name)
    return made


def letters(project: Project, old: str | None = None, new: str | None = None) -> dict[str, str]:
    return {change.path.decode(): change.status.value for change in project.diff(old, new)}


V1_TO_V2 = {
    "data/edited": "modified",
    "data/gone": "removed",
    "data/new name": "renamed",
    "data/sub/new": "added",
}


# -- status


def test_a_clean_project_says_so_and_exits_with_0(project: Project, run: Run) -> None:
    assert run("status", "--exit-code", cwd=project.root).out == "data is clean\n"
    (found,) = project.status().paths
    assert found.is_clean
    assert found.in_store
    assert found.on_remote is None


def test_an_empty_project_says_how_to_begin(tmp_path: Path, run: Run) -> None:
    project = Project.make(tmp_path / "empty")
    assert "dver add" in run("status", cwd=project.root).out


def test_changed_data_is_counted_and_named_on_request(project: Project, run: Run) -> None:
    write(project.root, {"data/edited": b"mine", "data/more": b"x"})
    (project.root / "data/same").unlink()
    result = run("status", "--exit-code", cwd=project.root, rc=1)
    assert "1 added, 1 removed, 1 modified" in result.out
    assert "dver add -u" in result.out
    assert "data/more" not in result.out
    assert "data/more" in run("-v", "status", cwd=project.root).out
    states = {change.path: change.status for change in project.state().changes or ()}
    assert states == {b"data/edited": Status.MODIFIED, b"data/more": Status.ADDED, b"data/same": Status.REMOVED}


def test_the_three_places_of_a_pointer_are_told_apart(project: Project) -> None:
    write(project.root, {"data/more": b"x", "other": b"y"})
    project.add("data", "other")
    found = {path.path: path for path in project.status().paths}
    assert (found[b"data"].staged, found[b"data"].unstaged) == (PointerState.MODIFIED, None)
    assert found[b"other"].staged is PointerState.NEW
    project.git("reset", "--quiet")
    found = {path.path: path for path in project.status().paths}
    assert (found[b"data"].staged, found[b"data"].unstaged) == (None, PointerState.MODIFIED)
    assert (found[b"other"].staged, found[b"other"].unstaged) == (None, PointerState.NEW)
    (project.root / "data.dver").unlink()
    assert project.state().unstaged is PointerState.DELETED
    project.git("rm", "--quiet", "--cached", "data.dver")
    assert project.state().staged is PointerState.DELETED


def test_data_that_is_not_here_is_told_from_data_that_changed(project: Project, run: Run) -> None:
    shutil.rmtree(project.root / "data")
    assert project.state().data is DataState.ABSENT
    assert "dver checkout" in run("status", cwd=project.root).out


def test_a_clone_without_objects_says_what_is_not_in_the_store(project: Project, tmp_path: Path, run: Run) -> None:
    clone = project.clone(tmp_path / "clone", share=False)
    assert not clone.state().in_store
    assert "dver fetch" in run("status", cwd=clone.root).out
    write(clone.root, {"data/something": b"x"})
    assert clone.state().changes is None, "what was recorded cannot be read, so what changed cannot be told"


def test_what_is_on_the_remote_is_known_after_a_push(project: Project, run: Run) -> None:
    run("remote", "add", "-d", "origin", "../remote", cwd=project.root)
    assert project.state().on_remote is False
    assert "dver push" in run("status", cwd=project.root).out
    run("push", cwd=project.root)
    assert project.state().on_remote is True
    write(project.root, {"data/more": b"x"})
    project.add("data")
    assert project.state().on_remote is False


def test_a_pointer_in_an_unfinished_merge_is_a_conflict(project: Project, run: Run) -> None:
    project.git("checkout", "--quiet", "-b", "side", "v1")
    write(project.root, {"data/side": b"x"})
    project.checkout()
    project.save("data")
    project.git("merge", "main", rc=1)
    report = project.status()
    assert report.conflicts == (b"data.dver",)
    assert not report.is_clean
    assert "dver resolve" in run("status", cwd=project.root).out


def test_status_of_some_paths_leaves_out_the_others(project: Project) -> None:
    write(project.root, {"a/x": b"1", "b/y": b"2"})
    project.save("a/x", "b/y")
    assert [path.path for path in project.status("a").paths] == [b"a/x"]
    with pytest.raises(UsageError, match="not tracked"):
        project.status("nothing")


def test_status_writes_nothing_and_needs_no_lock(project: Project) -> None:
    before = project.git("rev-parse", "HEAD"), sorted((project.store / "packs").iterdir())
    with project.opened() as repo, repo.exclusive():
        assert project.is_unchanged()
    assert (project.git("rev-parse", "HEAD"), sorted((project.store / "packs").iterdir())) == before


def test_status_before_the_first_commit(tmp_path: Path, run: Run) -> None:
    top = tmp_path / "new"
    subprocess.run(["git", "init", "--quiet", top], check=True)
    run("init", cwd=top)
    write(top, {"data/x": b"1"})
    run("add", "data", cwd=top)
    assert "new: data.dver" in run("status", cwd=top).out
    assert run("diff", cwd=top).out.startswith("A data/x")


# -- diff


def test_two_commits_are_compared_file_by_file_and_backwards(project: Project) -> None:
    assert letters(project, "v1", "v2") == V1_TO_V2
    backwards = letters(project, "v2", "v1")
    assert backwards == {
        "data/edited": "modified",
        "data/gone": "added",
        "data/old name": "renamed",
        "data/sub/new": "removed",
    }


def test_without_revisions_head_is_compared_with_the_workspace(project: Project) -> None:
    assert letters(project) == {}
    write(project.root, {"data/edited": b"mine", "data/sub/new": b"changed"})
    assert letters(project) == {"data/edited": "modified", "data/sub/new": "modified"}
    project.add("data")
    assert letters(project) == {"data/edited": "modified", "data/sub/new": "modified"}


def test_one_revision_is_compared_with_the_workspace(project: Project) -> None:
    assert letters(project, "v1") == V1_TO_V2


def test_whole_pointers_that_come_and_go_are_told_file_by_file(project: Project) -> None:
    write(project.root, {"more/x": b"1", "more/y": b"2"})
    third = project.save("more")
    assert letters(project, "v2", third) == {"more/x": "added", "more/y": "added"}
    assert letters(project, third, "v2") == {"more/x": "removed", "more/y": "removed"}


def test_kinds_and_modes_count_as_changes(project: Project) -> None:
    (project.root / "data/same").chmod(0o755)
    (project.root / "data/edited").unlink()
    (project.root / "data/edited").symlink_to("same")
    (project.root / "data/empty").mkdir()
    assert letters(project) == {"data/same": "modified", "data/edited": "modified", "data/empty": "added"}


def test_a_file_that_becomes_a_directory_is_told(project: Project) -> None:
    (project.root / "data/edited").unlink()
    write(project.root, {"data/edited/below": b"x"})
    assert letters(project) == {"data/edited": "removed", "data/edited/below": "added"}


def test_the_command_line_of_diff(project: Project, run: Run) -> None:
    result = run("diff", "v1", "v2", cwd=project.root)
    assert result.out.splitlines() == [
        "M data/edited  (3 B -> 5 B)",
        "D data/gone  (4 B)",
        "R data/old name -> data/new name",
        "A data/sub/new  (3 B)",
    ]
    assert run("diff", "v1", "v2", "data/sub", cwd=project.root).out == "A data/sub/new  (3 B)\n"
    assert run("diff", "v1", "v1", "--exit-code", cwd=project.root).out == ""
    run("diff", "v1", "v2", "--exit-code", cwd=project.root, rc=1)
    changes = run("diff", "--json", "v1", "v2", cwd=project.root).json["changes"]
    assert [change["status"] for change in changes] == ["modified", "removed", "renamed", "added"]


def test_a_revision_that_is_none_is_a_usage_error(project: Project, run: Run) -> None:
    assert "v9" in run("diff", "v9", cwd=project.root, rc=2).err
    assert "v9" in run("checkout", "v9", cwd=project.root, rc=2).err


def test_a_name_that_is_both_revision_and_path_must_be_made_unmistakable(project: Project, run: Run) -> None:
    write(project.root, {"v1": b"a file called like the tag"})
    project.save("v1")
    error = run("diff", "v1", cwd=project.root, rc=2).err
    assert "./v1" in error
    assert run("diff", "./v1", cwd=project.root).out == ""
    assert run("diff", "v1^0", "./v1", cwd=project.root).out == "A v1  (26 B)\n"


def test_data_that_is_not_checked_out_is_left_out_not_called_removed(project: Project, run: Run) -> None:
    write(project.root, {"other": b"x"})
    project.save("other")
    shutil.rmtree(project.root / "data")
    result = run("diff", cwd=project.root)
    assert result.out == ""
    assert "left out data" in result.err
