"""`dver config`: read and change settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

from dver.config import Config, ConfigPaths, Item, Scope, Value, edit, is_address, spec_of
from dver.core.errors import DverError, RepositoryError, UsageError
from dver.project import settings, trusted_settings
from dver.repo import Repository
from dver.store.objects.file_creation import is_store

MASK: Final = "********"
"""What is shown in place of a secret."""


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
    is_staged: bool = False
    """Was the file staged for Git?"""


@dataclass(frozen=True, slots=True)
class Trusted:
    """Settings of the project's file that were accepted, or are not any more. `left` is as of `Changed`."""

    settings: tuple[Item, ...]
    left: LeftBehind | None = None


def get(cwd: Path, key: str, *, scope: Scope | None = None) -> Value | None:
    """The value of `key` that counts in the directory `cwd`, or that the file of `scope` sets; None if none does."""
    spec_of(key)
    found = [item for item in _items(cwd, scope) if item.key == key and (scope or _counts(item))]
    return found[0].value if found else None


def listed(cwd: Path, *, scope: Scope | None = None) -> list[Item]:
    """All settings with a value, in the file of `scope` or over all; secrets are masked.

    Those of the project's file that do not count for want of trust are among them.
    """
    return [replace(item, value=MASK) if item.secret else item for item in _items(cwd, scope)]


def change(cwd: Path, key: str, value: str | None, *, scope: Scope = "project") -> Changed:
    """Set `key` to `value` as typed, or take it out (None), in the file of `scope`; the project's is staged for Git.

    Raises UsageError for an unknown key, a value that does not fit, and a secret anywhere but in the clone's own file.
    """
    left, is_staged = None, False
    if scope == "global":
        paths = _paths(cwd, scope) or _user_paths(cwd)
        edit(paths, scope, key, value)
    else:
        with Repository.open(cwd) as repo:
            paths = repo.config_paths
            before = _store_in_use(repo) if key == "cache.dir" else None
            settings.apply(repo, scope, [(key, value)])
            left = before if before and before.root != repo.store_dir else None
            is_staged = bool(repo.staged)
    now = None if value is None else get(cwd, key, scope=scope)
    return Changed(key, now, paths.file(scope), left, is_staged)


def trust(cwd: Path, keys: Sequence[str] = (), *, revoke: bool = False, dry_run: bool = False) -> Trusted:
    """Accept the values that the project's file has now for `keys`, by default for all that need it.

    They are accepted in this clone, until `revoke` takes that back. Raises UsageError for a key that needs no trust.
    """
    with Repository.open(cwd) as repo:
        before = _store_in_use(repo)
        waiting = repo.config.untrusted
        found = [item for item in trusted_settings.of_project(repo) if not keys or item.key in keys]
        for key in keys:
            spec_of(key)
            if all(item.key != key for item in found):
                raise _needs_none(key)
        chosen = found if revoke else [item for item in found if item in waiting]
        if not dry_run:
            trusted_settings.revoke(repo, [item.key for item in chosen]) if revoke else trusted_settings.accept(
                repo, chosen
            )
        left = before if before and before.root != repo.store_dir else None
        return Trusted(tuple(chosen), left)


def _needs_none(key: str) -> UsageError:
    return UsageError(
        f"{key} of the project's file needs no trust",
        why="it is not set there, or it does not reach out of the repository",
        fix="dver config list --project",
    )


def _counts(item: Item) -> bool:
    return item.trusted or is_address(item.key)


def _store_in_use(repo: Repository) -> LeftBehind | None:
    try:
        return LeftBehind(repo.store_dir, repo.store.count()) if is_store(repo.store_dir) else None
    except (DverError, OSError):  # a place that cannot be used is what the setting is changed for
        return None


def _items(cwd: Path, scope: Scope | None) -> list[Item]:
    paths = _paths(cwd, scope)
    if scope is None:
        config = Config.load(paths) if paths else Config.load(_user_paths(cwd), scopes=("global",))
        return _sorted(config.items(), config.ignored)
    found = Config.load(paths or _user_paths(cwd), {}, scopes=(scope,))
    return _sorted((item for item in found.items() if item.origin == scope), found.ignored)


def _sorted(*items: Iterable[Item]) -> list[Item]:
    return sorted(chain(*items), key=lambda item: item.key)


def _paths(cwd: Path, scope: Scope | None) -> ConfigPaths | None:
    """The files of the project that `cwd` is in. None outside of one, where `scope` does not ask for its files."""
    try:
        with Repository.open(cwd) as repo:
            return repo.config_paths
    except RepositoryError:
        if scope in ("project", "local"):
            raise
        return None


def _user_paths(cwd: Path) -> ConfigPaths:
    """The user's own file; the others are none that may be read."""
    return ConfigPaths.of(cwd, cwd)
