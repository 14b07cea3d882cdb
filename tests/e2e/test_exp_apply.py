"""`dver exp apply`, `undo` and `branch`: sessions of users."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import Run, git
from workspaces import Content, listing

import dver


def tree(repo: Path) -> dict[bytes, Content]:
    """All files of the workspace."""
    return {path: one for path, one in listing(repo).items() if not path.startswith((b".git/", b".git"))}


def state(repo: Path) -> tuple[dict[bytes, Content], bytes]:
    """All files of the workspace, and Git's index."""
    return tree(repo), (repo / ".git/index").read_bytes()


@pytest.fixture
def project(git_repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an experiment `first`; the workspace is back at its baseline."""
    repo = git_repo
    monkeypatch.chdir(repo)
    run("init", "--no-hooks")
    (repo / "data").mkdir()
    (repo / "data" / "a.txt").write_text("a\n")
    (repo / "params.yaml").write_text("lr: 0.5\n")
    (repo / "old.py").write_text("old\n")
    run("add", "data")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "baseline", cwd=repo)
    (repo / "params.yaml").write_text("lr: 0.1\n")
    (repo / "new.py").write_text("new\n")
    (repo / "old.py").unlink()
    (repo / "data" / "a.txt").write_text("other\n")
    (repo / "data" / "b.txt").write_text("b\n")
    run("add", "data")
    run("exp", "save", "-n", "first")
    git("reset", "-q", "--hard", cwd=repo)
    (repo / "new.py").unlink(missing_ok=True)
    run("checkout")
    return repo


def test_apply_makes_the_workspace_the_experiment_and_undo_goes_back(project: Path, run: Run) -> None:
    (project / "params.yaml").write_text("lr: 7\n")
    git("add", "params.yaml", cwd=project)
    (project / "params.yaml").write_text("lr: 8\n")
    (project / "notes.txt").write_text("mine\n")
    (project / "data" / "c.txt").write_text("unsaved\n")
    before = state(project)
    done = run("exp", "apply", "first")
    assert "applied first: 3 files written, 2 removed" in done.out
    assert "removed 1 untracked file that it does not have: notes.txt" in done.err
    assert (project / "params.yaml").read_text() == "lr: 0.1\n"
    assert listing(project / "data") == {b"a.txt": ("file", b"other\n"), b"b.txt": ("file", b"b\n")}
    assert git("status", "--porcelain", cwd=project).split("\n") == [
        "M  data.dver",
        "A  new.py",
        "D  old.py",
        "M  params.yaml",
        "",
    ]
    assert run("status").out.startswith("Staged for commit")
    run("exp", "undo")
    assert state(project) == before


def test_branch_makes_a_branch_at_the_experiment(project: Path, run: Run) -> None:
    before = state(project)
    made = run("exp", "branch", "first", "--json").json
    assert made["branch"] == "first"
    assert state(project) == before
    assert git("show", "first:params.yaml", cwd=project) == "lr: 0.1\n"
    assert git("rev-parse", "first^", cwd=project) == git("rev-parse", "HEAD", cwd=project)
    refused = run("exp", "branch", "first", rc=4)
    assert "fix: dver exp branch first first-2" in refused.err
    run("exp", "branch", "first", "first-2")
    invalid = run("exp", "branch", "first", "a..b", rc=2)
    assert "fix: dver exp branch first first-3" in invalid.err
    run("exp", "branch", "first", "first-3")


def test_gc_keeps_what_undo_brings_back(project: Path, run: Run) -> None:
    (project / "data" / "c.txt").write_text("unsaved\n")
    (project / "params.yaml").write_text("lr: 7\n")
    git("add", "params.yaml", cwd=project)
    (project / "params.yaml").write_text("lr: 8\n")
    before = state(project)
    run("exp", "apply", "first")
    run("gc", "--grace", "0d")
    git("gc", "-q", "--prune=now", cwd=project)
    run("exp", "undo")
    assert state(project) == before
    assert git("show", ":params.yaml", cwd=project) == "lr: 7\n"


def test_messages_name_what_is_next(project: Path, run: Run) -> None:
    git("commit", "-q", "--allow-empty", "-m", "later", cwd=project)
    (project / "params.yaml").write_text("lr: 3\n")
    git("commit", "-qam", "other parameters", cwd=project)
    done = run("exp", "apply", "first")
    assert "1 file differs for that reason" in done.err
    assert "`dver exp branch first` makes a branch of it, on top of its baseline" in done.err
    assert "`git commit` keeps them, `dver exp undo` brings your workspace back" in done.err
    assert run("exp", "apply", "first").out == "applied first: nothing to change\n"
    listed = run("exp", "undo", "--list")
    assert "before apply of first" in listed.out
    run("exp", "branch", "first")
    (record,) = run("exp", "undo", "--list", "--json").json
    assert (record["number"], record["name"], record["interrupted"]) == (1, "first", False)
    run("exp", "undo", "--drop", "1")
    refused = run("exp", "undo", rc=2)
    assert refused.err == "error: there is nothing to undo\nwhy: no `dver exp apply` of this worktree is left\n"
    assert run("exp", "undo", "--list").out == ""


def test_undo_after_a_commit_needs_force(project: Path, run: Run) -> None:
    (project / "params.yaml").write_text("lr: 9\n")
    run("exp", "apply", "first")
    git("commit", "-qm", "keep the experiment", cwd=project)
    head, kept = git("rev-parse", "HEAD", cwd=project), state(project)
    refused = run("exp", "undo", rc=4)
    assert "fix: `dver exp undo --force` brings its files back" in refused.err
    assert state(project) == kept
    run("exp", "undo", "--force")
    assert git("rev-parse", "HEAD", cwd=project) == head
    assert (project / "params.yaml").read_text() == "lr: 9\n"
    run("exp", "undo", "--redo")
    assert state(project) == kept


def test_data_is_downloaded_or_nothing_changes(project: Path, run: Run, tmp_path: Path) -> None:
    run("remote", "add", "-d", "--local", "r", str(tmp_path / "remote"))
    run("exp", "apply", "first")
    git("commit", "-qm", "the experiment", cwd=project)
    run("push")
    git("reset", "-q", "--hard", "HEAD^", cwd=project)
    run("checkout")
    shutil.rmtree(project / ".git/dver/store")
    (project / ".git/dver/index.db").unlink()
    run("add", "data")
    before = state(project)
    (tmp_path / "remote").rename(tmp_path / "away")
    refused = run("exp", "apply", "first", rc=5)
    assert "fix: dver exp pull first" in refused.err
    assert state(project) == before
    (tmp_path / "away").rename(tmp_path / "remote")
    run("exp", "apply", "first")
    assert (project / "data" / "b.txt").read_text() == "b\n"
    run("exp", "undo")
    assert state(project) == before


def test_a_partial_directory_stays_partial(project: Path, run: Run, tmp_path: Path) -> None:
    run("remote", "add", "-d", "r", str(tmp_path / "remote"))
    for name in ("part", "rest"):
        (project / "data" / name).mkdir()
        (project / "data" / name / "file").write_text(f"{name} 1\n")
    run("add", "data")
    git("add", "-A", cwd=project)
    git("commit", "-qm", "directories", cwd=project)
    run("push")
    (project / "data" / "part" / "file").write_text("part 2\n")
    (project / "data" / "rest" / "file").write_text("rest 2\n")
    run("add", "data")
    run("exp", "save", "-n", "second")
    run("exp", "branch", "second")
    run("push", "--rev", "second")
    clone = tmp_path / "clone"
    git("clone", "-q", project, clone, cwd=tmp_path)
    git("reset", "-q", "--hard", "origin/HEAD", cwd=clone)
    run("pull", "data/part", cwd=clone)
    git("switch", "-q", "second", cwd=clone)
    git("switch", "-q", "-", cwd=clone)
    run("exp", "save", "-n", "mine", cwd=clone)
    git("restore", "--source", "second", "--staged", "--worktree", "data.dver", cwd=clone)
    run("exp", "save", "-n", "theirs", cwd=clone)
    git("reset", "-q", "--hard", cwd=clone)
    before = tree(clone)
    run("exp", "apply", "theirs", cwd=clone)
    assert listing(clone / "data") == {b"part": ("directory", b""), b"part/file": ("file", b"part 2\n")}
    assert "data/rest" not in run("status", cwd=clone).out
    run("exp", "undo", cwd=clone)
    assert tree(clone) == before
    run("status", "--exit-code", cwd=clone)


def test_paths_in_a_subdirectory_are_those_of_the_user(project: Path, run: Run) -> None:
    (project / "sub").mkdir()
    (project / "sub" / "notes").write_text("mine\n")
    done = run("exp", "apply", "first", cwd=project / "sub")
    assert "does not have: notes" in done.err
    assert (project / "sub").is_dir()  # a shell is in it
    run("exp", "undo", cwd=project / "sub")
    assert (project / "sub" / "notes").read_text() == "mine\n"


def test_nothing_is_applied_while_an_experiment_runs(project: Path, run: Run) -> None:
    (project / "dver.yaml").write_text("stages:\n  wait:\n    cmd: touch started; sleep 60\n")
    git("add", "dver.yaml", cwd=project)
    git("commit", "-qm", "pipeline", cwd=project)
    process = subprocess.Popen(
        [sys.executable, "-m", "dver", "exp", "run", "-n", "slow"],
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while not (project / "started").exists() and time.monotonic() < until:
            time.sleep(0.05)
        before = state(project)
        refused = run("exp", "apply", "first", rc=4)
        assert "experiment 'slow' is running in this workspace" in refused.err
        assert "fix: wait until it has ended, then run the same command again" in refused.err
        assert state(project) == before
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def test_a_name_that_no_branch_can_have_gets_a_similar_branch(project: Path, run: Run) -> None:
    run("exp", "save", "-n", "my run: 1~")
    refused = run("exp", "branch", "my run: 1~", rc=2)
    assert "fix: dver exp branch 'my run: 1~' my-run-1" in refused.err
    run("exp", "branch", "my run: 1~", "my-run-1")
    git("rev-parse", "refs/heads/my-run-1", cwd=project)


def test_python_applies_undoes_and_branches(project: Path) -> None:
    (project / "params.yaml").write_text("lr: 9\n")
    before = state(project)
    exp = dver.Project.open(project).exp
    applied = exp.apply("first")
    assert sorted(applied.written) == [b"data.dver", b"new.py", b"params.yaml"]
    assert [(one.number, one.unsaved) for one in exp.list_undo()] == [(1, True)]
    assert exp.branch("first", "from-python").branch == "from-python"
    exp.undo()
    assert state(project) == before
    exp.drop_undo(1)
    assert [one.number for one in exp.list_undo()] == [2]
    with pytest.raises(dver.UsageError):
        exp.apply("none such")


def test_json_has_all_paths(project: Path, run: Run) -> None:
    (project / "notes").write_text("n")
    applied = run("exp", "apply", "first", "--json").json
    assert applied["untracked"] == ["notes"]
    assert applied["written"] == ["data.dver", "new.py", "params.yaml"]
    undone = run("exp", "undo", "--json").json
    assert (undone["record"], undone["number"], undone["kept"]) == (1, 2, [])


def test_an_interrupted_apply_says_how_to_go_on(project: Path, run: Run) -> None:
    before = state(project)
    git("config", "filter.slow.smudge", "touch started; sleep 30", cwd=project)
    (project / ".git/info/attributes").write_text("new.py filter=slow\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "dver", "exp", "apply", "first"], cwd=project, stderr=subprocess.PIPE, process_group=0
    )
    until = time.monotonic() + 60
    while not (project / "started").exists() and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert b"`dver exp undo` brings your workspace back; the same command again completes it" in err
    assert process.returncode == 130
    assert [one["interrupted"] for one in run("exp", "undo", "--list", "--json").json] == [True]
    (project / ".git/info/attributes").unlink()
    (project / "started").unlink()
    run("exp", "apply", "first")
    assert (project / "new.py").read_text() == "new\n"
    run("exp", "undo")
    assert state(project) == before
