"""`push` to a server and `pull` through one, killed at a few moments: the same command run again completes."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest
from killing import run_and_kill, timed
from servers import S3Server, WebServer
from support import Run, git, make_git_repo

from dver.remote.backends.connect import connect
from dver.remote.backends.s3 import S3Storage
from dver.remote.settings import parse

pytestmark = pytest.mark.long

KILLS = 6


def build(run: Run, repo: Path) -> None:
    make_git_repo(repo)
    (repo / "data").mkdir()
    for number in range(60):
        (repo / "data" / f"f{number}").write_bytes(os.urandom(3000))
    for number in range(2):  # three parts of an upload
        (repo / "data" / f"large{number}").write_bytes(os.urandom(9_000_000))
    run("init", cwd=repo)
    run("add", "data", cwd=repo)


def moments(duration: float) -> list[float]:
    made = random.Random(7)
    return [made.uniform(0.0, duration) for _ in range(KILLS)]


def test_a_push_to_a_server_that_is_killed_is_completed_by_the_next(
    run: Run, tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.credentials().items():
        monkeypatch.setenv(name, value)
    repo = tmp_path / "repo"
    build(run, repo)
    run("remote", "add", "-d", "origin", f"s3://{s3_server.bucket}/kill-timed", cwd=repo)
    run("remote", "set", "origin", "endpoint_url", s3_server.endpoint_url, cwd=repo)
    duration = timed("push", cwd=repo)
    for number, moment in enumerate(moments(duration)):
        url = f"s3://{s3_server.bucket}/kill-{number}"
        run("remote", "set", "origin", "url", url, cwd=repo)
        run_and_kill(["push"], repo, moment)
        run("push", cwd=repo)
        run("check", "available", "--remote", cwd=repo)
        storage = connect(parse("origin", {**s3_server.table(), "url": url}), base=tmp_path)
        assert isinstance(storage, S3Storage)
        assert storage.unfinished() == []


def test_a_pull_through_a_web_server_that_is_killed_is_completed_by_the_next(
    run: Run, tmp_path: Path, web_server: WebServer
) -> None:
    repo, clone = tmp_path / "repo", tmp_path / "clone"
    build(run, repo)
    run("remote", "add", "-d", "origin", web_server.folder / "kill", cwd=repo)
    run("push", cwd=repo)
    run("remote", "set", "origin", "url", f"{web_server.url}/kill", cwd=repo)
    git("commit", "-qam", "Data", cwd=repo)
    git("clone", "-q", repo, clone, cwd=tmp_path)
    for moment in moments(timed("pull", cwd=clone)):
        shutil.rmtree(clone)
        git("clone", "-q", repo, clone, cwd=tmp_path)
        run_and_kill(["pull"], clone, moment)
        run("pull", cwd=clone)
        assert run("status", "--exit-code", cwd=clone).out == "data is clean\n"
