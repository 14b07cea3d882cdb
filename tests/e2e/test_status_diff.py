"""`dver status` and `dver diff`: what changed where, between HEAD, index, pointers, data and commits."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support import Run
from workspaces import Project, write

from dver.core.errors import UsageError
from dver.ops.inspect.status import PointerState
from dver.store.trees.compare import ChangeStatus
from dver.workspace.state.data_state import DataState

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
    assert states == {
        b"data/edited": ChangeStatus.MODIFIED,
        b"data/more": ChangeStatus.ADDED,
        b"data/same": ChangeStatus.REMOVED,
    }


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
    assert "dver pull" in run("status", cwd=clone.root).out
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
    assert "skipped data" in result.err


# -- stages


TWO_STAGES = """\
stages:
  prepare: {cmd: mkdir clean && cp raw/* clean, deps: [raw], params: [keep], outs: [clean]}
  train: {cmd: cat clean/* > model, deps: [clean], outs: [model]}
"""


@pytest.fixture
def pipeline(tmp_path: Path, run: Run) -> Project:
    made = Project.make(tmp_path / "pipeline")
    (made.root / "dver.yaml").write_text(TWO_STAGES)
    (made.root / "params.yaml").write_text("keep: 1\n")
    (made.root / "raw").mkdir()
    (made.root / "raw/a").write_text("a\n")
    run("add", "raw", cwd=made.root)
    run("repro", cwd=made.root)
    made.git("add", "-A")
    made.git("commit", "-qm", "Pipeline")
    return made


def test_stale_stages_are_told_with_their_reasons_as_a_dry_run_tells_them(pipeline: Project, run: Run) -> None:
    assert run("status", "--exit-code", cwd=pipeline.root).out == "data is clean\n"
    (pipeline.root / "params.yaml").write_text("keep: 2\n")
    planned = run("repro", "--dry-run", cwd=pipeline.root).out
    assert planned == "run prepare\n  parameter keep of params.yaml: 1 -> 2\nrun train\n  after prepare\n"
    found = run("status", "--exit-code", cwd=pipeline.root, rc=1)
    indented = "".join(f"  {line}\n" for line in planned.splitlines())
    assert found.out == f"Stages out of date (`dver repro`):\n{indented}"
    stages = run("status", "--json", cwd=pipeline.root).json["stages"]
    assert stages == run("repro", "--dry-run", "--json", cwd=pipeline.root).json
    assert stages[0]["reasons"] == [
        {"reason": "param_changed", "file": "params.yaml", "key": "keep", "old": 1, "new": 2}
    ]


def test_changed_data_is_told_with_the_stages_that_read_it(pipeline: Project, run: Run) -> None:
    (pipeline.root / "raw/b").write_text("b\n")
    out = run("status", cwd=pipeline.root).out
    assert "  raw  (1 added)\n" in out
    assert "  run prepare\n    changed: raw, 1 file (1 added): b\n" in out


def test_status_of_paths_and_stages_tells_of_the_stages_concerned(pipeline: Project, run: Run) -> None:
    (pipeline.root / "params.yaml").write_text("keep: 2\n")
    (pipeline.root / "model").write_text("edited\n")

    def told(*args: str) -> tuple[list[str], list[str]]:
        report = run("status", "--json", *args, cwd=pipeline.root).json
        return [one["path"] for one in report["paths"]], [one["stage"] for one in report["stages"]]

    assert told() == (["clean", "model", "raw"], ["prepare", "train"])
    assert told("raw") == (["raw"], ["prepare"])
    assert told("params.yaml") == ([], ["prepare"])
    assert told("clean") == (["clean"], ["prepare", "train"])
    assert told("train") == (["model"], ["train"])
    assert told("dver.yaml:train") == (["model"], ["train"])
    assert told("dver.lock") == (["clean", "model"], ["prepare", "train"])
    assert "neither tracked nor a stage" in run("status", "nothing", cwd=pipeline.root, rc=2).err


def test_data_that_is_only_not_here_makes_no_stage_stale(pipeline: Project, run: Run) -> None:
    for name in ("raw", "clean"):
        shutil.rmtree(pipeline.root / name)
    report = run("status", "--json", cwd=pipeline.root).json
    assert report["stages"] == []
    assert [one["path"] for one in report["paths"] if one["data"] == "absent"] == ["clean", "raw"]
    assert run("status", "--json", "train", cwd=pipeline.root).json["stages"] == []


def test_an_output_changed_by_hand_is_told_file_by_file_once(pipeline: Project, run: Run) -> None:
    (pipeline.root / "clean/a").write_text("edited\n")
    out = run("status", cwd=pipeline.root).out
    assert "  clean  (1 modified)\n" in out
    assert "  run prepare\n    output changed: clean" in out
    assert "1 file (1 modified)" in out.partition("  run train\n")[2], "whoever reads it sees other files"
    assert "1 file (" not in out.partition("  run train\n")[0]


def test_a_dver_yaml_with_a_mistake_does_not_stop_the_status_of_data(pipeline: Project, run: Run) -> None:
    (pipeline.root / "dver.yaml").write_text("stages:\n  a: {cmd: run, outsx: []}\n")
    (pipeline.root / "raw/a").write_text("edited\n")
    found = run("status", "--exit-code", cwd=pipeline.root, rc=1)
    assert "  raw  (1 modified)\n" in found.out
    assert "warning: dver.yaml:2:" in found.err
    assert "outsx" in found.err
    assert "outsx" in run("status", "--json", cwd=pipeline.root).json["problems"][0]


def test_what_is_wrong_with_one_stage_does_not_hide_the_others(pipeline: Project, run: Run) -> None:
    text = TWO_STAGES + "  other: {cmd: run, params: [none.yaml: [a]], outs: [x]}\n"
    (pipeline.root / "dver.yaml").write_text(text.replace("cat clean", "cat ./clean"))
    found = run("status", cwd=pipeline.root)
    assert "run train\n    command changed" in found.out
    assert "none.yaml" in found.err


def test_frozen_stages_and_those_that_always_run_do_not_count_as_changes(pipeline: Project, run: Run) -> None:
    text = TWO_STAGES.replace("{cmd: mkdir", "{frozen: true, cmd: mkdir") + "  log: {cmd: date, always_changed: true}\n"
    (pipeline.root / "dver.yaml").write_text(text)
    run("repro", cwd=pipeline.root)
    pipeline.git("commit", "-qam", "Log")
    (pipeline.root / "params.yaml").write_text("keep: 2\n")
    found = run("status", "--exit-code", cwd=pipeline.root)
    assert "  frozen prepare\n    parameter keep of params.yaml: 1 -> 2\n" in found.out
    assert "log" not in found.out
    assert "train" not in found.out


def test_many_stale_stages_are_counted(tmp_path: Path, run: Run) -> None:
    made = Project.make(tmp_path / "many")
    stages = "".join(f"  s{at}: {{cmd: echo {at}}}\n" for at in range(30))
    (made.root / "dver.yaml").write_text(f"stages:\n{stages}")
    out = run("status", cwd=made.root).out
    assert out.count("never ran") == 20
    assert "  and 10 more stages (`dver status -v`)\n" in out
    assert run("-v", "status", cwd=made.root).out.count("never ran") == 30


def test_what_is_not_known_of_the_remote_is_not_called_absent(project: Project, tmp_path: Path, run: Run) -> None:
    run("remote", "add", "-d", "origin", "../remote", cwd=project.root)
    project.git("add", "-A")
    project.git("commit", "-qm", "Remote")
    clone = project.clone(tmp_path / "clone", share=False)
    assert clone.state().on_remote is None
    assert "Not on the remote" not in run("status", cwd=clone.root).out
    assert "Not on the remote (`dver push`):" in run("status", "--remote", cwd=clone.root).out
    run("push", cwd=project.root)
    (state,) = run("status", "--remote", "--json", cwd=clone.root).json["paths"]
    assert state["on_remote"] is True
    assert clone.state().on_remote is True, "what was seen is remembered"


def test_what_is_here_and_was_never_pushed_says_how_far_that_is_known(project: Project, run: Run) -> None:
    run("remote", "add", "-d", "origin", "../remote", cwd=project.root)
    assert "as of the last transfer; `dver status --remote` checks" in run("status", cwd=project.root).out
