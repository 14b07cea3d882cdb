"""The refs of the registry's tags: in a clone, and on a Git remote."""

from __future__ import annotations

import os
from collections.abc import Mapping

from dver.formats.registry_tag import RegistryTag
from dver.git.git_repo import GitRepo, run
from dver.git.remotes.tag_exchange import TAGS, remote_tags


def tag_names(git: GitRepo) -> list[str]:
    """The names of all tags with `@` or `#`, of the registry or not."""
    patterns = [f"{TAGS}**/*{mark}{rest}" for mark in "@#" for rest in ("*", "*/**")]
    found = os.fsdecode(run(git, ["for-each-ref", "--format=%(refname)", *patterns]))
    return [name.removeprefix(TAGS) for name in found.splitlines()]


def local_tag_ids(git: GitRepo) -> dict[str, str]:
    """The ids of the registry's tags in the clone, by name."""
    listed = os.fsdecode(run(git, ["for-each-ref", "--format=%(objectname) %(refname)", TAGS]))
    lines = (line.partition(" ") for line in listed.splitlines())
    return _of_registry({ref.removeprefix(TAGS): one for one, _, ref in lines})


def remote_tag_ids(git: GitRepo, remote: str) -> dict[str, str]:
    """The ids of the registry's tags on the Git remote, by name. Raises RemoteError, RepositoryError."""
    return _of_registry(remote_tags(git, remote))


def _of_registry(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: one for name, one in tags.items() if RegistryTag.parse(name) is not None}
