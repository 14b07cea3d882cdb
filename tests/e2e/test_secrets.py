"""Environment variables that stages depend on: no value of one is recorded, in a lock, the run cache or a remote."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Run, git

SECRET = "swordfish-1234"
STAGE = "stages:\n  fetch: {cmd: 'test -n \"$API_KEY\"; echo data > out', env: [API_KEY], outs: [out]}\n"


@pytest.fixture
def project(run: Run, git_repo: Path, tmp_path: Path) -> Path:
    run("init", cwd=git_repo)
    run("remote", "add", "origin", tmp_path / "remote", cwd=git_repo)
    (git_repo / "dver.yaml").write_text(STAGE)
    return git_repo


def files_with(text: str, *folders: Path) -> list[Path]:
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return [file for file in files if text.encode() in file.read_bytes()]


def test_the_value_of_a_secret_is_in_no_file(run: Run, project: Path, tmp_path: Path) -> None:
    run("repro", cwd=project, env={"API_KEY": SECRET})
    run("lineage", "out", cwd=project)
    run("status", cwd=project)
    git("add", "-A", cwd=project)
    git("commit", "-qm", "Fetch", cwd=project)
    run("push", "--run-cache", cwd=project)
    clone = tmp_path / "clone"
    git("clone", "-q", project, clone, cwd=tmp_path)
    git("rm", "-q", "dver.lock", cwd=clone)
    # The runs of the remote are compressed there, and as they are in the store of the clone.
    assert "restored" in run("repro", "--pull", cwd=clone, env={"API_KEY": SECRET}).err
    assert list((clone / ".git/dver/store/runs").rglob("*.json"))
    assert files_with("API_KEY", project, clone)
    assert not files_with(SECRET, tmp_path)
    assert SECRET not in run("lineage", "out", "--json", cwd=clone).out


def test_another_value_makes_the_stage_out_of_date_and_is_not_shown(run: Run, project: Path) -> None:
    run("repro", cwd=project, env={"API_KEY": SECRET})
    assert run("repro", "--dry-run", cwd=project, env={"API_KEY": SECRET}).out == "everything is up to date\n"
    told = run("repro", "--dry-run", cwd=project, env={"API_KEY": "another"})
    assert "  environment variable API_KEY changed\n" in told.out
    shown = run("repro", "--dry-run", "--json", cwd=project, env={"API_KEY": "another"})
    assert "another" not in told.out + shown.out + shown.err


def test_a_name_that_looks_like_a_secret_is_a_warning(run: Run, project: Path) -> None:
    for args in (["repro", "--dry-run"], ["repro"], ["commit", "-f"]):
        (project / "dver.lock").unlink(missing_ok=True)
        told = run(*args, cwd=project, env={"API_KEY": SECRET}).err
        assert "warning: API_KEY in the `env` of fetch looks like a secret: dver.lock gets a digest" in told


def test_a_secret_that_is_written_into_dver_yaml_is_a_warning(run: Run, project: Path) -> None:
    added = run("stage", "add", "send", "--env", f"DB_PASSWORD={SECRET}", "--env", "SEED=1", "true", cwd=project)
    assert "warning: DB_PASSWORD in the `env` of send looks like a secret: dver.yaml has its value" in added.err
    assert "SEED" not in added.err
    run("repro", "send", cwd=project)
    assert SECRET not in (project / "dver.lock").read_text()
