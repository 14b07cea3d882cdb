"""`dver exp run --queue` and `--temp`, and `dver queue`: runs in working trees of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support import Run, git
from workspaces import listing

STAGES = """\
stages:
  prepare: {cmd: "cat data/a > clean; echo prepare >> $COUNT", deps: [data], outs: [clean]}
  train:
    cmd: python3 train.py
    deps: [clean, train.py]
    params: [lr, slow]
    outs: [model]
    metrics: [score.json: {cache: false}]
"""
TRAIN = """\
import json, os, sys, time
values = dict(line.split(": ") for line in open("params.yaml").read().splitlines())
lr = float(values["lr"])
print("training with", lr, flush=True)
with open(os.environ["COUNT"], "a") as file:
    file.write("train\\n")
while float(values["slow"]) and not os.path.exists(os.environ["COUNT"] + ".go"):
    time.sleep(0.02)
open("model", "w").write(f"{lr}\\n")
json.dump({"acc": lr * 2}, open("score.json", "w"))
sys.exit(7 if lr < 0 else 0)
"""


@pytest.fixture
def count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a line for each command that ran. Slow ones wait for `count.go`."""
    monkeypatch.setenv("COUNT", str(tmp_path / "count"))
    (tmp_path / "count").touch()
    return tmp_path / "count"


@pytest.fixture
def repo(run: Run, tmp_path: Path, count: Path) -> Path:
    """A project with data and two stages, with changes that are not committed."""
    at = tmp_path / "repo"
    at.mkdir()
    git("init", "-q", "-b", "main", cwd=at)
    run("init", cwd=at)
    (at / "data").mkdir()
    (at / "data/a").write_text("a\n")
    (at / "dver.yaml").write_text(STAGES)
    (at / "train.py").write_text("raise SystemExit('an old version')\n")
    (at / "params.yaml").write_text("lr: 0\nslow: 0\n")
    run("add", "data", cwd=at)
    git("add", "-A", cwd=at)
    git("commit", "-qm", "Stages", cwd=at)
    (at / "train.py").write_text(TRAIN)
    (at / "untracked").write_text("mine\n")
    git("add", "train.py", cwd=at)
    (at / "params.yaml").write_text("lr: 1\nslow: 0\n")
    return at


def experiments(run: Run, repo: Path) -> dict[str, Any]:
    """The experiments by name."""
    return {one["name"]: one for one in run("exp", "list", "--json", cwd=repo).json}


def state_of(repo: Path) -> tuple[object, ...]:
    """All that a user sees of a workspace, and the bytes of its index."""
    files = {path: content for path, content in listing(repo).items() if not path.startswith(b".git/")}
    return files, (repo / ".git/index").read_bytes(), (repo / ".git/HEAD").read_bytes()


def until(reached: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def starts(count: Path, times: int) -> None:
    """Wait until training started this number of times."""
    until(lambda: count.read_text().count("train\n") >= times)


def start(repo: Path, *arguments: str) -> subprocess.Popen[str]:
    """`dver queue start` in a process of its own."""
    command = [sys.executable, "-m", "dver", "queue", "start", *arguments]
    return subprocess.Popen(command, cwd=repo, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def workers(run: Run, repo: Path) -> list[int]:
    """The worker processes."""
    return [one["pid"] for one in run("queue", "status", "--json", cwd=repo).json["workers"]]


def trainings(repo: Path) -> list[str]:
    """The processes that run train.py in a worktree of the repository."""
    listed = subprocess.run(["pgrep", "-f", "^python3 train.py$"], capture_output=True, text=True).stdout.split()
    found = []
    for pid in listed:
        with suppress(FileNotFoundError):
            if os.readlink(f"/proc/{pid}/cwd").startswith(os.path.realpath(repo)):
                found.append(pid)
    return found


def test_a_temporary_run_has_the_changes_and_leaves_the_workspace_alone(run: Run, repo: Path) -> None:
    before = state_of(repo)
    done = run("exp", "run", "--temp", "-S", "lr=3", "-n", "three", cwd=repo)
    assert "experiment three: acc 6" in done.out
    assert state_of(repo) == before
    found = experiments(run, repo)["three"]
    assert found["set"] == ["params.yaml:lr=3"]
    assert found["params"]["params.yaml"]["lr"] == 3
    shown = git("ls-tree", "-r", "--name-only", found["commit"], cwd=repo).split()
    assert {"untracked", "dver.lock", "score.json"} < set(shown)
    assert git("show", f"{found['commit']}:params.yaml", cwd=repo) == "lr: 3\nslow: 0\n"
    assert git("worktree", "list", cwd=repo).count("\n") == 1
    assert not (repo / ".git/dver/experiments/worktrees/dver-run-1").exists()


def test_a_temporary_run_that_fails_is_kept_with_its_log(run: Run, repo: Path) -> None:
    failed = run("exp", "run", "--temp", "-S", "lr=-1", "-n", "bad", cwd=repo, rc=10)
    assert "exited with code 7" in failed.err
    assert failed.err.endswith("\nfix: see its output: dver queue logs bad\n")
    assert experiments(run, repo)["bad"]["exit_code"] == 7
    assert "training with -1.0" in run("queue", "logs", "bad", cwd=repo).out
    refused = run("queue", "retry", "bad", cwd=repo, rc=2)
    assert "bad was not queued" in refused.err


def test_a_grid_is_queued_and_run_beside_the_workspace(run: Run, repo: Path, count: Path) -> None:
    before = state_of(repo)
    queued = run("exp", "run", "--queue", "-S", "lr=1,2,-1", "-n", "grid", cwd=repo)
    assert queued.out == "queued 3 experiments: grid-1, grid-2, grid-3\n"
    assert state_of(repo) == before
    assert [one["params"]["params.yaml"]["lr"] for one in experiments(run, repo).values()] == [1, 2, -1]
    (repo / "train.py").write_text("raise SystemExit('edited after queueing')\n")
    git("checkout", "-qfb", "other", cwd=repo)
    before = state_of(repo)
    done = run("queue", "start", "-j", "2", cwd=repo, rc=10)
    assert "1 of 3 experiments failed" in done.err
    assert "3 experiments ended: 2 done, 1 failed" in done.out
    assert sorted(line for line in done.err.splitlines() if line.startswith("experiment")) == [
        "experiment grid-1: acc 2",
        "experiment grid-2: acc 4",
        "experiment grid-3 failed: acc -2",
    ]
    assert state_of(repo) == before
    assert count.read_text().count("prepare") == 1
    assert run("queue", "start", cwd=repo).out == "the queue is empty\n"
    assert git("for-each-ref", "refs/heads", cwd=repo).count("\n") == 2
    assert git("worktree", "list", cwd=repo).count("\n") == 1


def test_failed_tasks_run_again_from_where_they_started(run: Run, repo: Path, count: Path) -> None:
    run("exp", "run", "--queue", "-S", "lr=-1", "-n", "bad", cwd=repo)
    run("queue", "start", cwd=repo, rc=10)
    assert "1 failed" in run("queue", "status", cwd=repo).out
    first = experiments(run, repo)["bad"]
    assert "queued 1 experiment: bad" in run("queue", "retry", "--failed", cwd=repo).out
    again = experiments(run, repo)["bad"]
    assert (again["id"], again["status"], again["exit_code"]) == (first["id"], "queued", None)
    run("queue", "start", cwd=repo, rc=10)
    assert count.read_text().split() == ["prepare", "train", "train"]
    assert run("queue", "logs", "bad", cwd=repo).out.count("training with -1.0") == 2
    refused = run("queue", "retry", cwd=repo, rc=2)
    assert "--failed" in refused.err


def test_tasks_are_removed_from_the_queue(run: Run, repo: Path) -> None:
    run("exp", "run", "--queue", "-S", "lr=1,-1,2,3", "-n", "t", cwd=repo)
    assert re.search("^t-2 +queued +lr=-1$", run("queue", "status", cwd=repo).out, re.MULTILINE)
    assert run("queue", "remove", "t-1", cwd=repo).out == "removed 1 experiment: t-1\n"
    run("queue", "remove", "--queued", "--failed", cwd=repo)
    assert run("queue", "start", cwd=repo).out == "the queue is empty\n"
    run("exp", "run", "--queue", "-S", "lr=5", "-n", "five", cwd=repo)
    run("queue", "start", cwd=repo)
    assert "dver exp remove five" in run("queue", "remove", "five", cwd=repo, rc=2).err
    assert run("queue", "remove", "--all", cwd=repo).out == "removed 0 experiments\n"
    assert "five" in experiments(run, repo)


def test_more_tasks_than_a_process_may_open_files_are_removed(run: Run, repo: Path) -> None:
    run("exp", "run", "--queue", "-S", "lr=range(1,301)", cwd=repo)
    command = f"ulimit -n 256; exec {sys.executable} -m dver queue remove --all"
    done = subprocess.run(["sh", "-c", command], cwd=repo, capture_output=True, text=True)
    assert done.stdout.startswith("removed 300 experiments"), done.stderr
    assert experiments(run, repo) == {}


def test_stop_lets_tasks_end_and_kill_records_them_as_stopped(run: Run, repo: Path, count: Path) -> None:
    run("exp", "run", "--queue", "-S", "lr=1,2,3", "-S", "slow=1", "-n", "t", cwd=repo)
    started = start(repo, "-j", "2")
    starts(count, 2)
    assert len(workers(run, repo)) == 2
    running = run("queue", "status", cwd=repo).out
    assert running.startswith("2 workers; 2 running, 1 queued\n")
    refused = run("queue", "remove", "t-1", cwd=repo, rc=4)
    assert "t-1 is running" in refused.err
    for _ in range(2):
        assert "2 workers will end after the current experiment" in run("queue", "stop", cwd=repo).out
    assert "2 workers ended" in run("queue", "stop", "--kill", cwd=repo).out
    out, err = started.communicate()
    assert started.returncode == 130, err
    assert "2 experiments ended: 2 stopped\n1 experiment left in the queue: dver queue start\n" in out
    found = experiments(run, repo)
    assert [found[f"t-{number}"]["status"] for number in (1, 2, 3)] == ["stopped", "stopped", "queued"]
    assert "--- stopped" in run("queue", "logs", "t-1", cwd=repo).out
    assert run("queue", "retry", "--stopped", cwd=repo).out.startswith("queued 2 experiments")
    count.with_name("count.go").touch()
    run("queue", "start", "-j", "3", cwd=repo)
    assert {one["status"] for one in experiments(run, repo).values()} == {"done"}


def test_ctrl_c_ends_after_the_task_and_a_second_one_stops_it(run: Run, repo: Path, count: Path) -> None:
    run("exp", "run", "--queue", "-S", "lr=1,2", "-S", "slow=1", "-n", "t", cwd=repo)
    started = start(repo)
    starts(count, 1)
    started.send_signal(signal.SIGINT)
    assert started.stderr is not None
    assert started.stderr.readline().startswith("ending after the current experiments")
    count.with_name("count.go").touch()
    started.communicate()
    assert started.returncode == 130
    assert [one["status"] for one in experiments(run, repo).values()] == ["done", "queued"]
    count.with_name("count.go").unlink()
    started = start(repo)
    starts(count, 2)
    for expected in ("ending after", "stopping the experiments"):
        started.send_signal(signal.SIGINT)
        assert started.stderr is not None
        assert started.stderr.readline().startswith(expected)
    started.communicate()
    assert [one["status"] for one in experiments(run, repo).values()] == ["done", "stopped"]


def test_a_killed_worker_is_replaced_and_its_stage_does_not_run_on(run: Run, repo: Path, count: Path) -> None:
    run("exp", "run", "--queue", "-S", "lr=1", "-S", "slow=1", "-n", "t", cwd=repo)
    started = start(repo)
    starts(count, 1)
    (first,) = workers(run, repo)
    os.kill(first, signal.SIGKILL)
    starts(count, 2)
    assert workers(run, repo) != [first]
    assert len(trainings(repo)) == 1
    count.with_name("count.go").touch()
    _, err = started.communicate()
    assert started.returncode == 0, err
    assert "a worker was killed; t is queued again" in err
    found = experiments(run, repo)["t"]
    assert (found["status"], found["attempt"]) == ("done", 2)
    log = run("queue", "logs", "t", cwd=repo).out
    assert log.count("training with 1.0") == 2
    assert "attempt 2: the process of the last attempt died" in log


def test_a_task_whose_workers_always_die_counts_as_failed(run: Run, repo: Path, count: Path) -> None:
    (repo / "train.py").write_text("import os\nos.kill(os.getppid(), 9)\nos.kill(os.getpgrp(), 9)\n")
    (repo / "dver.yaml").write_text(STAGES.replace("python3 train.py", "exec python3 train.py"))
    run("exp", "run", "--queue", "-n", "t", cwd=repo)
    done = run("queue", "start", cwd=repo, rc=10)
    assert done.err.count("a worker was killed; t is queued again") == 3
    found = experiments(run, repo)["t"]
    assert found["status"] == "failed"
    assert found["error"] == "3 workers died while they ran it: they were killed or ran out of memory"


def test_workers_end_after_their_task_if_the_supervisor_is_killed(run: Run, repo: Path, count: Path) -> None:
    run("exp", "run", "--queue", "-S", "lr=1,2", "-S", "slow=1", cwd=repo)
    started = start(repo)
    starts(count, 1)
    assert len(workers(run, repo)) == 1
    started.kill()
    started.communicate()
    count.with_name("count.go").touch()
    until(lambda: workers(run, repo) == [])
    assert [one["status"] for one in experiments(run, repo).values()] == ["done", "queued"]
    run("queue", "start", cwd=repo)
    assert {one["status"] for one in experiments(run, repo).values()} == {"done"}


def test_the_queue_runs_in_the_background(run: Run, repo: Path, count: Path) -> None:
    run("exp", "run", "--queue", "-S", "lr=1,2", "-S", "slow=1", "-n", "t", cwd=repo)
    process = run("queue", "start", "-j", "2", "--detach", "--json", cwd=repo).json
    assert os.getsid(process["pid"]) == process["pid"]
    starts(count, 2)
    following = subprocess.Popen(
        [sys.executable, "-m", "dver", "queue", "logs", "-f", "t-1"], cwd=repo, stdout=subprocess.PIPE, text=True
    )
    assert following.stdout is not None
    assert following.stdout.readline().startswith("--- ")
    count.with_name("count.go").touch()
    assert "training with 1.0" in following.communicate()[0]
    until(lambda: workers(run, repo) == [])
    assert {one["status"] for one in experiments(run, repo).values()} == {"done"}


def test_a_project_in_a_subdirectory_runs_its_targets(run: Run, tmp_path: Path, count: Path) -> None:
    top = tmp_path / "top"
    at = top / "sub/project"
    at.mkdir(parents=True)
    git("init", "-q", cwd=top)
    run("init", cwd=at)
    (at / "params.yaml").write_text("lr: 1\n")
    (at / "deep").mkdir()
    (at / "deep/dver.yaml").write_text("stages: {one: {cmd: pwd > where, outs: [where]}, two: {cmd: exit 1}}\n")
    git("add", "-A", cwd=top)
    git("commit", "-qm", "Project", cwd=top)
    run("exp", "run", "--queue", "one", "-S", "lr=2", "-n", "t", cwd=at / "deep")
    run("queue", "start", cwd=at)
    found = experiments(run, at)["t"]
    assert found["status"] == "done"
    assert git("show", f"{found['commit']}:sub/project/params.yaml", cwd=top) == "lr: 2\n"
    assert "sub/project/deep/dver.lock" in git("ls-tree", "-r", "--name-only", found["commit"], cwd=top)


def test_mistakes_are_reported_before_anything_is_queued(run: Run, repo: Path) -> None:
    assert "nope" in run("exp", "run", "--queue", "-S", "nope=1,2", cwd=repo, rc=2).err
    assert "make 2 experiments" in run("exp", "run", "--temp", "-S", "lr=1,2", cwd=repo, rc=2).err
    assert "no experiment 'nope'" in run("queue", "logs", "nope", cwd=repo, rc=2).err
    run("exp", "run", "--queue", "-n", "t", cwd=repo)
    assert "has not started" in run("queue", "logs", "t", cwd=repo, rc=2).err
    assert "already exists" in run("exp", "run", "--queue", "-n", "t", cwd=repo, rc=4).err
    assert list(experiments(run, repo)) == ["t"]
