"""`dver exp import-mlflow`: the runs of a file store that MLflow wrote."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support import Run, git

import dver

STORE = Path(__file__).parents[1] / "fixtures" / "mlflow" / "mlruns"


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    git("commit", "-qm", "Project", cwd=git_repo)
    shutil.copytree(STORE, git_repo / "mlruns")
    (git_repo / ".git/info/exclude").write_text("mlruns\n")
    return git_repo


def test_runs_are_listed_and_imported_once(run: Run, project: Path) -> None:
    done = run("exp", "import-mlflow", "mlruns", cwd=project)
    assert done.out == "imported 4 runs of MLflow\n"
    assert "skipped: 1 unfinished, 1 deleted" in done.err
    assert "first try" in run("exp", "list", cwd=project).out
    found = run("exp", "import-mlflow", "mlruns", "--json", cwd=project).json
    assert (found["imported"], found["known"]) == ([], 4)
    shown = run("exp", "show", "--json", cwd=project).json
    assert {one["name"] for one in shown} >= {"first try", "killed", "failed"}
    assert "0.7" in run("exp", "show", cwd=project).out


def test_damaged_runs_are_warned_about_and_the_exit_code_says_so(run: Run, project: Path) -> None:
    (path,) = (path for path in project.glob("mlruns/*/*/meta.yaml") if "name: killed" in path.read_text())
    path.write_text("{")
    done = run("exp", "import-mlflow", "mlruns", cwd=project, rc=6)
    assert done.out == "imported 3 runs of MLflow\n"
    assert f"skipped run {path.parent.name}" in done.err
    with pytest.raises(dver.CorruptError, match="is not YAML"):
        dver.Project.open(project).exp.import_mlflow("mlruns")
    found = dver.Project.open(project).exp.import_mlflow("mlruns", check=False)
    assert (found.known, len(found.damaged)) == (3, 1)


def test_the_command_in_the_error_works(run: Run, project: Path) -> None:
    error = run("exp", "import-mlflow", ".", cwd=project, rc=2).err
    command = error.split("fix: dver ")[1].split()
    assert run(*command, cwd=project).out == "imported 4 runs of MLflow\n"
