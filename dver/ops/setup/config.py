"""`dver config`: read and change settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

from dver.config import Config, ConfigPaths, Scope, Setting, Value, edit, is_address, spec_of
from dver.core.display import Displayed
from dver.core.errors import DverError, RepositoryError, UsageError
from dver.project.settings import change_settings, revoke_trust, settings_needing_trust, trust_settings
from dver.repo import Repository
from dver.store.objects.file_creation import is_store

MASK: Final = "********"
"""The text that replaces a secret."""


@dataclass(frozen=True, slots=True)
class PreviousStore:
    """A store that was in use before a setting changed, and its number of objects."""

    root: Path
    objects: int


@dataclass(frozen=True, slots=True, repr=False)
class SettingChanged(Displayed):
    """A changed setting: its new value (None if it was removed), and the file."""

    key: str
    value: Value | None
    file: Path
    left: PreviousStore | None = None
    """The previous store, if the change selects another one."""
    is_staged: bool = False
    """Whether the file was staged for Git."""


@dataclass(frozen=True, slots=True, repr=False)
class TrustResult(Displayed):
    """Settings of the project's config that were trusted or revoked. `left` is as in `SettingChanged`."""

    settings: tuple[Setting, ...]
    left: PreviousStore | None = None


def get_setting(cwd: Path, key: str, *, scope: Scope | None = None) -> Value | None:
    """The effective value of `key` in `cwd`, or its value in the file of `scope`; None if it has no value."""
    spec_of(key)
    found = [item for item in _items(cwd, scope) if item.key == key and (scope or item.trusted or is_address(key))]
    return found[0].value if found else None


def list_settings(cwd: Path, *, scope: Scope | None = None) -> list[Setting]:
    """All settings with a value, effective or in the file of `scope`. Secrets are masked.

    Includes settings of the project's config that are ignored because they are not trusted.
    """
    return [replace(item, value=MASK) if item.secret else item for item in _items(cwd, scope)]


def set_setting(cwd: Path, key: str, value: str | None, *, scope: Scope = "project") -> SettingChanged:
    """Set `key` to `value` as typed, or remove it (None), in the file of `scope`. Stages the project's config for Git.

    Raises UsageError for an unknown key, an invalid value, and a secret outside the clone's config.
    """
    left, is_staged = None, False
    if scope == "global":
        paths = _paths(cwd, scope) or _user_paths(cwd)
        edit(paths, scope, key, value)
    else:
        with Repository.open(cwd) as repo:
            paths = repo.config_paths
            before = _store_in_use(repo) if key == "cache.dir" else None
            change_settings(repo, scope, [(key, value)])
            left = before if before and before.root != repo.store_dir else None
            is_staged = bool(repo.staged)
    now = None if value is None else get_setting(cwd, key, scope=scope)
    return SettingChanged(key, now, paths.file(scope), left, is_staged)


def trust_project(cwd: Path, keys: Sequence[str] = (), *, revoke: bool = False, dry_run: bool = False) -> TrustResult:
    """Trust the current values of `keys` in the project's config, by default of all that need trust.

    Trust is per clone and lasts until `revoke`. Raises UsageError for a key that needs no trust.
    """
    with Repository.open(cwd) as repo:
        before = _store_in_use(repo)
        waiting = repo.config.untrusted
        found = [item for item in settings_needing_trust(repo) if not keys or item.key in keys]
        for key in keys:
            spec_of(key)
            if all(item.key != key for item in found):
                raise UsageError(
                    f"{key} of the project's config needs no trust",
                    why="it is not set there, or it does not reach outside the repository",
                    fix="dver config list --project",
                )
        chosen = found if revoke else [item for item in found if item in waiting]
        if not dry_run:
            revoke_trust(repo, [item.key for item in chosen]) if revoke else trust_settings(repo, chosen)
        left = before if before and before.root != repo.store_dir else None
        return TrustResult(tuple(chosen), left)


def _store_in_use(repo: Repository) -> PreviousStore | None:
    try:
        return PreviousStore(repo.store_dir, repo.store.count()) if is_store(repo.store_dir) else None
    except (DverError, OSError):  # an unusable store may be the reason for the change
        return None


def _items(cwd: Path, scope: Scope | None) -> list[Setting]:
    paths = _paths(cwd, scope)
    if scope is None:
        config = Config.load(paths) if paths else Config.load(_user_paths(cwd), scopes=("global",))
        return _sorted(config.items(), config.ignored)
    found = Config.load(paths or _user_paths(cwd), {}, scopes=(scope,))
    return _sorted((item for item in found.items() if item.origin == scope), found.ignored)


def _sorted(*items: Iterable[Setting]) -> list[Setting]:
    return sorted(chain(*items), key=lambda item: item.key)


def _paths(cwd: Path, scope: Scope | None) -> ConfigPaths | None:
    """The config files of the project that contains `cwd`; None outside a project, unless `scope` needs one."""
    try:
        with Repository.open(cwd) as repo:
            return repo.config_paths
    except RepositoryError:
        if scope in ("project", "local"):
            raise
        return None


def _user_paths(cwd: Path) -> ConfigPaths:
    """Paths for the user's config only; the other two are placeholders."""
    return ConfigPaths.of(cwd, cwd)
