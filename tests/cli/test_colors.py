"""Colours: where a person sees them, and nowhere else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from support import Run, git

GREEN, RED, YELLOW = "\x1b[32m", "\x1b[31m", "\x1b[33m"


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    """One file is staged, another one has changed, and a stage was never run."""
    run("init", cwd=git_repo)
    for name in ("staged", "changed"):
        (git_repo / name).write_text(name)
        run("add", name, cwd=git_repo)
    git("commit", "--quiet", "-m", "Begin", cwd=git_repo)
    (git_repo / "staged").write_text("new")
    run("add", "staged", cwd=git_repo)
    (git_repo / "changed").write_text("new")
    run("stage", "add", "-n", "copy", "-o", "out", "cp staged out", cwd=git_repo)
    return git_repo


def on_terminal(*args: str, cwd: Path, **env: str) -> str:
    """What `dver ARGS...` writes to a terminal as its standard output."""
    ours, its = pty.openpty()
    try:
        variables = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        subprocess.run(
            [sys.executable, "-m", "dver", *args],
            cwd=cwd, env={**variables, "TERM": "xterm", **env}, stdin=subprocess.DEVNULL, stdout=its, check=True,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(its)


def test_status_is_coloured_as_in_git(project: Path) -> None:
    shown = on_terminal("status", cwd=project)
    assert f"  {GREEN}modified: staged.dver" in shown
    assert f"  {RED}changed  (1 modified)" in shown
    assert f"{YELLOW}run" in shown


def test_diff_and_dry_runs_are_coloured(project: Path) -> None:
    assert f"{YELLOW}M" in on_terminal("diff", cwd=project)
    assert on_terminal("repro", "--dry-run", cwd=project).startswith(f"{YELLOW}run")


@pytest.mark.parametrize("args", [["status"], ["diff"], ["repro", "--dry-run"]])
def test_there_are_none_in_a_pipe_or_where_nobody_wants_them(args: list[str], run: Run, project: Path) -> None:
    assert "\x1b" not in run(*args, cwd=project, env={"TERM": "xterm", "NO_COLOR": ""}).out
    assert "\x1b" not in on_terminal(*args, cwd=project, NO_COLOR="1")
