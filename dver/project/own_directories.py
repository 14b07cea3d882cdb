"""The store or a remote in a directory of the worktree: Git has to ignore it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from dver.config import Scope
from dver.git import gitignore, index
from dver.repo import Repository

Change = tuple[str, str | None]
"""A key and its new value as typed; None takes it out."""


def ignore_own_directories(repo: Repository, scope: Scope, changes: Sequence[Change]) -> None:
    """Have Git ignore the directories in the worktree that `changes` of settings name: in the `.gitignore`, staged, for
    the project's settings, and in this clone alone for others."""
    for directory in _named(repo, changes):
        path = os.path.relpath(os.path.normpath(os.fsencode(directory)), repo.layout.top)
        if path.startswith(b"..") or path == b"." or path.split(b"/")[0] == b".git":
            continue
        if index.ignored(repo.git, [path + b"/packs"]):
            continue
        line = b"/" + b"/".join(map(gitignore.escape, path.split(b"/"))) + b"/"
        if scope == "project":
            gitignore.edit(repo.git.worktree / os.fsdecode(gitignore.FILE), add=[line])
            repo.stage([gitignore.FILE])
        else:
            exclude = repo.git.common_dir / "info" / "exclude"
            exclude.parent.mkdir(exist_ok=True)
            gitignore.edit(exclude, add=[line])


def _named(repo: Repository, changes: Sequence[Change]) -> Iterator[Path]:
    from dver.remote.backends.connect import folder_of
    from dver.remote.settings import parse

    for key, value in changes:
        if value is None:
            continue
        if key == "cache.dir" and repo.config.cache_dir is not None:
            yield repo.root / repo.config.cache_dir  # in a linked worktree, too: the line is the same in all
        elif key.startswith("remote.") and key.endswith(".url") and "://" not in value.removeprefix("file://"):
            name = key.removeprefix("remote.").removesuffix(".url")
            yield folder_of(parse(name, {"url": value}), base=repo.config.root)
