"""`dver config`: read and change settings."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from dver.config import Config, ConfigPaths, Item, Scope, Value, edit, spec_of
from dver.core.errors import DverError, RepositoryError
from dver.project import settings
from dver.repo import Repository
from dver.store.scratch import is_store

MASK: Final = "********"
"""What is shown in place of a secret."""
_NOWHERE: Final = Path(os.devnull)


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A store that was in use until a setting changed, and how many objects are in it."""

    root: Path
    objects: int


@dataclass(frozen=True, slots=True)
class Changed:
    """A setting that was changed: its value as it is read now (None if it was taken out), and the file."""

    key: str
    value: Value | None
    file: Path
    left: LeftBehind | None = None
    """What the store in use until now has, if this has changed which one that is."""


def get(cwd: Path, key: str, *, scope: Scope | None = None) -> Value | None:
    """The value of `key` that counts in the directory `cwd`, or that the file of `scope` sets; None if none does."""
    spec_of(key)
    found = [item for item in _items(cwd, scope) if item.key == key]
    return found[0].value if found else None


def listed(cwd: Path, *, scope: Scope | None = None) -> list[Item]:
    """All settings with a value, in the file of `scope` or over all; secrets are masked."""
    return [replace(item, value=MASK) if item.secret else item for item in _items(cwd, scope)]


def change(cwd: Path, key: str, value: str | None, *, scope: Scope = "project") -> Changed:
    """Set `key` to `value` as typed, or take it out (None), in the file of `scope`; the project's is staged for Git.

    Raises UsageError for an unknown key, a value that does not fit, and a secret anywhere but in the clone's own file.
    """
    left = None
    if scope == "global":
        paths = _paths(cwd, scope)
        edit(paths, scope, key, value)
    else:
        with Repository.open(cwd) as repo:
            paths = repo.config_paths
            before = _store_in_use(repo) if key == "cache.dir" else None
            settings.apply(repo, scope, [(key, value)])
            left = before if before and before.root != repo.store_root else None
    return Changed(key, None if value is None else get(cwd, key, scope=scope), paths.file(scope), left)


def _store_in_use(repo: Repository) -> LeftBehind | None:
    try:
        return LeftBehind(repo.store_root, repo.store.count()) if is_store(repo.store_root) else None
    except (DverError, OSError):  # a place that cannot be used is what the setting is changed for
        return None


def _items(cwd: Path, scope: Scope | None) -> list[Item]:
    paths = _paths(cwd, scope)
    if scope is None:
        return Config.load(paths).items()
    return [item for item in Config.load(_only(paths, scope), {}).items() if item.origin == scope]


def _paths(cwd: Path, scope: Scope | None) -> ConfigPaths:
    try:
        with Repository.open(cwd) as repo:
            return repo.config_paths
    except RepositoryError:
        if scope != "global":
            raise
        return ConfigPaths.of(cwd, cwd)  # only the user's own file is going to be looked at


def _only(paths: ConfigPaths, scope: Scope) -> ConfigPaths:
    """The same places, with nothing in any but that of `scope`."""
    return ConfigPaths(
        paths.root,
        paths.global_file if scope == "global" else _NOWHERE,
        paths.project_file if scope == "project" else _NOWHERE,
        paths.local_file if scope == "local" else _NOWHERE,
    )
