"""A stage that logs with dver.live."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml
from support import Run, git

TRAIN = """\
import os, sys
from dver import live

with live.run(resume="RESUME" in os.environ) as run:
    run.params(lr=0.1)
    for step in range(run.step + 1, run.step + 4):
        run.log({"loss": 1 / (step + 1), "val/acc": float("nan")}, step=step)
    run.image("map.png", "map.png")
"""
PIXEL = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\3\1\1\0"
    b"\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82"
)


@pytest.fixture
def project(run: Run, git_repo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
    run("init", cwd=git_repo)
    (git_repo / "train.py").write_text(TRAIN)
    (git_repo / "map.png").write_bytes(PIXEL)
    train = {
        "cmd": "python train.py",
        "deps": ["train.py"],
        "metrics": [{"live/metrics.json": {"cache": False}}],
        "plots": [{"live/plots": {"x": "step"}}],
    }
    (git_repo / "dver.yaml").write_text(yaml.safe_dump({"stages": {"train": train}}))
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "Project", cwd=git_repo)
    return git_repo


def test_metrics_and_plots_are_read(run: Run, project: Path) -> None:
    run("repro", cwd=project)
    shown = run("metrics", "show", "--json", cwd=project).out
    assert "0.333" in shown
    assert "val.acc" in shown
    drawn = run("plots", "show", "--json", cwd=project).out
    assert all(name in drawn for name in ("metrics/loss.tsv", "metrics/val/acc.tsv", '"step"'))
    run("plots", "show", cwd=project)
    assert "images/map.png" in (project / "dver_plots/index.html").read_text()
    assert run("repro", cwd=project).out == "everything is up to date\n"


def test_a_stage_whose_outputs_persist_resumes(run: Run, project: Path) -> None:
    text = (project / "dver.yaml").read_text()
    text = text.replace("cache: false", "cache: false\n        persist: true").replace(
        "x: step", "x: step\n        persist: true"
    )
    (project / "dver.yaml").write_text(text)
    run("repro", cwd=project)
    run("repro", "--force", cwd=project, env={"RESUME": "1"})
    rows = (project / "live/plots/metrics/loss.tsv").read_text().splitlines()
    assert [row.split("\t")[0] for row in rows] == ["step", "0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize("where", [(), ("--temp",)])
def test_an_experiment_has_what_was_logged(run: Run, project: Path, where: tuple[str, ...]) -> None:
    run("exp", "run", *where, "-n", "one", cwd=project)
    (found,) = run("exp", "list", "--json", cwd=project).json
    assert found["metrics"] == {"live/metrics.json": {"loss": pytest.approx(1 / 3), "val.acc": "NaN", "step": 2}}
    assert "0.333" in git("show", f"{found['commit']}:live/metrics.json", cwd=project)
    assert (project / "live").exists() == (not where)


@pytest.mark.parametrize("where", [(), ("--temp",)])
def test_an_experiment_whose_program_is_killed_has_what_was_logged(
    run: Run, project: Path, where: tuple[str, ...]
) -> None:
    (project / "train.py").write_text(f"{TRAIN}    os.kill(os.getpid(), 9)\n")
    run("exp", "run", *where, "-n", "one", cwd=project, rc=10)
    (found,) = run("exp", "list", "--json", cwd=project).json
    assert found["status"] == "failed"
    assert found["metrics"]["live/metrics.json"]["step"] == 2
    assert "0.333" in git("show", f"{found['commit']}:live/metrics.json", cwd=project)
