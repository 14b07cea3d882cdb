"""What a transfer holds in memory, measured from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from servers import S3Server
from support import Run, make_git_repo

_MEGABYTE = 10**6
_PROMISED = 300

# By way of a small process: a new one begins with the peak of the one that started it, and pytest's is large.
_MEASURE = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "dver", *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


@pytest.mark.long
def test_a_push_of_more_packs_than_are_sent_at_once_takes_less_than_300_mb(
    run: Run, tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.credentials().items():
        monkeypatch.setenv(name, value)
    repo = make_git_repo(tmp_path / "repo")
    run("init", cwd=repo)
    table = s3_server.table()
    run("remote", "add", "-d", "origin", str(table["url"]), cwd=repo)
    run("remote", "set", "origin", "endpoint_url", str(table["endpoint_url"]), cwd=repo)
    with (repo / "large").open("wb") as file:
        for _ in range(35):
            file.write(os.urandom(10 * _MEGABYTE))
    run("add", "large", cwd=repo)
    command = [sys.executable, "-c", _MEASURE, "push"]
    done = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=True)
    assert int(done.stdout) < _PROMISED * _MEGABYTE
