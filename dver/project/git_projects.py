"""Finds the projects of one Git repository. Git hooks run at its top, and it may have several projects in
subdirectories."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from dver.git.git_repo import GitRepo, run
from dver.git.staged import Staged
from dver.repo import PROJECT_DIR, Repository
from dver.tracking.targets import is_at_or_below

_FOLDER: Final = os.fsencode(PROJECT_DIR)
_FILES: Final = b":(glob)**/" + _FOLDER + b"/*"


def project_roots(git: GitRepo) -> list[Path]:
    """The directories of all projects in this worktree, outer ones first: those in Git's index, and one at the top that
    is only on disk. Starts one Git process."""
    output = run(git, ["ls-files", "-z", "--", _FILES], literal=False)
    folders = {os.path.dirname(path) for path in output.split(b"\0")[:-1]}
    prefixes = {os.path.dirname(folder) for folder in folders if os.path.basename(folder) == _FOLDER}
    if (git.worktree / PROJECT_DIR).is_dir():
        prefixes.add(b"")
    return [git.worktree / os.fsdecode(prefix) for prefix in sorted(prefixes)]


def open_projects(git: GitRepo) -> Iterator[Repository]:
    """Open all projects in this worktree, one after the other, to find the one that has an object."""
    for root in dict.fromkeys((*project_roots(git), git.worktree)):
        with Repository(root, git) as repo:
            yield repo


def project_containing(git: GitRepo, path: bytes) -> Repository:
    """The project on disk that contains `path`, relative to the top of the worktree; otherwise one at the top."""
    folder = git.worktree / os.fsdecode(os.path.dirname(path))
    for root in (folder, *folder.parents):
        if root == git.worktree or (root / PROJECT_DIR).is_dir():
            return Repository(root, git)
    return Repository(git.worktree, git)


def owning_project(path: bytes, prefixes: Iterable[bytes]) -> bytes | None:
    """The innermost of the project directories `prefixes` that contains `path`, if any."""
    return max((prefix for prefix in prefixes if is_at_or_below(path, prefix)), key=len, default=None)


def staged_by_project(git: GitRepo, roots: Iterable[Path], staged: Staged) -> Iterator[tuple[Path, Staged]]:
    """Split `staged` by the projects in the directories `roots`."""
    top = os.fsencode(git.worktree)
    places = {os.fsencode(root)[len(top) + 1 :]: root for root in roots}
    owners = {path: owning_project(path, places) for path in (*staged.files, *staged.deleted)}
    for prefix, root in places.items():
        files = {path: file for path, file in staged.files.items() if owners[path] == prefix}
        yield root, Staged(files, frozenset(path for path in staged.deleted if owners[path] == prefix))
