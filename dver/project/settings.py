"""Changing settings, with the project's file staged for Git: what `dver config` and `dver remote` share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from dver.config import Scope, edit
from dver.core.files import read_regular
from dver.git import index
from dver.project.own_directories import Change, ignore_own_directories
from dver.project.trusted_settings import accept
from dver.repo import PROJECT_DIR, Repository

T = TypeVar("T")


def apply(repo: Repository, scope: Scope, changes: Sequence[Change]) -> None:
    """Make `changes` in the file of `scope`, and trust what was typed. Raises UsageError as `dver.config.edit` does."""

    def change() -> None:
        for key, value in changes:
            edit(repo.config_paths, scope, key, value)

    staged(repo, change)
    ignore_own_directories(repo, scope, changes)
    typed = {key for key, value in changes if value is not None}
    accept(repo, [item for item in repo.config.untrusted if item.key in typed])


def staged(repo: Repository, change: Callable[[], T]) -> T:
    """Run `change`, then stage the project's configuration if Git tracks it."""
    path = os.path.join(repo.layout.prefix, os.fsencode(PROJECT_DIR), b"config.toml")
    before = _content(repo, path)
    done = False
    try:
        result = change()
        done = True
        return result
    finally:
        repo.forget_config()
        after = _content(repo, path)
        # A file that is new is staged as `dver init` would have done it; one that Git does not track is left to it.
        wanted = index.tracked_under(repo.git, path) if before is not None else not index.ignored(repo.git, [path])
        if after is not None and wanted and after != before:
            repo.stage([path])
        elif after is not None and wanted and done:  # a change that was killed may have left it unstaged
            index.stage(repo.git, [path])


def _content(repo: Repository, path: bytes) -> bytes | None:
    try:
        return read_regular(repo.layout.absolute(path))
    except FileNotFoundError:
        return None
