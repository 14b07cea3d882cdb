"""The projects of one Git repository: hooks run at its top, and there may be several, each in a folder of its own."""

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


def projects_of(git: GitRepo) -> list[Path]:
    """The folders of all projects in this worktree, outer ones first: those in Git's index, and one at the top that is
    only on disk. One git process."""
    output = run(git, ["ls-files", "-z", "--", _FILES], literal=False)
    return roots_in(git, output.split(b"\0")[:-1])


def all_projects(git: GitRepo) -> Iterator[Repository]:
    """All projects in this worktree, opened one after the other, for who knows an object but not whose it is."""
    for root in dict.fromkeys((*projects_of(git), git.worktree)):
        with Repository(root, git) as repo:
            yield repo


def project_around(git: GitRepo, path: bytes) -> Repository:
    """The project that `path`, relative to the top of the worktree, is in by what is on disk; else one at the top."""
    folder = git.worktree / os.fsdecode(os.path.dirname(path))
    for root in (folder, *folder.parents):
        if root == git.worktree or (root / PROJECT_DIR).is_dir():
            return Repository(root, git)
    return Repository(git.worktree, git)


def roots_in(git: GitRepo, paths: Iterable[bytes]) -> list[Path]:
    """The folders of the projects to which the files `paths`, relative to the top of the worktree, belong."""
    prefixes = {
        os.path.dirname(folder) for path in paths if os.path.basename(folder := os.path.dirname(path)) == _FOLDER
    }
    if (git.worktree / PROJECT_DIR).is_dir():
        prefixes.add(b"")
    return [git.worktree / os.fsdecode(prefix) for prefix in sorted(prefixes)]


def owner(path: bytes, prefixes: Iterable[bytes]) -> bytes | None:
    """The one of the projects in the folders `prefixes` that `path` belongs to: the innermost around it."""
    return max((prefix for prefix in prefixes if is_at_or_below(path, prefix)), key=len, default=None)


def by_project(git: GitRepo, roots: Iterable[Path], staged: Staged) -> Iterator[tuple[Path, Staged]]:
    """What is `staged` of each of the projects in the folders `roots`."""
    top = os.fsencode(git.worktree)
    places = {os.fsencode(root)[len(top) + 1 :]: root for root in roots}
    owners = {path: owner(path, places) for path in (*staged.files, *staged.deleted)}
    for prefix, root in places.items():
        files = {path: file for path, file in staged.files.items() if owners[path] == prefix}
        yield root, Staged(files, frozenset(path for path in staged.deleted if owners[path] == prefix))
