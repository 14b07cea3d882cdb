"""Two branches with different data, and Git that merges them. Importable from every test."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from support import Run, git
from workspaces import listing, write

BASE = {"a.csv": b"a\n", "b.csv": b"b\n", "in/c.csv": b"c\n"}


def use_driver(repo: Path) -> None:
    driver = f"'{sys.executable}' -m dver merge-driver %O %A %B %L %P"
    git("config", "merge.dver.driver", driver, cwd=repo)
    (repo / ".git" / "info" / "attributes").write_text("*.dver merge=dver\ndver.lock merge=dver\n")


def commit(run: Run, repo: Path, files: Mapping[str, bytes], message: str) -> None:
    """Make `files` all of the data, and commit that."""
    shutil.rmtree(repo / "data", ignore_errors=True)
    write(repo / "data", files)
    run("add", "--force", "data", cwd=repo)  # whatever was there before, as no hook has brought the data of this branch
    git("add", "-A", cwd=repo)
    git("commit", "-qm", message, cwd=repo)


def diverge(run: Run, repo: Path, ours: Mapping[str, bytes], theirs: Mapping[str, bytes]) -> None:
    """Commit `theirs` on the branch other, and `ours` on main, where we are."""
    git("checkout", "-q", "other", cwd=repo)
    commit(run, repo, theirs, "Theirs")
    git("checkout", "-q", "main", cwd=repo)
    commit(run, repo, ours, "Ours")


def files(repo: Path) -> dict[str, bytes]:
    """The data in the workspace."""
    return {os.fsdecode(path): one[1] for path, one in listing(repo / "data").items() if one[0] != "directory"}


def unmerged(repo: Path) -> str:
    return git("ls-files", "-u", cwd=repo)


def clone_without_data(run: Run, repo: Path) -> Path:
    """A clone that has neither trees nor files, and a remote that has all."""
    run("remote", "add", "-d", "origin", repo.parent / "remote", cwd=repo)
    git("commit", "-qam", "Remote", cwd=repo)
    run("push", "--all-commits", cwd=repo)
    clone = repo.parent / "clone"
    git("clone", "-q", repo, clone, cwd=repo.parent)
    use_driver(clone)
    git("branch", "-q", "other", "origin/other", cwd=clone)
    return clone
