"""`dver exp run --sweep`: trials in working trees of their own, with real samplers and killed processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support import Run, git
from workspaces import listing

import dver
from dver.experiments.journal import Journal
from dver.experiments.sweeps.reported_steps import save_steps
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.repo import Repository

STAGES = """\
sweeps:
  grid:
    params: {x: [1, 9], 'more.json:deep.y': [a, b]}
    trials: 3
    maximize: score.json:value
  bowl:
    params:
      x: {low: -5.0, high: 5.0}
      z: {low: 1, high: 9}
    method: tpe
    minimize: score.json:value
  pruned:
    params: {x: [1, 2, 3, 4, 5, 60]}
    minimize: score.json:value
    pruner: median
stages:
  train:
    cmd: python3 train.py
    deps: [train.py]
    params: [x, z, slow, {more.json: [deep.y]}]
    metrics: [score.json: {cache: false}]
"""
TRAIN = """\
import json, os, time
values = dict(line.split(": ") for line in open("params.yaml").read().splitlines())
x, z = float(values["x"]), float(values["z"])
y = json.load(open("more.json"))["deep"]["y"]
with open(os.environ["COUNT"], "a") as file:
    file.write(f"{x} {z} {y}\\n")
if values["slow"] == "yes":
    while not os.path.exists(os.environ["COUNT"] + ".go"):
        time.sleep(0.02)
score = (x - 2) ** 2 + z + (y == "b")
if x == 9:
    raise SystemExit(3)
json.dump({"value": score, "step": 1}, open("score.json", "w"))
if x > 50:
    for _ in range(3000):
        time.sleep(0.02)
"""


@pytest.fixture
def count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a line for each run of the stage. Slow ones wait for `count.go`."""
    monkeypatch.setenv("COUNT", str(tmp_path / "count"))
    (tmp_path / "count").touch()
    return tmp_path / "count"


@pytest.fixture
def repo(run: Run, tmp_path: Path, count: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with sweeps, and parameters that are not committed."""
    at = tmp_path / "repo"
    at.mkdir()
    monkeypatch.chdir(at)
    git("init", "-q", "-b", "main", cwd=at)
    run("init")
    (at / "dver.yaml").write_text(STAGES)
    (at / "train.py").write_text(TRAIN)
    (at / "params.yaml").write_text("x: 0\nz: 2\nslow: no\n")
    (at / "more.json").write_text('{"deep": {"y": "a"}}\n')
    git("add", "-A", cwd=at)
    git("commit", "-qm", "Stages", cwd=at)
    (at / "params.yaml").write_text("x: 0\nz: 3\nslow: no\n")
    return at


def trials(run: Run) -> list[dict[str, Any]]:
    """The experiments that are trials, by number."""
    found = [one for one in run("exp", "list", "--json").json if one["trial"] is not None]
    return sorted(found, key=lambda one: one["trial"])


def files(repo: Path) -> dict[bytes, Any]:
    return {path: content for path, content in listing(repo).items() if not path.startswith(b".git/")}


def test_a_grid_runs_every_combination_and_leaves_the_workspace_alone(repo: Path, run: Run, count: Path) -> None:
    before = files(repo)
    found = run("exp", "run", "--sweep", "grid", "-j", "2", "-m", "look")
    assert "sweep grid: 3 trials: 2 done, 1 failed" in found.out
    assert "best: grid-1: value 5 with x 1, deep.y b" in found.out
    assert files(repo) == before
    made = trials(run)
    assert [one["set"] for one in made] == [
        ["params.yaml:x=1", "more.json:deep.y=a"],
        ["params.yaml:x=1", "more.json:deep.y=b"],
        ["params.yaml:x=9", "more.json:deep.y=a"],
    ]
    assert [one["name"] for one in made] == ["grid-0", "grid-1", "grid-2"]
    assert [one["status"] for one in made] == ["done", "done", "failed"]
    assert {(one["sweep"], one["message"]) for one in made} == {("grid", "look")}
    assert made[1]["params"]["params.yaml"] == {"x": 1, "z": 3, "slow": "no"}
    assert made[1]["metrics"]["score.json"]["value"] == 5
    # Nothing is left to do, until the sweep has other values.
    assert "3 trials" in run("exp", "run", "--sweep", "grid").out
    assert len(count.read_text().splitlines()) == 3
    (repo / "dver.yaml").write_text(STAGES.replace("{x: [1, 9],", "{x: [1, 4],"))
    assert "sweep grid: 3 trials: 3 done" in run("exp", "run", "--sweep", "grid").out
    assert [one["trial"] for one in trials(run)] == [0, 1, 2, 3]
    assert trials(run)[3]["set"] == ["params.yaml:x=4", "more.json:deep.y=a"]


def test_a_sweep_goes_on_with_more_trials(repo: Path, run: Run) -> None:
    assert "does not say how many trials" in run("exp", "run", "--sweep", "bowl", rc=2).err
    run("exp", "run", "--sweep", "bowl", "--trials", "1")
    project = dver.Project.open(repo)
    found = project.exp.sweep("bowl", trials=1, params={"slow": "no"})
    assert [one.name for one in found.trials] == ["bowl-0-1"]  # with other parameters, it is another sweep
    found = project.exp.sweep("bowl", trials=2)
    assert [one.name for one in found.trials] == ["bowl-0", "bowl-1"]
    values = [one.metrics["score.json"]["value"] for one in found.trials]
    assert found.best is not None
    assert found.best_value == found.best.metrics["score.json"]["value"] == min(values)


def test_a_killed_sweep_goes_on_and_has_each_trial_once(repo: Path, run: Run, count: Path) -> None:
    (repo / "params.yaml").write_text("x: 0\nz: 3\nslow: yes\n")
    command = [sys.executable, "-m", "dver", "exp", "run", "--sweep", "bowl", "--trials", "4", "-j", "2"]
    process = subprocess.Popen(command, cwd=repo, start_new_session=True, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(count.read_text().splitlines()) == 2)
    workers = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout
    os.kill(process.pid, signal.SIGKILL)
    os.kill(int(workers.split()[0]), signal.SIGKILL)
    process.wait()
    Path(f"{count}.go").touch()
    found = run("exp", "run", "--sweep", "bowl", "--trials", "4", "-j", "2")
    assert "sweep bowl: 4 trials: 4 done" in found.out
    made = trials(run)
    assert [one["trial"] for one in made] == [0, 1, 2, 3]
    assert len({one["id"] for one in made}) == len({tuple(one["set"]) for one in made}) == 4
    assert all(one["metrics"]["score.json"]["value"] > 0 for one in made)


def test_a_trial_that_is_worse_than_the_others_is_pruned(repo: Path, run: Run) -> None:
    """Five trials that are done are written as records: only the last one runs."""
    record_done(repo, "pruned", {x: float(x) for x in (1, 2, 3, 4, 5)})
    found = run("exp", "run", "--sweep", "pruned")
    assert "sweep pruned: 6 trials: 5 done, 1 pruned" in found.out
    last = trials(run)[-1]
    assert (last["trial"], last["status"], last["pruned"]) == (5, "stopped", True)
    assert last["error"] == "pruned at step 1: value 3367 is worse than the median"
    assert last["metrics"] == {"score.json": {"value": 3367.0, "step": 1}}
    assert "pruned at step 1" in run("queue", "logs", last["name"]).out
    assert "6 trials: 5 done, 1 pruned" in run("exp", "run", "--sweep", "pruned").out  # it does not run again


def record_done(repo: Path, sweep: str, values: dict[int, float]) -> None:
    """Record trials of `x` with a metric that they had at step 1."""
    head = git("rev-parse", "HEAD", cwd=repo).strip()
    with Repository.open(repo) as project, Journal(project) as journal:
        for trial, (x, value) in enumerate(values.items()):
            done = Experiment(
                id=journal.new_id(),
                name=f"{sweep}-{trial}",
                status=ExperimentStatus.DONE,
                baseline=head,
                commit=head,
                updated=time.time_ns(),
                sweep=sweep,
                trial=trial,
                set=(f"params.yaml:x={x}",),
                metrics={"score.json": {"value": value}},
                created=time.time(),
            )
            journal.record([done])
            save_steps(journal.directory, done.id, {1: value})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sweep", "gird"], "fix: dver exp run --sweep grid"),
        (["--sweep", "grid", "-S", "x=1"], "the sweep varies it"),
        (["--sweep", "grid", "--method", "cmaes"], "cmaes needs numbers"),
        (["--sweep", "bowl", "--method", "grid"], "a grid needs the values of 'x'"),
        (["--sweep", "grid", "--minimize", "loss"], "'loss' is not a metric"),
        (["--sweep", "grid", "--minimize", "a:b", "--maximize", "a:b"], "exclude each other"),
        (["--sweep", "grid", "--queue"], "cannot be combined"),
        (["--trials", "3"], "need --sweep"),
    ],
)
def test_options_that_do_not_fit_are_refused(repo: Path, run: Run, arguments: list[str], message: str) -> None:
    assert message in run("exp", "run", *arguments, rc=None).err
    assert run("exp", "list", "--json").json == []


def test_a_sweep_of_a_parameter_that_does_not_exist_is_refused_before_it_starts(repo: Path, run: Run) -> None:
    (repo / "params.yaml").write_text("z: 3\nslow: no\n")
    assert "params.yaml has no key 'x'" in run("exp", "run", "--sweep", "grid", rc=2).err
    assert run("exp", "list", "--json").json == []


def wait_for(condition: Any) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
