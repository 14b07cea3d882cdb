"""The error for a directory outside of any project."""

from __future__ import annotations

import os
from pathlib import Path

from dver.core.errors import RepositoryError
from dver.core.phrasing import quoted
from dver.git.git_repo import GitRepo
from dver.git.index import tracked_under


def no_project(cwd: Path, git: GitRepo, folder_name: str) -> RepositoryError:
    """The error if neither `cwd` nor a parent in the worktree of `git` has a directory `folder_name`.

    It says so if a sparse checkout leaves that directory out.
    """
    sparse = (git.git_dir / "info" / "sparse-checkout").exists()
    if sparse and (folder := _left_out(git, Path(os.path.realpath(cwd)), folder_name)):
        return RepositoryError(
            f"the project's directory {os.fspath(folder)!r} is not checked out",
            why="the sparse checkout leaves it out, and the settings are in it",
            fix=f"git sparse-checkout add {quoted(os.path.relpath(folder, cwd))}",
        )
    return RepositoryError(
        "not in a dver project",
        why=f"there is no {folder_name}/ in {os.fspath(cwd)!r} or its parents up to {os.fspath(git.worktree)!r}",
        fix="`dver init` creates a project",
    )


def _left_out(git: GitRepo, cwd: Path, folder_name: str) -> Path | None:
    """The nearest project directory at or above `cwd` that Git tracks."""
    above = [folder / folder_name for folder in (cwd, *cwd.parents) if folder.is_relative_to(git.worktree)]
    return next((one for one in above if tracked_under(git, os.fsencode(one.relative_to(git.worktree)))), None)
