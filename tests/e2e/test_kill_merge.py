"""The merge driver, `dver resolve` and the following hook, killed at random: no wrong merge, and nothing lost."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest
from killing import Killer, timed
from merging import BASE, commit, diverge, files, unmerged, use_driver
from support import Run, git, make_git_repo

KILLS = int(os.environ.get("DVER_MERGE_KILLS", "3"))
"""How often each is killed; a thorough run takes more."""
MANY = {f"many/{number}": b"%d\n" % number for number in range(200)}


@pytest.fixture
def repo(run: Run, tmp_path: Path) -> Path:
    repo = make_git_repo(tmp_path / "repo")
    run("init", "--no-hooks", cwd=repo)
    use_driver(repo)
    commit(run, repo, {**BASE, **MANY}, "Base")
    git("branch", "-q", "other", cwd=repo)
    return repo


def test_a_killed_merge_driver_never_makes_a_wrong_merge(run: Run, repo: Path) -> None:
    diverge(run, repo, {**BASE, **MANY, "mine": b"m\n"}, {**BASE, "yours": b"y\n"})
    ours = (repo / "data.dver").read_bytes()
    chance = random.Random(5)
    for _ in range(KILLS):
        driver = f"timeout -s KILL {chance.uniform(0.02, 0.6):.3f} '{sys.executable}' -m dver merge-driver"
        git("config", "merge.dver.driver", f"{driver} %O %A %B %L %P", cwd=repo)
        git("merge", "-q", "--no-edit", "other", cwd=repo, rc=None)
        merged = len(git("rev-list", "--merges", "HEAD", cwd=repo).split())
        assert merged or unmerged(repo) or (repo / "data.dver").read_bytes() == ours
        git("merge", "--abort", cwd=repo, rc=None)
        git("reset", "-q", "--hard", "main~1" if merged else "main", cwd=repo)
        assert (repo / "data.dver").read_bytes() == ours
        use_driver(repo)
        git("merge", "-q", "--no-edit", "other", cwd=repo)
        run("checkout", cwd=repo)
        assert files(repo) == {**BASE, "mine": b"m\n", "yours": b"y\n"}
        assert git("status", "--porcelain", cwd=repo) == ""
        git("reset", "-q", "--hard", "main~1", cwd=repo)
        run("checkout", cwd=repo)


def test_a_killed_resolve_is_run_again_to_the_same_end(run: Run, repo: Path) -> None:
    diverge(run, repo, {**BASE, "a.csv": b"ours\n"}, {**BASE, **MANY, "a.csv": b"theirs\n"})
    git("merge", "-q", "other", cwd=repo, rc=1)
    killer = Killer(timed("resolve", cwd=repo) + 0.2)
    for _ in range(KILLS):
        (repo / "data" / "unsaved").write_bytes(b"work\n")
        killer.kill(["resolve", "data", "--theirs"], repo)
        run("resolve", *(["data", "--theirs"] if unmerged(repo) else []), cwd=repo)
        assert unmerged(repo) == ""
        assert files(repo) == {**BASE, "a.csv": b"theirs\n", "unsaved": b"work\n"}
        (repo / "data" / "unsaved").unlink()
        git("commit", "-qm", "Merged", cwd=repo)
        run("status", "--exit-code", cwd=repo)
        git("reset", "-q", "--hard", "main~1", cwd=repo)
        run("checkout", cwd=repo)
        git("merge", "-q", "other", cwd=repo, rc=1)


def test_a_killed_hook_leaves_what_the_next_one_completes(run: Run, repo: Path) -> None:
    first, second = {**BASE, **MANY}, {"a.csv": b"new\n", **dict.fromkeys(MANY, b"changed\n")}
    commit(run, repo, second, "Second")
    (repo / "data" / "unsaved").write_bytes(b"work\n")
    killer = Killer(timed("status", cwd=repo) + 0.3)
    for number in range(KILLS):
        git("checkout", "-q", "other", cwd=repo)
        killer.kill(["hook", "post-checkout", "0", "0", "1"], repo)
        wanted = first
        if number % 2:
            git("checkout", "-q", "main", cwd=repo)
            wanted = second
        run("hook", "post-checkout", "0", "0", "1", cwd=repo)
        assert files(repo) == {**wanted, "unsaved": b"work\n"}
        git("checkout", "-q", "main", cwd=repo)
        run("checkout", cwd=repo, rc=None)
        assert files(repo) == {**second, "unsaved": b"work\n"}
