"""`dver exp run`, `save` and `list`: what they record, and what they leave alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import Run, git

PIPELINE = """\
stages:
  train:
    cmd: python train.py
    deps: [train.py, data]
    params: [lr]
    outs: [model.txt]
    metrics:
      - metrics.json:
          cache: false
"""
TRAIN = """\
import json, os, time, pathlib
lr = float(pathlib.Path("params.yaml").read_text().split(":")[1])
print("training with", lr, flush=True)
if os.environ.get("SLEEP"):
    pathlib.Path("started").touch()
    time.sleep(60)
if lr > 1:
    raise SystemExit(3)
pathlib.Path("model.txt").write_text(f"model {lr}")
pathlib.Path("metrics.json").write_text(json.dumps({"acc": 1 - lr}))
"""


@pytest.fixture
def project(git_repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    repo = git_repo
    monkeypatch.chdir(repo)
    run("init")
    (repo / "data").mkdir()
    (repo / "data" / "a.txt").write_text("a")
    run("add", "data")
    (repo / "dver.yaml").write_text(PIPELINE)
    (repo / "train.py").write_text(TRAIN)
    (repo / "params.yaml").write_text("lr: 0.5\n")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "pipeline", cwd=repo)
    return repo


def listed(run: Run) -> list[dict[str, object]]:
    found = json.loads(run("exp", "list", "--json").out)
    assert isinstance(found, list)
    return found


def show(repo: Path, commit: object, path: str) -> str:
    return git("show", f"{commit}:{path}", cwd=repo).strip()


def test_a_run_is_recorded_on_top_of_its_baseline(project: Path, run: Run) -> None:
    head = git("rev-parse", "HEAD", cwd=project).strip()
    output = run("exp", "run", "-n", "first", "-m", "half").out
    assert "experiment first: acc 0.5" in output
    (one,) = listed(run)
    assert (one["name"], one["status"], one["message"], one["baseline"]) == ("first", "done", "half", head)
    assert one["params"] == {"params.yaml": {"lr": 0.5}}
    assert one["metrics"] == {"metrics.json": {"acc": 0.5}}
    assert list(one["data"]) == ["data"]  # type: ignore[call-overload]
    assert git("rev-parse", f"{one['commit']}^", cwd=project).strip() == head
    assert "train:" in show(project, one["commit"], "dver.lock")
    assert git("rev-parse", "HEAD", cwd=project).strip() == head
    assert len(git("branch", cwd=project).splitlines()) == 1


def test_untracked_files_and_edits_belong_to_the_experiment(project: Path, run: Run) -> None:
    (project / "new.py").write_text("new")
    (project / "ignored.log").write_text("x")
    (project / ".gitignore").write_text("*.log\n" + (project / ".gitignore").read_text())
    (project / "params.yaml").write_text("lr: 0.25\n")
    before = git("status", "--porcelain", "new.py", cwd=project)
    run("exp", "run")
    (one,) = listed(run)
    files = git("ls-tree", "-r", "--name-only", str(one["commit"]), cwd=project).splitlines()
    assert "new.py" in files
    assert "ignored.log" not in files
    assert show(project, one["commit"], "params.yaml") == "lr: 0.25"
    assert git("status", "--porcelain", "new.py", cwd=project) == before == "?? new.py\n"


def test_edited_data_is_in_the_experiment_and_stays_unrecorded_in_the_workspace(project: Path, run: Run) -> None:
    pointer = (project / "data.dver").read_bytes()
    (project / "data" / "a.txt").write_text("edited")
    run("exp", "run")
    (one,) = listed(run)
    assert (project / "data.dver").read_bytes() == pointer
    assert show(project, one["commit"], "data.dver").encode() != pointer.strip()
    (project / "data" / "a.txt").write_text("lost")
    assert run("cat", f"--rev={one['commit']}", "data/a.txt").out == "edited"


def test_a_failed_run_is_kept_with_its_log(project: Path, run: Run) -> None:
    run("repro")
    git("add", "-A", cwd=project)
    git("commit", "-qm", "results", cwd=project)
    (project / "params.yaml").write_text("lr: 2\n")
    assert "exited with code 3" in run("exp", "run", "-n", "too-large", rc=10).err
    (one,) = listed(run)
    assert (one["status"], one["exit_code"]) == ("failed", 3)
    assert "exited with code 3" in str(one["error"])
    assert one["metrics"] == {}  # those of the baseline are not its own
    assert show(project, one["commit"], "params.yaml") == "lr: 2"


def test_code_that_is_edited_during_the_run_is_not_in_the_experiment(project: Path, run: Run) -> None:
    (project / "notes.txt").write_text("before")
    script = TRAIN + 'pathlib.Path("notes.txt").write_text("during")\npathlib.Path("more.txt").write_text("x")\n'
    (project / "train.py").write_text(script)
    run("exp", "run")
    (one,) = listed(run)
    assert show(project, one["commit"], "notes.txt") == "before"
    assert "more.txt" not in git("ls-tree", "--name-only", str(one["commit"]), cwd=project)


def test_a_killed_run_is_recorded_as_stopped_and_hides_nothing(project: Path, run: Run) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "dver", "exp", "run", "-n", "killed"], cwd=project, env={**os.environ, "SLEEP": "1"}
    )
    wait_for(project / "started")
    assert [(one["name"], one["status"]) for one in listed(run)] == [("killed", "running")]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert [(one["name"], one["status"]) for one in listed(run)] == [("killed", "stopped")]
    children_of_the_killed_run_end(project)
    run("exp", "run", "-n", "next")
    assert [(one["name"], one["status"]) for one in listed(run)] == [("killed", "stopped"), ("next", "done")]


def test_ctrl_c_records_the_run_as_stopped(project: Path, run: Run) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "dver", "exp", "run", "-n", "mine"],
        cwd=project,
        env={**os.environ, "SLEEP": "1"},
        start_new_session=True,
    )
    wait_for(project / "started")
    os.kill(process.pid, signal.SIGINT)
    assert process.wait() == 130
    (one,) = listed(run)
    assert (one["status"], one["error"]) == ("stopped", "stopped by Ctrl-C")


def test_two_runs_in_one_workspace_are_refused(project: Path, run: Run) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "dver", "exp", "run"],
        cwd=project,
        env={**os.environ, "SLEEP": "1"},
        start_new_session=True,
    )
    try:
        wait_for(project / "started")
        assert "is running in this workspace" in run("exp", "run", rc=4).err
    finally:
        os.kill(process.pid, signal.SIGINT)
        process.wait()


def test_save_keeps_the_workspace_with_edited_outputs(project: Path, run: Run) -> None:
    run("repro")
    (project / "model.txt").write_text("by hand")
    status = git("status", "--porcelain", cwd=project)
    run("exp", "save", "-n", "by-hand")
    assert git("status", "--porcelain", cwd=project) == status
    (one,) = listed(run)
    assert one["metrics"] == {"metrics.json": {"acc": 0.5}}
    (project / "model.txt").write_text("lost")
    assert run("cat", f"--rev={one['commit']}", "model.txt").out == "by hand"
    assert "already exists" in run("exp", "save", "-n", "by-hand", rc=4).err
    run("exp", "save", "-n", "by-hand", "--force")
    assert len(listed(run)) == 1
    assert len(json.loads(run("exp", "list", "--removed", "--json").out)) == 1


def test_a_repository_without_a_commit_is_told_to_make_one(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    git("init", "-q", cwd=empty)
    run("init")
    assert "fix: git add -A && git commit" in run("exp", "save", rc=2).err


def test_a_large_untracked_file_is_left_out_and_named(project: Path, run: Run) -> None:
    run("config", "set", "hooks.max_file_size", "1kB")
    (project / "large.bin").write_bytes(b"x" * 5000)
    assert "because Git cannot keep them: large.bin" in run("exp", "save").err
    (one,) = listed(run)
    assert "large.bin" not in git("ls-tree", "--name-only", str(one["commit"]), cwd=project)


def wait_for(path: Path) -> None:
    for _ in range(400):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(path)


def children_of_the_killed_run_end(project: Path) -> None:
    """End the command that the killed dver left behind, as the user would."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                is_ours = b"train.py" in (entry / "cmdline").read_bytes() and (entry / "cwd").resolve() == project
            except OSError:
                continue
            if is_ours:
                os.kill(int(entry.name), signal.SIGKILL)
    time.sleep(0.2)


def test_a_parameter_is_changed_for_a_run(project: Path, run: Run) -> None:
    (project / "params.yaml").write_text("# the rate\nlr: 0.5\n")
    assert "experiment low: acc 0.75" in run("exp", "run", "-n", "low", "-S", "lr=0.25").out
    assert (project / "params.yaml").read_text() == "# the rate\nlr: 0.25\n"
    (one,) = listed(run)
    assert (one["set"], one["params"]) == (["params.yaml:lr=0.25"], {"params.yaml": {"lr": 0.25}})
    assert show(project, one["commit"], "params.yaml") == "# the rate\nlr: 0.25"


def test_a_parameter_that_does_not_exist_is_refused_before_anything_is_changed(project: Path, run: Run) -> None:
    failed = run("exp", "run", "-S", "lr=0.25", "-S", "lrr=1", rc=2)
    assert "params.yaml has no key 'lrr'" in failed.err
    assert "fix: -S +lrr=1 adds it" in failed.err
    assert "these parameters make 2 experiments" in run("exp", "run", "-S", "lr=0.1,0.2", rc=2).err
    assert (project / "params.yaml").read_text() == "lr: 0.5\n"
    assert listed(run) == []


def test_an_unknown_target_is_an_error_and_no_experiment(project: Path, run: Run) -> None:
    for options in ((), ("--temp",), ("--queue",)):
        failed = run("exp", "run", *options, "trian", cwd=project, rc=2)
        assert "no stage or output named 'trian'" in failed.err
    assert run("exp", "list", cwd=project).out == ""


def test_the_command_that_restores_a_removed_experiment_works(project: Path, run: Run) -> None:
    run("exp", "save", "-n", "a b", cwd=project)
    run("exp", "remove", "a b", cwd=project)
    for command in (("apply",), ("branch",), ("diff",)):
        failed = run("exp", *command, "a b", cwd=project, rc=2)
        assert failed.err == "error: experiment 'a b' was removed\nfix: dver exp remove --restore 'a b'\n"
    assert "a b" in run("exp", "list", "--removed", cwd=project).out
    run("exp", "remove", "--restore", "a b", cwd=project)
    assert "no removed experiment can be restored" in run("exp", "list", "--removed", cwd=project).err
    run("exp", "branch", "a b", "mine", cwd=project)
