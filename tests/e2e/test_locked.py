"""What Git and dver do while another dver process holds the lock of the worktree."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lockholder import holder
from support import Run, git, make_git_repo


@pytest.fixture
def repo(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits with other data, and hooks."""
    monkeypatch.setenv("DVER_HOOKS_INSTALL", "true")
    root = make_git_repo(tmp_path / "repo")
    run("init", cwd=root)
    for version in ("1", "2"):
        (root / "data").write_text(version)
        run("add", "data", cwd=root)
        git("commit", "-qm", version, cwd=root)
    return root


def test_a_hook_gives_up_and_names_the_process(repo: Path, run: Run) -> None:
    with holder(repo / ".git/dver/lock") as process:
        process.send_signal(signal.SIGSTOP)
        done = subprocess.run(["git", "checkout", "-q", "HEAD~1"], cwd=repo, capture_output=True, text=True, timeout=60)
        process.send_signal(signal.SIGCONT)
    run("checkout", cwd=repo)
    assert (repo / "data").read_text() == "1"
    assert done.returncode == 0
    assert "data does not follow its pointers" in done.stderr
    assert f"the stopped process {process.pid} (dver add 'my data') holds its lock" in done.stderr


def test_a_commit_that_would_add_data_is_refused(repo: Path, run: Run) -> None:
    run("config", "set", "hooks.pre_commit", "add", cwd=repo)
    (repo / "data").write_text("3")
    with holder(repo / ".git/dver/lock") as process:
        done = subprocess.run(["git", "commit", "-qam", "3"], cwd=repo, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert f"process {process.pid} (dver add 'my data') holds its lock" in done.stderr


def test_a_command_says_for_which_process_it_waits(repo: Path) -> None:
    (repo / "data").write_text("3")
    with holder(repo / ".git/dver/lock") as process:
        command = [sys.executable, "-m", "dver", "add", "data"]
        waiting = subprocess.Popen(command, cwd=repo, stderr=subprocess.PIPE, text=True)
        assert waiting.stderr is not None
        assert waiting.stderr.readline() == f"warning: waiting for process {process.pid} (dver add 'my data')\n"
    waiting.communicate(timeout=60)
    assert waiting.returncode == 0
