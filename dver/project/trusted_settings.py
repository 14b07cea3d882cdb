"""Which settings of the project's file the user has accepted: see `dver.config.trust`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dver.config import Config, Item, addresses_of, needs_trust, read_trust, write_trust
from dver.repo import Repository


def of_project(repo: Repository) -> list[Item]:
    """The settings of the project's file that need trust, accepted or not."""
    paths = repo.config_paths
    found = Config.load(paths, {}, scopes=("project",))
    common_dir = paths.local_file.parent.parent
    items = [*found.ignored, *(item for item in found.items() if item.origin == "project")]
    return [item for item in items if needs_trust(item.key, item.value, root=paths.root, common_dir=common_dir)]


def accept(repo: Repository, items: Iterable[Item]) -> None:
    """Trust the values of `items` in this clone from now on."""
    settings = [(item.key, item.value) for item in items]
    if not settings:
        return
    folder = repo.config_paths.local_file.parent
    write_trust(folder, read_trust(folder).plus(settings))
    repo.forget_config()


def revoke(repo: Repository, keys: Sequence[str]) -> None:
    """Trust no value of `keys` any more."""
    folder = repo.config_paths.local_file.parent
    write_trust(folder, read_trust(folder).without(keys))
    repo.forget_config()


def accept_addresses(repo: Repository, remotes: Iterable[str]) -> None:
    """Trust the addresses of `remotes`, which the user has just had contacted: hooks may do so as well."""
    keys = {key for name in remotes for key in addresses_of(name)}
    accept(repo, [item for item in repo.config.untrusted if item.key in keys])
