"""Experiments that are killed or interrupted at any moment: none is lost, hidden or left running."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from killing import Killer, timed
from support import Run, git

TIMES = 6
RUN = ["exp", "run", "--force"]


@pytest.fixture
def project(run: Run, git_repo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(git_repo)
    run("init")
    (git_repo / "data").write_text("data")
    run("add", "data")
    (git_repo / "dver.yaml").write_text(
        """stages:
  s:
    cmd:
    - cat data > out
    - |
      echo '{"acc": 1}' > m.json
    deps: [data]
    outs: [out]
    metrics: [{m.json: {cache: false}}]
"""
    )
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "pipeline", cwd=git_repo)
    return git_repo


def listed(run: Run) -> list[dict[str, Any]]:
    found = json.loads(run("exp", "list", "--json").out)
    assert isinstance(found, list)
    return found


def is_whole(project: Path, one: dict[str, Any]) -> bool:
    git("cat-file", "-e", f"{one['commit']}^{{tree}}", cwd=project)
    git("merge-base", "--is-ancestor", one["baseline"], one["commit"], cwd=project)
    return one["status"] in ("done", "stopped")


def test_killed_runs_are_kept_and_hide_nothing(project: Path, run: Run) -> None:
    killer = Killer(timed(*RUN, cwd=project))
    known = {one["id"] for one in listed(run)}
    for _ in range(TIMES):
        killer.kill(RUN, project)
        found = listed(run)
        assert all(is_whole(project, one) for one in found)
        ids = {one["id"] for one in found}
        assert known <= ids
        assert len(ids) <= len(known) + 1
        known = ids
    assert killer.killed
    git("reflog", "expire", "--expire=now", "--all", cwd=project)
    git("gc", "--quiet", "--prune=now", cwd=project)
    run("exp", "run", "--force", "-n", "last")
    found = listed(run)
    assert found[-1]["status"] == "done"
    assert all(is_whole(project, one) for one in found)
    assert {one["status"] for one in found if one["id"] in known} <= {"done", "stopped"}


def test_interrupted_runs_end_with_the_exit_code_of_ctrl_c_and_are_recorded(project: Path, run: Run) -> None:
    longest, chance = timed(*RUN, cwd=project) * 1.1, random.Random(3)
    for _ in range(TIMES):
        before = len(listed(run))
        process = subprocess.Popen(
            [sys.executable, "-m", "dver", *RUN], cwd=project, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.1, longest))
        os.kill(process.pid, signal.SIGINT)
        process.communicate()
        found = listed(run)
        assert all(is_whole(project, one) for one in found)
        if process.returncode == 0:
            assert len(found) == before + 1
    run("exp", "run", "--force")
