"""The example in examples/digits, as a user would try it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from support import Run, git, make_git_repo

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "digits"
STAGES = ["prepare", "featurise", "train@logistic", "train@forest", "evaluate@logistic", "evaluate@forest"]


@pytest.fixture
def repo(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example as a project of its own; `python` is the one that has scikit-learn."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    repo = make_git_repo(tmp_path / "digits")
    shutil.copytree(EXAMPLE, repo, dirs_exist_ok=True)
    run("init", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "A pipeline", cwd=repo)
    return repo


def accuracy(repo: Path, model: str) -> float:
    return float(json.loads((repo / "results" / model / "metrics.json").read_text())["accuracy"])


def test_the_example_runs_and_runs_again_only_what_changed(run: Run, repo: Path) -> None:
    states = json.loads(run("repro", "-j", "2", "--json", cwd=repo).out)
    assert states == dict.fromkeys(STAGES, "done")
    assert accuracy(repo, "logistic") > 0.9
    assert accuracy(repo, "forest") > 0.9
    assert "everything is up to date" in run("repro", cwd=repo).out

    params = repo / "params.yaml"
    params.write_text(params.read_text().replace("trees: 60", "trees: 5"))
    planned = run("repro", "--dry-run", cwd=repo).out
    assert "parameter train.forest.trees of params.yaml: 60 -> 5" in planned
    assert "logistic" not in planned
    first = accuracy(repo, "forest")
    states = json.loads(run("repro", "--json", cwd=repo).out)
    assert [name for name, state in states.items() if state == "done"] == ["train@forest", "evaluate@forest"]
    assert accuracy(repo, "forest") != first

    params.write_text(params.read_text().replace("trees: 5", "trees: 60"))
    states = json.loads(run("repro", "--json", cwd=repo).out)
    assert states["train@forest"] == "restored"
    assert accuracy(repo, "forest") == first
