"""The refs of the registry's tags: in a clone, and on a Git remote."""

from __future__ import annotations

import os
from typing import Final

from dver.formats.registry_tag import RegistryTag
from dver.git.git_repo import GitRepo, run
from dver.git.network import GitNetworkFailure, network_error, run_with_network
from dver.git.remotes.identity import git_remotes

_TAGS: Final = "refs/tags/"


def tag_names(git: GitRepo) -> list[str]:
    """The names of all tags with `@` or `#`, of the registry or not."""
    patterns = [f"{_TAGS}**/*{mark}{rest}" for mark in "@#" for rest in ("*", "*/**")]
    found = os.fsdecode(run(git, ["for-each-ref", "--format=%(refname)", *patterns]))
    return [name.removeprefix(_TAGS) for name in found.splitlines()]


def local_tag_ids(git: GitRepo) -> dict[str, str]:
    """The ids of the registry's tags in the clone, by name."""
    return _registry_tags(run(git, ["for-each-ref", "--format=%(objectname)\t%(refname)", _TAGS]))


def remote_tag_ids(git: GitRepo, remote: str) -> dict[str, str]:
    """The ids of the registry's tags on the Git remote, by name. Raises RemoteError, RepositoryError."""
    try:
        return _registry_tags(run_with_network(git, ["ls-remote", "--tags", "--refs", "--", remote], settings={}))
    except GitNetworkFailure as error:
        urls = git_remotes(git).urls.get(remote)
        raise network_error(urls[0] if urls else remote, error) from error


def _registry_tags(listed: bytes) -> dict[str, str]:
    lines = (line.partition("\t") for line in os.fsdecode(listed).splitlines())
    found = {name.removeprefix(_TAGS): object_id for object_id, _, name in lines}
    return {name: object_id for name, object_id in found.items() if RegistryTag.parse(name) is not None}
