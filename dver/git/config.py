"""Settings of Git, and the directory of its hooks."""

from __future__ import annotations

import os
from pathlib import Path

from dver.git.git_repo import GitRepo, run


def read_local(git: GitRepo, key: str) -> str | None:
    """The value of `key` in this clone's own configuration."""
    found = run(git, ["config", "--local", "--get", "-z", key], ok=(0, 1))
    return os.fsdecode(found[:-1]) if found else None


def write(git: GitRepo, key: str, value: str) -> None:
    """Set `key` in this clone's own configuration. Raises RepositoryError."""
    run(git, ["config", "--local", "--replace-all", key, value])


def unset(git: GitRepo, key: str) -> None:
    """Remove `key` from this clone's own configuration, if present. Raises RepositoryError."""
    run(git, ["config", "--local", "--unset-all", key], ok=(0, 5))


def hooks_dir(git: GitRepo) -> Path:
    """The directory in which Git looks for hooks: `core.hooksPath`, or the one that all worktrees share."""
    found = run(git, ["rev-parse", "--path-format=absolute", "--git-path", "hooks"])
    return Path(os.fsdecode(found.removesuffix(b"\n")))
