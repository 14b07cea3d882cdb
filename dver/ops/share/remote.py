"""`dver remote`: manage remotes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dver.config import Config, Origin, Scope, check_remote_name, remove_remote, rename_remote
from dver.core.display import Displayed
from dver.core.errors import ConflictError, UsageError
from dver.project.settings import SettingChange, change_and_stage, change_settings, trust_addresses
from dver.repo import Repository
from dver.tracking.targets import tracked_in_worktree

if TYPE_CHECKING:
    from dver.remote.probe import ProbeReport


@dataclass(frozen=True, slots=True, repr=False)
class Remote(Displayed):
    """A configured remote. `folder` is its directory, for a remote in a directory."""

    name: str
    url: str | None
    default: bool
    origin: Origin
    """The config that has its URL."""
    folder: Path | None = None


@dataclass(frozen=True, slots=True, repr=False)
class RemovedRemote(Displayed):
    """A remote that was removed from the configs `files`. The data `pointers` (paths from the top) still name it."""

    name: str
    files: tuple[Path, ...]
    pointers: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, repr=False)
class RemoteCheck(Displayed):
    """The capabilities of a remote that can be reached and read."""

    name: str
    url: str
    found: ProbeReport


def add(repo: Repository, name: str, url: str, *, default: bool = False, scope: Scope = "project") -> Remote:
    """Add the remote `name` at `url`; with `default`, make it the default remote.

    A relative directory starts at the project's root. Sends nothing. Raises ConflictError if a remote of this name has
    another URL, RepositoryError for an invalid URL.
    """
    check_remote_name(name)
    known = repo.config.get(f"remote.{name}.url")
    if known not in (None, url):  # the same command completes an interrupted one
        raise ConflictError(
            f"remote {name!r} already exists",
            why=f"its URL is {known}",
            fix=f"`dver remote set {name} url {url}` changes it, or choose another name",
        )
    _check_url(repo, name, url, command=f"dver remote add {name}")
    changes: list[SettingChange] = [(f"remote.{name}.url", url)]
    change_settings(repo, scope, changes + ([("core.remote", name)] if default else []))
    return _remote(repo, name)


def list_remotes(repo: Repository) -> list[Remote]:
    """All remotes, sorted by name."""
    return [_remote(repo, name) for name in repo.config.remote_names]


def change_setting(repo: Repository, name: str, key: str, value: str, *, scope: Scope = "project") -> None:
    """Set the setting `key` of the remote `name` to `value` as typed. Raises UsageError for an invalid value."""
    repo.config.remote_table(name)
    if key == "url":
        _check_url(repo, name, value, command=f"dver remote set {name} url")
    elif key == "endpoint_url":
        from dver.remote.settings import parse

        parse(name, {"url": "s3://bucket", key: value})
    change_settings(repo, scope, [(f"remote.{name}.{key}", value)])


def remove(repo: Repository, name: str) -> RemovedRemote:
    """Remove the remote `name` from the project's and the clone's config. Its data stays."""
    repo.config.remote_table(name)
    scopes = change_and_stage(repo, lambda: remove_remote(repo.config_paths, name))
    if not scopes:
        raise _is_global(repo, name)
    return RemovedRemote(name, tuple(repo.config_paths.file(scope) for scope in scopes), _users_of(repo, name))


@dataclass(frozen=True, slots=True, repr=False)
class RenamedRemote(Displayed):
    """A renamed remote. The data `pointers` (paths from the top) still name the old one."""

    remote: Remote
    pointers: tuple[bytes, ...]


def rename(repo: Repository, old: str, new: str) -> RenamedRemote:
    """Rename the remote `old` to `new` in the project's and the clone's config.

    Raises UsageError for an unknown remote, ConflictError if the remote `new` exists.
    """
    repo.config.remote_table(old)
    if new in repo.config.remote_names:
        raise ConflictError(f"remote {new!r} already exists", fix=f"`dver remote remove {new}`, or choose another name")
    if old in Config.load(repo.config_paths, {}, scopes=("global",)).remote_names:
        raise _is_global(repo, old)
    trusted = not repo.config.untrusted_addresses(old)
    change_and_stage(repo, lambda: rename_remote(repo.config_paths, old, new))
    if trusted:
        trust_addresses(repo, [new])
    return RenamedRemote(_remote(repo, new), _users_of(repo, old))


def _is_global(repo: Repository, name: str) -> UsageError:
    return UsageError(
        f"the remote {name!r} is not in this project's config",
        why=f"it is in {repo.config_paths.global_file}, for all projects",
        fix="edit that file",
    )


def _users_of(repo: Repository, name: str) -> tuple[bytes, ...]:
    return tuple(path for path, one in tracked_in_worktree(repo).items() if one.pointer.remote == name)


def set_default(repo: Repository, name: str, *, scope: Scope = "project") -> Remote:
    """Make `name` the default remote."""
    repo.config.remote_table(name)
    change_settings(repo, scope, [("core.remote", name)])
    return _remote(repo, name)


def default_remote(repo: Repository) -> Remote | None:
    """The default remote, if there is one."""
    name = repo.config.default_remote
    return None if name is None else _remote(repo, name)


def check(repo: Repository, name: str | None = None, *, abort_uploads: bool = False) -> RemoteCheck:
    """Test the capabilities of the remote `name`, by default of the default remote; see `dver.remote.probe`.

    `abort_uploads` aborts incomplete uploads that are older than a day. Raises RemoteError if the remote cannot be
    reached or read.
    """
    from dver.remote.probe import probe_remote

    chosen = repo.remotes.settings(name)
    return RemoteCheck(
        chosen.name, chosen.url, probe_remote(repo.remotes.connect(chosen.name), abort_uploads=abort_uploads)
    )


def _check_url(repo: Repository, name: str, url: str, *, command: str) -> None:
    """Raises RepositoryError for an invalid URL; its fix begins with `command`."""
    from dver.remote.backends.connect import directory_of, refuse_unknown_scheme
    from dver.remote.settings import parse

    settings = parse(name, {"url": url}, command=command)
    refuse_unknown_scheme(name, url, command=command)
    if url.startswith("file://"):
        directory_of(settings, base=repo.root)


def _remote(repo: Repository, name: str) -> Remote:
    key = f"remote.{name}.url"
    url = repo.config.get(key)
    is_default = name == repo.config.default_remote
    folder = None
    if isinstance(url, str) and "://" not in url:
        folder = Path(os.path.normpath(repo.layout.settings_base / os.path.expanduser(url)))
    return Remote(name, None if url is None else str(url), is_default, repo.config.origin(key), folder)
