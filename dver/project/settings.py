"""Changes a clone's settings: edits and stages files, trusts values, and has Git ignore a store in the worktree."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from dver.config import Config, Scope, Setting, addresses_of, edit, needs_trust, read_trust, write_trust
from dver.core.files import read_regular
from dver.git import gitignore, index
from dver.repo import PROJECT_DIR, Repository
from dver.repo.layout import Layout

T = TypeVar("T")

SettingChange = tuple[str, str | None]
"""A key and its new value as typed; None removes the setting."""


def change_settings(repo: Repository, scope: Scope, changes: Sequence[SettingChange]) -> None:
    """Make `changes` in the file of `scope`, and trust the typed values. Raises UsageError as `edit` does."""

    def change() -> None:
        for key, value in changes:
            edit(repo.config_paths, scope, key, value)

    change_and_stage(repo, change)
    _ignore_own_directories(repo, scope, changes)
    typed = {key for key, value in changes if value is not None}
    trust_settings(repo, [item for item in repo.config.untrusted if item.key in typed])


def change_and_stage(repo: Repository, change: Callable[[], T]) -> T:
    """Run `change`, then stage the project's config if Git tracks it."""
    path = os.path.join(repo.layout.prefix, os.fsencode(PROJECT_DIR), b"config.toml")
    before = _content(repo.layout, path)
    done = False
    try:
        result = change()
        done = True
        return result
    finally:
        repo.forget_config()
        after = _content(repo.layout, path)
        # A new file is staged as `dver init` does. An existing file that Git does not track stays untracked.
        wanted = index.tracked_under(repo.git, path) if before is not None else not index.ignored(repo.git, [path])
        if after is not None and wanted and after != before:
            repo.stage([path])
        elif after is not None and wanted and done:  # a killed command may have left it unstaged
            index.stage(repo.git, [path])


def _content(layout: Layout, path: bytes) -> bytes | None:
    try:
        return read_regular(layout.absolute(path))
    except FileNotFoundError:
        return None


def settings_needing_trust(repo: Repository) -> list[Setting]:
    """The settings of the project's config that need trust, trusted or not."""
    paths = repo.config_paths
    found = Config.load(paths, {}, scopes=("project",))
    common_dir = paths.local_file.parent.parent
    items = [*found.ignored, *(item for item in found.items() if item.origin == "project")]
    return [item for item in items if needs_trust(item.key, item.value, root=paths.root, common_dir=common_dir)]


def trust_settings(repo: Repository, items: Iterable[Setting]) -> None:
    """Trust the values of `items` in this clone."""
    settings = [(item.key, item.value) for item in items]
    if not settings:
        return
    folder = repo.config_paths.local_file.parent
    write_trust(folder, read_trust(folder).plus(settings))
    repo.forget_config()


def revoke_trust(repo: Repository, keys: Sequence[str]) -> None:
    """Stop trusting the values of `keys`."""
    folder = repo.config_paths.local_file.parent
    write_trust(folder, read_trust(folder).without(keys))
    repo.forget_config()


def trust_addresses(repo: Repository, remotes: Iterable[str]) -> None:
    """Trust the addresses of `remotes`, which the user has just contacted: hooks may contact them, too."""
    keys = {key for name in remotes for key in addresses_of(name)}
    trust_settings(repo, [item for item in repo.config.untrusted if item.key in keys])


def _ignore_own_directories(repo: Repository, scope: Scope, changes: Sequence[SettingChange]) -> None:
    """Have Git ignore a store or remote that `changes` put into the worktree: in the staged `.gitignore` for the
    project's config, in this clone only for others."""
    for directory in _directories_in_worktree(repo, changes):
        path = os.path.relpath(os.path.normpath(os.fsencode(directory)), repo.layout.top)
        if path.split(b"/")[0] in (b".", b"..", b".git"):
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


def _directories_in_worktree(repo: Repository, changes: Sequence[SettingChange]) -> Iterator[Path]:
    from dver.remote.backends.connect import directory_of
    from dver.remote.settings import parse

    for key, value in changes:
        if value is None:
            continue
        if key == "cache.dir" and repo.config.cache_dir is not None:
            yield repo.root / repo.config.cache_dir  # also in a linked worktree: the line is the same in all worktrees
        elif key.startswith("remote.") and key.endswith(".url") and "://" not in value.removeprefix("file://"):
            name = key.removeprefix("remote.").removesuffix(".url")
            yield directory_of(parse(name, {"url": value}), base=repo.config.root)
