"""Clones that change the registry at once: all succeed, with numbers of their own, and gto reads the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from gto.api import show as gto_show
from registering import ModelClone, make_model_project, model_clone
from support import git

from dver.formats.registry_tag import RegistryTag


def start(clone: ModelClone, *args: str) -> subprocess.Popen[str]:
    """Start `dver model ARGS...`."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "dver", "model", *args]
    return subprocess.Popen(command, cwd=clone.root, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(processes: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """The exit code and the errors of each process."""
    found = [(process.communicate(timeout=200)[1], process.returncode) for process in processes]
    return [(code, said) for said, code in found]


VERSIONS = [f"v1.{number}.0" for number in range(5)]


@pytest.fixture
def clones(tmp_path: Path) -> list[ModelClone]:
    """Five clones of a project whose model has five versions, each on a commit of its own."""
    first = make_model_project(tmp_path, "--no-hooks")
    for version in VERSIONS:
        first.git("commit", "--quiet", "--allow-empty", "-m", version)
        first.model("register", "churn", version)
    first.git("push", "--quiet", "--tags", "origin", "HEAD")
    return [first, *(model_clone(tmp_path, name) for name in ("alice", "bob", "carol", "dave"))]


@pytest.mark.long
def test_all_who_assign_at_once_succeed_with_numbers_of_their_own(clones: list[ModelClone]) -> None:
    for chosen in (VERSIONS, VERSIONS[::-1]):
        processes = [
            start(clone, "assign", "churn", "prod", version, "--push")
            for clone, version in zip(clones, chosen, strict=True)
        ]
        assert [code for code, _ in ended(processes)] == [0] * len(clones)
    _check_numbers(clones, at_least=9)
    _check_all_agree(clones)


def _check_numbers(clones: Sequence[ModelClone], *, at_least: int) -> None:
    """The assignments on the remote count from 1. A version that is in the stage already needs no tag."""
    tags = git("tag", "--list", "churn#prod#*", cwd=clones[0].root.parent / "origin.git").split()
    found = sorted(tag.number or 0 for one in tags if (tag := RegistryTag.parse(one)) is not None)
    assert found == list(range(1, len(found) + 1))
    assert len(found) >= at_least


@pytest.mark.long
def test_versions_that_are_registered_at_once_follow_each_other(clones: list[ModelClone]) -> None:
    processes = []
    for number, clone in enumerate(clones):
        clone.git("checkout", "--quiet", "-b", f"branch{number}")
        clone.dver("pull")
        clone.commit("x" * (10 + number))
        processes.append(start(clone, "register", "churn", "--push"))
    assert [code for code, _ in ended(processes)] == [0] * len(clones)
    origin = clones[0].root.parent / "origin.git"
    found = git("tag", "--list", "churn@*", cwd=origin).split()
    new = [f"churn@v1.4.{number}" for number in range(1, 6)]
    assert sorted(found) == sorted([*(f"churn@{one}" for one in VERSIONS), *new])
    fresh = model_clone(origin.parent, "fresh")
    sizes = set()
    for tag in new:  # the data of each version is on the remote
        fresh.dver("fetch", "--rev", tag, "model.pkl")
        sizes.add(len(fresh.dver("cat", "--rev", tag, "model.pkl").out))
    assert sizes == {10, 11, 12, 13, 14}
    _check_all_agree(clones)


@pytest.mark.long
def test_two_ci_jobs_of_one_commit_register_what_changed_once(clones: list[ModelClone]) -> None:
    clones[0].commit("merged")
    clones[0].dver("push")
    clones[0].git("push", "--quiet")
    for clone in clones:
        clone.git("pull", "--quiet")
    processes = [start(clone, "register", "--changed", "--push") for clone in clones]
    assert [code for code, _ in ended(processes)] == [0] * len(clones)
    origin = clones[0].root.parent / "origin.git"
    new = set(git("tag", "--list", cwd=origin).split()) - {f"churn@{one}" for one in VERSIONS}
    assert new == {"churn@v1.4.1", "rows@v0.0.1"}


@pytest.mark.long
def test_processes_of_one_clone_that_assign_at_once_all_succeed(clones: list[ModelClone]) -> None:
    clone = clones[0]
    for words in (["--push"], []):
        processes = [start(clone, "assign", "churn", "prod", version, *words) for version in VERSIONS]
        results = ended(processes)
        assert [code for code, _ in results] == [0] * len(VERSIONS), results
    numbers = sorted(tag.number or 0 for one in clone.tags() if (tag := RegistryTag.parse(one)) and tag.stage)
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 9


@pytest.mark.long
def test_a_killed_push_leaves_nothing_in_the_way_and_can_be_repeated(clones: list[ModelClone]) -> None:
    alice, bob = clones[1], clones[2]
    for number in range(12):
        stage = f"stage{number}"
        process = start(alice, "assign", "churn", stage, "--push")
        time.sleep(0.25 + 0.05 * number)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        bob.model("assign", "churn", f"other{number}", "--push")
        alice.model("assign", "churn", stage, "--push")
    stages = alice.dver("model", "list", "--json").json[0]["stages"]
    assert {f"stage{number}" for number in range(12)} <= set(stages)
    _check_all_agree(clones)


def _check_all_agree(clones: Sequence[ModelClone]) -> None:
    """After a fetch, all clones have the same state, gto has it, too, and times are in the order of numbers."""
    states = []
    for clone in clones:
        clone.git("fetch", "--quiet", "--tags")
        states.append(json.loads(clone.dver("model", "list", "--json").out))
    assert all(one == states[0] for one in states)
    found = gto_show(str(clones[0].root))["churn"]
    assert found["version"] == states[0][0]["latest"]
    assert {stage: one for stage, one in found["stage"].items() if one} == states[0][0]["stages"]
    dates = clones[0].dates()
    numbered = sorted(
        (tag.number or 0, time) for name, time in dates.items() if (tag := RegistryTag.parse(name)) and tag.number
    )
    assert [time for _, time in numbered] == sorted(time for _, time in numbered)
