"""New branches, and the default branch."""

from __future__ import annotations

import re

from dver.git.git_repo import GitRepo, run


def is_branch_name(git: GitRepo, name: str) -> bool:
    """Whether a branch may be called `name`."""
    if not name or "\0" in name or name.startswith("-") or name == "HEAD":
        return False
    return bool(run(git, ["check-ref-format", "--branch", name], ok=(0, 1, 128)))


def branch_commit(git: GitRepo, name: str) -> str | None:
    """The commit of the branch `name`; None if it does not exist."""
    found = run(git, ["rev-parse", "--verify", "--quiet", f"refs/heads/{name}"], ok=(0, 1, 128))
    return found.decode().strip() or None


def similar_branch_name(git: GitRepo, text: str) -> str:
    """A name for a new branch that is similar to `text`."""
    words = re.sub(r"[^\w.+=@-]+|\.\.+|@\{", "-", text).strip(".-@").removesuffix(".lock")
    name = words if is_branch_name(git, words) else "experiment"
    number, free = 1, name
    while branch_commit(git, free) is not None:
        number += 1
        free = f"{name}-{number}"
    return free


def create_branch(git: GitRepo, name: str, commit: str) -> None:
    """Create the branch `name` at `commit`. Raises RepositoryError if it exists, or a name such as `a` for `a/b`."""
    run(git, ["branch", "--no-track", name, commit])


def default_branch(git: GitRepo, remote: str = "origin") -> str | None:
    """The default branch of a Git remote, if the clone knows it; otherwise main, master, or the current branch."""
    prefix = f"refs/remotes/{remote}/"
    head = run(git, ["symbolic-ref", "--quiet", f"{prefix}HEAD"], ok=(0, 1, 128)).decode().strip()
    if head.startswith(prefix):
        return head.removeprefix(prefix)
    for name in ("main", "master"):
        if branch_commit(git, name) is not None:
            return name
    return run(git, ["symbolic-ref", "--quiet", "--short", "HEAD"], ok=(0, 1)).decode().strip() or None
