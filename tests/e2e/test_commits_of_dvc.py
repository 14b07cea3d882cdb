"""Comparing with commits in which DVC had the project: its dvc.yaml, dvc.lock and cache are read, and only read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from support import Run, git

STAGES = """stages:
  train:
    cmd: python train.py
    params: [lr]
    outs: [model]
    metrics: [score.json, plain.json: {cache: false}]
    plots: [curves]
  deep:
    cmd: x
    wdir: sub
    metrics: [deep.json]
"""
LAYOUTS = {"dvc3": ".dvc/cache/files/md5", "dvc2": ".dvc/cache"}


def cached(cache: Path, content: bytes, suffix: str = "") -> str:
    """Content in DVC's cache, as DVC puts it there; returns its hash."""
    digest = hashlib.md5(content).hexdigest() + suffix
    file = cache / digest[:2] / digest[2:]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return digest


@pytest.fixture(params=LAYOUTS)
def project(request: pytest.FixtureRequest, run: Run, git_repo: Path) -> Path:
    """A project that DVC had in the first commit, and dver has since."""
    run("init", "--no-hooks", cwd=git_repo)
    (git_repo / ".dvc").mkdir()
    (git_repo / ".gitignore").write_text(".dvc/cache\n/score.json\n")
    cache = git_repo / LAYOUTS[request.param]
    outs = {
        "train": {
            "score.json": cached(cache, b'{"accuracy": 0.5}'),
            "curves": cached(
                cache,
                json.dumps([{"md5": cached(cache, b"step,loss\n0,1\n"), "relpath": "loss.csv"}]).encode(),
                ".dir",
            ),
        },
        "deep": {"deep.json": cached(cache, b'{"depth": 3}')},
    }
    locked = {
        name: {"cmd": "x", "outs": [{"path": path, "md5": one} for path, one in paths.items()]}
        for name, paths in outs.items()
    }
    (git_repo / ".dvc/config").write_text("[core]\n    autostage = true\n")
    (git_repo / "dvc.yaml").write_text(STAGES)
    (git_repo / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": locked}))
    (git_repo / "params.yaml").write_text("lr: 1\n")
    (git_repo / "plain.json").write_text('{"loss": 2}')
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "With DVC", cwd=git_repo)
    git("tag", "old", cwd=git_repo)
    git("mv", "dvc.yaml", "dver.yaml", cwd=git_repo)
    git("rm", "-q", "dvc.lock", cwd=git_repo)
    (git_repo / "params.yaml").write_text("lr: 2\n")
    (git_repo / "plain.json").write_text('{"loss": 1}')
    (git_repo / "score.json").write_text('{"accuracy": 0.75}')
    (git_repo / "sub").mkdir()
    (git_repo / "sub/deep.json").write_text('{"depth": 4}')
    git("commit", "-qam", "With dver", cwd=git_repo)
    return git_repo


def test_parameters_are_compared_with_those_of_a_commit_of_dvc(run: Run, project: Path) -> None:
    assert "params.yaml,lr,1,2" in run("params", "diff", "--deps", "old", "--csv", cwd=project).out


def test_metrics_are_compared_with_those_in_git_and_in_the_cache_of_dvc(run: Run, project: Path) -> None:
    before = {file: file.read_bytes() for file in (project / ".dvc").rglob("*") if file.is_file()}
    shown = run("metrics", "diff", "old", "--csv", cwd=project)
    assert "score.json,accuracy,0.5,0.75,0.25" in shown.out
    assert "plain.json,loss,2,1,-1" in shown.out
    assert "sub/deep.json,depth,3,4,1" in shown.out
    assert "warning" not in shown.err
    assert "old,score.json,accuracy,0.5" in run("metrics", "show", "--rev", "old", "--csv", cwd=project).out
    assert {file: file.read_bytes() for file in (project / ".dvc").rglob("*") if file.is_file()} == before
    assert not git("status", "--porcelain", "--untracked-files=no", cwd=project)


def test_the_cache_may_be_elsewhere(run: Run, project: Path, tmp_path: Path) -> None:
    (project / ".dvc/cache").rename(tmp_path / "cache")
    (project / ".dvc/config.local").write_text(f"[cache]\n    dir = {tmp_path / 'cache'}\n")
    assert "score.json,accuracy,0.5,0.75,0.25" in run("metrics", "diff", "old", "--csv", cwd=project).out


def test_what_the_cache_does_not_have_is_a_warning_with_the_remedy(run: Run, project: Path) -> None:
    for file in (project / ".dvc/cache").rglob("*"):
        if file.is_file():
            file.unlink()
    shown = run("metrics", "diff", "old", "--csv", cwd=project)
    assert "plain.json,loss,2,1,-1" in shown.out
    assert "the content of 'score.json' is not in the DVC cache" in shown.err
    assert "dvc fetch --all-commits" in shown.err


def test_a_damaged_copy_is_not_believed(run: Run, project: Path) -> None:
    for file in (project / ".dvc/cache").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes().replace(b"0.5", b"0.9"))
    shown = run("metrics", "diff", "old", "--csv", cwd=project)
    assert "the DVC cache has a corrupt copy of 'score.json'" in shown.err
    assert "0.9" not in shown.out


def test_files_of_a_directory_are_found(run: Run, project: Path) -> None:
    found = run("plots", "diff", "old", "--json", cwd=project, rc=None)
    assert "loss.csv" in found.out + found.err
