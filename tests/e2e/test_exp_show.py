"""`dver exp show`: what it compares, in which forms, and what it hides."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import select
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
    cmd: ":"
    params: [lr, depth]
    metrics: [{metrics.json: {cache: false}}]
"""


@pytest.fixture
def project(git_repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    repo = git_repo
    monkeypatch.chdir(repo)
    run("init", "--no-hooks")
    (repo / "data").write_text("one")
    run("add", "data")
    (repo / "dver.yaml").write_text(PIPELINE)
    write(repo, 0.5, 0.7)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "pipeline", cwd=repo)
    return repo


def write(repo: Path, lr: float, auc: float) -> None:
    (repo / "params.yaml").write_text(f"lr: {lr}\ndepth: 3\n")
    (repo / "metrics.json").write_text(json.dumps({"auc": auc}))


def save(repo: Path, run: Run, name: str, lr: float, auc: float) -> None:
    write(repo, lr, auc)
    run("exp", "save", "-n", name)


def table(run: Run, *options: str) -> list[list[str]]:
    return [line.split() for line in run("exp", "show", *options).out.splitlines()]


def names(run: Run, *options: str) -> list[str]:
    return [one["name"] for one in json.loads(run("exp", "show", "--json", *options).out)]


def test_experiments_are_compared_with_their_baseline_and_the_workspace(project: Path, run: Run) -> None:
    save(project, run, "first", 0.1, 0.8)
    (project / "data").write_text("two")
    run("add", "data")
    save(project, run, "second", 0.2, 0.9)
    header, workspace, baseline, *experiments = table(run)
    assert header == ["experiment", "created", "status", "auc", "lr", "data"]
    assert (workspace[0], workspace[1:3]) == ("workspace", ["0.9", "0.2"])
    assert (baseline[0], baseline[4:6]) == ("main", ["0.7", "0.5"])
    assert [one[0] for one in experiments] == ["second", "first"]
    assert [one[4:7] for one in experiments] == [["done", "0.9", "0.2"], ["done", "0.8", "0.1"]]
    assert experiments[0][7] == workspace[3] != experiments[1][7] == baseline[6]
    assert "depth" in table(run, "--all-params")[0]


def test_experiments_are_filtered_sorted_and_limited(project: Path, run: Run) -> None:
    for number, (lr, auc) in enumerate([(0.1, 0.8), (0.2, 0.9), (0.3, 0.85)]):
        save(project, run, f"e{number}", lr, auc)
    assert names(run) == ["e2", "e1", "e0"]
    assert names(run, "--sort", "auc") == ["e0", "e2", "e1"]
    assert names(run, "--sort", "-auc", "-n", "1") == ["e1"]
    assert names(run, "--sort", "auc", "--sort-order", "desc", "--filter", "lr > 0.15 and auc < 1") == ["e1", "e2"]
    assert "2 experiments did not match the filter" in run("exp", "show", "--filter", "lr > 0.25").err
    wrong = run("exp", "show", "--filter", "acu > 0.5", rc=2)
    assert "fix: did you mean auc?" in wrong.err


def test_experiments_of_other_branches_are_hidden_and_those_of_rebased_commits_shown(project: Path, run: Run) -> None:
    save(project, run, "amended-away", 0.1, 0.8)
    git("commit", "-q", "--amend", "-am", "amended", cwd=project)
    git("checkout", "-q", "-b", "other", cwd=project)
    git("commit", "-q", "--allow-empty", "-m", "on another branch", cwd=project)
    save(project, run, "elsewhere", 0.2, 0.9)
    git("stash", "-q", cwd=project)
    git("checkout", "-q", "main", cwd=project)
    assert names(run) == ["amended-away"]
    assert "1 experiment of other branches not shown: dver exp show -A" in run("exp", "show").err
    assert names(run, "-A") == ["elsewhere", "amended-away"]
    assert names(run, "--baseline", "other") == ["elsewhere"]
    assert "unknown revision" in run("exp", "show", "--baseline", "othr", rc=2).err
    assert [line.split()[0] for line in run("exp", "list").out.splitlines()] == ["amended-away", "elsewhere"]


def test_other_forms_have_the_same_experiments(project: Path, run: Run) -> None:
    save(project, run, "one", 0.125, 0.8)
    (found,) = json.loads(run("exp", "show", "--json").out)
    assert (found["status"], found["params"]) == ("done", {"params.yaml": {"lr": 0.125, "depth": 3}})
    assert found["metrics"] == {"metrics.json": {"auc": 0.8}}
    assert found["baseline"] == git("rev-parse", "HEAD", cwd=project).strip()
    (row,) = csv.DictReader(io.StringIO(run("exp", "show", "--csv").out))
    assert (row["name"], row["auc"]) == ("one", "0.8")
    markdown = run("exp", "show", "--md").out.splitlines()
    assert [line.split(" | ")[0] for line in markdown[2:]] == ["| workspace", "| main", "| one"]


def test_a_project_without_experiments_says_how_to_make_one(project: Path, run: Run) -> None:
    empty = run("exp", "show")
    assert (empty.out, empty.err) == ("", "there are no experiments: `dver exp run` makes one\n")
    assert json.loads(run("exp", "show", "--json").out) == []


def test_a_project_in_a_subdirectory_shows_its_own_values(git_repo: Path, run: Run, tmp_path: Path) -> None:
    project = git_repo / "models" / "a"
    project.mkdir(parents=True)
    run("init", "--no-hooks", cwd=project)
    (project / "dver.yaml").write_text(PIPELINE)
    write(project, 0.5, 0.7)
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "pipeline", cwd=git_repo)
    write(project, 0.25, 0.75)
    run("exp", "save", "-n", "one", cwd=project)
    lines = [line.split() for line in run("exp", "show", cwd=project).out.splitlines()]
    assert lines[0][3:] == ["auc", "lr"]
    assert lines[1] == ["workspace", "0.75", "0.25"]
    assert lines[3][4:] == ["done", "0.75", "0.25"]


def test_a_page_is_written_and_no_other_file_overwritten(project: Path, run: Run) -> None:
    save(project, run, "<one>", 0.1, 0.8)
    assert run("exp", "show", "--html", "page.html").err == "wrote page.html\n"
    assert "\\u003cone\\u003e" in (project / "page.html").read_text()
    assert run("exp", "show", "--pcp").err == f"wrote {project}/.git/dver/experiments/experiments.html\n"
    (project / "mine.html").write_text("mine")
    assert "not a page of experiments" in run("exp", "show", "--html", "mine.html", rc=4).err


def test_watch_draws_new_metrics_until_ctrl_c(project: Path, run: Run) -> None:
    save(project, run, "first", 0.1, 0.8)
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "dver", "exp", "show", "--watch"]
    process = subprocess.Popen(
        command, cwd=project, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    try:
        read_until(ours, b"0 running of 1 experiment")
        save(project, run, "second", 0.2, 0.9)
        assert b"second" in read_until(ours, b"0 running of 2 experiments")
        process.send_signal(signal.SIGINT)
        rest = read_until(ours, b"first ")
        assert b"\x1b[?1049l" in rest
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_until(terminal: int, text: bytes) -> bytes:
    """What the terminal shows until `text` appears."""
    found = b""
    deadline = time.monotonic() + 60
    while text not in found:
        assert select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0], found
        found += os.read(terminal, 65536)
    return found


def test_watch_needs_a_terminal(project: Path, run: Run) -> None:
    wrong = run("exp", "show", "--watch", rc=2)
    assert "--watch needs a terminal" in wrong.err
    assert "fix: dver exp show" in wrong.err
    other_form = run("exp", "show", "--watch", "--json", rc=2).json
    assert other_form["error"]["what"] == "--watch shows a table on the terminal"
