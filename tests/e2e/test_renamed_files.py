"""Projects on their way from DVC: files that are not renamed yet, and what dver does not take over from them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support import Run, git

STAGE = "stages:\n  a: {cmd: touch out, outs: [out]}\n"


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    return git_repo


@pytest.mark.parametrize("is_tracked", [True, False])
@pytest.mark.parametrize("folder", ["", "a folder"])
def test_a_dvc_yaml_alone_is_named_and_the_remedy_works(run: Run, project: Path, folder: str, is_tracked: bool) -> None:
    (project / folder).mkdir(exist_ok=True)
    (project / folder / "dvc.yaml").write_text(STAGE)
    if is_tracked:
        git("add", "-A", cwd=project)
    for args in (["repro"], ["repro", "--dry-run"], ["stage", "list"], ["dag"], ["metrics", "show"]):
        error = run(*args, cwd=project, rc=9).err
        assert f"no dver.yaml found, but '{Path(folder) / 'dvc.yaml'}'" in error
    fix = error.rpartition("fix: ")[2]
    assert fix.startswith("git mv " if is_tracked else "mv ")
    subprocess.run(fix, shell=True, cwd=project, check=True)
    run("repro", cwd=project)
    assert (project / folder / "out").exists()


def test_a_dvc_yaml_that_was_left_is_a_warning(run: Run, project: Path) -> None:
    (project / "dver.yaml").write_text(STAGE)
    (project / "dvc.yaml").write_text(STAGE)  # kept beside it, as long as others use DVC
    (project / "sub").mkdir()
    (project / "sub/dvc.yaml").write_text(STAGE)
    for args in (["repro", "--dry-run"], ["repro"]):
        told = run(*args, cwd=project).err
        assert (
            "warning: not read: 'sub/dvc.yaml'; dver reads dver.yaml, which has the same format; mv sub/dvc.yaml"
            in told
        )
        assert "'dvc.yaml'" not in told
    (project / "sub/dvc.yaml").unlink()
    assert "warning" not in run("repro", cwd=project).err


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("outs: [s3://bucket/a]", "is a URL"),
        ("metrics: [/m.json: {cache: false}]", "is not a relative path"),
        ("wdir: /elsewhere", "is not a relative path"),
        ("deps: [../../elsewhere]", "is outside of the repository"),
    ],
)
def test_a_path_that_is_not_in_the_project_refuses_its_stage_only(run: Run, project: Path, bad: str, why: str) -> None:
    (project / "dver.yaml").write_text(
        f"""stages:
  bad:
    cmd: touch bad
    {bad}
  after: {{cmd: touch after, deps: [bad], outs: [after]}}
  good: {{cmd: touch good, outs: [good]}}
""".replace("outs: [s3", "outs: [bad, s3").replace("deps: [bad]", "deps: [bad]" if "outs" in bad else "deps: [good]")
    )
    dry = run("repro", "--dry-run", cwd=project)
    assert "run good" in dry.out
    assert why in dry.err
    error = run("repro", cwd=project, rc=9).err
    assert "error: dver.yaml:4:" in error
    assert why in error
    assert "fix: " in error
    assert (project / "good").exists()
    assert (project / "after").exists() is ("outs" not in bad)
    assert "stage 'bad'" not in run("repro", "good", cwd=project).err
    assert why in run("status", cwd=project).err
    assert len(run("stage", "list", "--json", cwd=project).json) == 3
    assert run("commit", cwd=project).err.count(why) == 1


def test_a_frozen_stage_that_is_refused_is_left_alone(run: Run, project: Path) -> None:
    (project / "dver.yaml").write_text(
        "stages:\n  get: {cmd: x, deps: ['https://example.org/a'], outs: [a], frozen: true}\n"
        "  use: {cmd: cp a b, deps: [a], outs: [b]}\n"
    )
    (project / "a").write_text("a\n")
    run("repro", cwd=project)
    assert (project / "b").read_text() == "a\n"


def test_a_removed_key_names_what_takes_its_place(run: Run, project: Path) -> None:
    (project / "dver.yaml").write_text("stages:\n  a:\n    cmd: x\n    live: {results: {html: true}}\n")
    error = run("repro", cwd=project, rc=9).err
    assert "dver.yaml:4:5: stage 'a': 'live' is no longer supported" in error
    assert "`metrics: [DIR/metrics.json" in error


def test_keys_of_parameters_may_be_patterns(run: Run, project: Path) -> None:
    (project / "params.yaml").write_text("kwargs: {india_a: 1, india_b: {c: 2}, china: 3}\n")
    (project / "dver.yaml").write_text("stages:\n  a: {cmd: touch out, params: [kwargs.india*], outs: [out]}\n")
    run("repro", cwd=project)
    assert "china" not in (project / "dver.lock").read_text()
    assert run("repro", "--dry-run", cwd=project).out == "everything is up to date\n"
    git("add", "-A", cwd=project)
    git("commit", "-qm", "All", cwd=project)
    (project / "params.yaml").write_text("kwargs: {india_b: {c: 4}, india_d: 5, china: 6}\n")
    told = run("repro", "--dry-run", cwd=project).out
    assert "parameter kwargs.india_a of params.yaml: 1 -> nothing" in told
    assert "parameter kwargs.india_b.c of params.yaml: 2 -> 4" in told
    assert "parameter kwargs.india_d of params.yaml: nothing -> 5" in told
    assert "china" not in told
    assert "china" not in run("params", "diff", "--deps", cwd=project).out
    (project / "params.yaml").write_text("kwargs: {china: 6}\n")
    assert "needs parameter 'kwargs.india*', which is not in 'params.yaml'" in run("repro", cwd=project, rc=9).err
