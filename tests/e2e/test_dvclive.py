"""Stages that log with dvclive, the real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import Run, git

TRAIN = """\
import os, signal, sys
from dvclive import Live

with Live(*sys.argv[1:]) as live:
    live.log_param("lr", 0.1)
    for step in range(3):
        live.log_metric("loss", 1 / (step + 1))
        live.next_step()
    if "KILL" in os.environ:
        os.kill(os.getppid(), signal.SIGKILL)
"""
OFFLINE = {"DVC_NO_ANALYTICS": "true", "DVCLIVE_LOGLEVEL": "INFO", "DVC_STUDIO_OFFLINE": "true"}


@pytest.fixture
def project(run: Run, git_repo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name, value in OFFLINE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "dvc-cache"))
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
    run("init", cwd=git_repo)
    (git_repo / "train.py").write_text(TRAIN)
    (git_repo / "dver.yaml").write_text("""\
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    metrics: [dvclive/metrics.json: {cache: false}]
    plots: [dvclive/plots/metrics: {x: step, y: loss}]
""")
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "Project", cwd=git_repo)
    return git_repo


def test_nothing_of_dvc_appears_and_what_is_staged_stays(run: Run, project: Path) -> None:
    (project / "README").write_text("Staged.\n")
    git("add", "README", cwd=project)
    (project / "README").write_text("Not staged.\n")
    refs, stash = git("for-each-ref", cwd=project), git("stash", "list", cwd=project)
    run("repro", cwd=project)
    assert git("for-each-ref", cwd=project) == refs
    assert git("stash", "list", cwd=project) == stash
    assert git("show", ":README", cwd=project) == "Staged.\n"
    assert (project / "README").read_text() == "Not staged.\n"
    assert not (project / ".dvc").exists()
    assert not (project / ".dvcignore").exists()
    assert not list(project.rglob("*.dvc"))
    staged = git("diff", "--cached", "--name-only", cwd=project).split()
    assert set(staged) <= {"README", "dver.lock", "dvclive/plots/.gitignore"}
    assert run("repro", cwd=project).out == "everything is up to date\n"


def test_metrics_and_plots_are_read(run: Run, project: Path) -> None:
    run("repro", cwd=project)
    found = run("metrics", "show", "--json", cwd=project).json
    assert "0.333" in str(found)
    drawn = run("plots", "show", "--json", cwd=project).out
    assert "loss" in drawn
    assert "0.333" in drawn


def test_a_stage_in_a_folder_and_with_a_directory_of_its_own(run: Run, project: Path) -> None:
    (project / "work").mkdir()
    text = (project / "dver.yaml").read_text().replace("dvclive/", "logs/")
    (project / "dver.yaml").write_text(
        text.replace("python train.py", "python ../train.py logs").replace("[train.py]", "[../train.py]")
        + "    wdir: work\n"
    )
    run("repro", cwd=project)
    assert (project / "work/logs/metrics.json").exists()
    assert not list(project.rglob(".dvc"))


def test_a_project_of_dvc_is_left_as_it_is(run: Run, project: Path) -> None:
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=project, check=True)
    git("commit", "-qm", "DVC", cwd=project)
    before = (project / ".dvc/config").stat().st_mtime_ns
    run("repro", cwd=project)
    assert (project / ".dvc/config").stat().st_mtime_ns == before
    assert git("status", "--porcelain", ".dvc", cwd=project) == ""
    assert "refs/exps" not in git("for-each-ref", cwd=project)


def test_what_a_killed_run_left_goes_with_the_next_one(run: Run, project: Path) -> None:
    killed = subprocess.run([sys.executable, "-m", "dver", "repro"], cwd=project, env={**os.environ, "KILL": "1"})
    assert killed.returncode == -signal.SIGKILL
    assert (project / ".dvc").exists()
    deadline = time.monotonic() + 60
    while run("repro", cwd=project, rc=None).rc != 0:  # what it started still runs
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not (project / ".dvc").exists()


def test_other_commands_know_that_they_are_stages_too(run: Run, project: Path) -> None:
    (project / "dver.yaml").write_text("stages:\n  a:\n    cmd: echo $DVC_ROOT $DVC_STAGE > out\n    outs: [out]\n")
    run("repro", cwd=project)
    assert (project / "out").read_text() == f"{project} a\n"


@pytest.mark.parametrize("where", [(), ("--temp",)])
def test_experiments_of_dvclive_are_those_of_dver(run: Run, project: Path, where: tuple[str, ...]) -> None:
    before = git("for-each-ref", "--format=%(refname)", cwd=project).split()
    run("exp", "run", *where, "-n", "one", cwd=project)
    (found,) = run("exp", "list", "--json", cwd=project).json
    assert found["status"] == "done"
    assert found["metrics"]["dvclive/metrics.json"]["step"] == 2
    refs = set(git("for-each-ref", "--format=%(refname)", cwd=project).split()) - set(before)
    assert all(ref.startswith("refs/dver/experiments/local/") for ref in refs)
    assert not list(project.rglob(".dvc"))
