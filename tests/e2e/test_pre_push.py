"""The script hooks/pre-push, run by a real `git push`."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from support import Run, git, make_git_repo

HOOK = Path(__file__).parents[2] / "hooks" / "pre-push"


@pytest.fixture
def repo(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "dver").write_text(f'#!/bin/sh\nexec {sys.executable} -m dver "$@"\n')
    (programs / "dver").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    repo = make_git_repo(tmp_path / "repo")
    run("init", cwd=repo)
    (repo / "data").write_text("data\n")
    run("add", "data", cwd=repo)
    run("remote", "add", "-d", "origin", "../remote", cwd=repo)
    git("commit", "-qm", "Data", cwd=repo)
    git("init", "-q", "--bare", tmp_path / "git", cwd=tmp_path)
    git("remote", "add", "origin", tmp_path / "git", cwd=repo)
    shutil.copy(HOOK, repo / ".git" / "hooks" / "pre-push")
    return repo


def _branches(repo: Path) -> str:
    return git("ls-remote", "--heads", "origin", cwd=repo)


def test_a_push_whose_data_is_missing_on_the_remote_is_stopped(repo: Path) -> None:
    git("push", "-q", "origin", "main", cwd=repo, rc=1)
    assert not _branches(repo)


def test_a_push_goes_through_once_the_data_is_there_and_so_does_a_deletion(run: Run, repo: Path) -> None:
    run("push", cwd=repo)
    git("push", "-q", "origin", "main", "main:other", cwd=repo)
    assert "refs/heads/main" in _branches(repo)
    git("push", "-q", "origin", ":other", cwd=repo)
    assert "other" not in _branches(repo)
