"""`dver remote`: say where data is pushed to and pulled from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dver.config import Config, Origin, Scope, check_remote_name, remove_remote, rename_remote
from dver.core.errors import ConflictError, UsageError
from dver.project import settings
from dver.project.own_directories import Change
from dver.project.trusted_settings import accept_addresses
from dver.repo import Repository
from dver.tracking.targets import in_worktree

if TYPE_CHECKING:
    from dver.remote.probe import Examined


@dataclass(frozen=True, slots=True)
class Remote:
    """A remote as it is configured. `folder` is where it is, for one that is a folder."""

    name: str
    url: str | None
    default: bool
    origin: Origin
    """The file that its url is in."""
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """A remote that was taken out of `files`. The data `pointers` (paths from the top) still ask for it."""

    name: str
    files: tuple[Path, ...]
    pointers: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about a remote that can be reached and read."""

    name: str
    url: str
    found: Examined


def add(repo: Repository, name: str, url: str, *, default: bool = False, scope: Scope = "project") -> Remote:
    """Call the place `url` the remote `name`; with `default` it is the one that is meant where none is named.

    A relative folder counts from the project's root. Nothing is sent. Raises ConflictError where there is a remote of
    this name elsewhere, RepositoryError for a url that cannot be used.
    """
    check_remote_name(name)
    known = repo.config.get(f"remote.{name}.url")
    if known not in (None, url):  # the same again completes what was interrupted
        raise ConflictError(
            f"there is a remote {name!r} already",
            why=f"its url is {known}",
            fix=f"`dver remote set {name} url {url}` changes it, or choose another name",
        )
    _check_url(repo, name, url, command=f"dver remote add {name}")
    changes: list[Change] = [(f"remote.{name}.url", url)]
    settings.apply(repo, scope, changes + ([("core.remote", name)] if default else []))
    return _remote(repo, name)


def listed(repo: Repository) -> list[Remote]:
    """All remotes, by name."""
    return [_remote(repo, name) for name in repo.config.remote_names]


def change(repo: Repository, name: str, key: str, value: str, *, scope: Scope = "project") -> None:
    """Give the setting `key` of the remote `name` another value, as typed. Raises UsageError for what does not fit."""
    repo.config.remote_table(name)
    if key == "url":
        _check_url(repo, name, value, command=f"dver remote set {name} url")
    elif key == "endpoint_url":
        from dver.remote.settings import parse

        parse(name, {"url": "s3://bucket", key: value})
    settings.apply(repo, scope, [(f"remote.{name}.{key}", value)])


def remove(repo: Repository, name: str) -> Removed:
    """Forget the remote `name` in the project's and the clone's own file. What lies there stays."""
    repo.config.remote_table(name)
    scopes = settings.staged(repo, lambda: remove_remote(repo.config_paths, name))
    if not scopes:
        raise _is_global(repo, name)
    return Removed(name, tuple(repo.config_paths.file(scope) for scope in scopes), _users_of(repo, name))


@dataclass(frozen=True, slots=True)
class Renamed:
    """A remote that has another name. The data `pointers` (paths from the top) still ask for the old one."""

    remote: Remote
    pointers: tuple[bytes, ...]


def rename(repo: Repository, old: str, new: str) -> Renamed:
    """Call the remote `old` by the name `new` in the project's and the clone's own file.

    Raises UsageError for an unknown remote, ConflictError if there is a remote `new`.
    """
    repo.config.remote_table(old)
    if new in repo.config.remote_names:
        raise ConflictError(f"there is a remote {new!r} already", fix=f"dver remote remove {new}, or another name")
    if old in Config.load(repo.config_paths, {}, scopes=("global",)).remote_names:
        raise _is_global(repo, old)
    trusted = not repo.config.untrusted_addresses(old)
    settings.staged(repo, lambda: rename_remote(repo.config_paths, old, new))
    if trusted:
        accept_addresses(repo, [new])
    return Renamed(_remote(repo, new), _users_of(repo, old))


def _is_global(repo: Repository, name: str) -> UsageError:
    return UsageError(
        f"the remote {name!r} is not set up in this project alone",
        why=f"it is in {repo.config_paths.global_file}",
        fix="edit that file, which is for all projects",
    )


def _users_of(repo: Repository, name: str) -> tuple[bytes, ...]:
    return tuple(path for path, one in in_worktree(repo).items() if one.pointer.remote == name)


def set_default(repo: Repository, name: str, *, scope: Scope = "project") -> Remote:
    """Make `name` the remote that is meant where none is named."""
    repo.config.remote_table(name)
    settings.apply(repo, scope, [("core.remote", name)])
    return _remote(repo, name)


def default(repo: Repository) -> Remote | None:
    """The remote that is meant where none is named."""
    name = repo.config.default_remote
    return None if name is None else _remote(repo, name)


def check(repo: Repository, name: str | None = None, *, abort_uploads: bool = False) -> Checked:
    """Find out what the remote `name`, or the default one, can do; see `dver.remote.probe`.

    With `abort_uploads`, those begun more than a day ago and never completed are dropped there. Raises RemoteError
    where it cannot be reached or read.
    """
    from dver.remote.probe import examine

    chosen = repo.remotes.settings(name)
    return Checked(chosen.name, chosen.url, examine(repo.remotes.connect(chosen.name), abort_uploads=abort_uploads))


def _check_url(repo: Repository, name: str, url: str, *, command: str) -> None:
    """Raises RepositoryError for a url that cannot be used; its fix begins with `command`."""
    from dver.remote.backends.connect import folder_of, refuse_unknown_scheme
    from dver.remote.settings import parse

    settings = parse(name, {"url": url}, command=command)
    refuse_unknown_scheme(name, url, command=command)
    if url.startswith("file://"):
        folder_of(settings, base=repo.root)


def _remote(repo: Repository, name: str) -> Remote:
    key = f"remote.{name}.url"
    url = repo.config.get(key)
    is_default = name == repo.config.default_remote
    folder = None
    if isinstance(url, str) and "://" not in url:
        folder = Path(os.path.normpath(repo.layout.settings_base / os.path.expanduser(url)))
    return Remote(name, None if url is None else str(url), is_default, repo.config.origin(key), folder)
