"""Tags of Git remotes: fetching new ones, and pushing tags that the remote must not have yet."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from dver.core.errors import ConflictError
from dver.core.phrasing import join_limited, quoted
from dver.git.git_repo import GitRepo, run
from dver.git.network import GitNetworkFailure, network_error, run_with_network
from dver.git.remotes.ref_exchange import RefMovedError, address_of

TAGS: Final = "refs/tags/"
_FETCH: Final = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--refmap=")
_PUSH: Final = ("push", "--quiet", "--no-verify", "--recurse-submodules=no")
_NO_TAGS: Final = {"push.followTags": "false"}
_NOT_ATOMIC: Final = "does not support --atomic push"
_ATTEMPTS: Final = 3


def fetch_new_tags(git: GitRepo, remote: str, patterns: Sequence[str]) -> None:
    """Fetch the tags whose names match one of `patterns`, which have one `*` each, and that this clone does not have.

    Raises ConflictError if a tag of this clone differs from the remote's, RemoteError, RepositoryError.
    """
    refspecs = [f"{TAGS}{one}:{TAGS}{one}" for one in patterns]
    for attempt in range(_ATTEMPTS):
        try:
            run_with_network(git, [*_FETCH, remote, *refspecs], settings={})
            return
        except GitNetworkFailure as error:
            differing = _differing(git, remote, patterns, error)
            if differing:
                raise _conflict(remote, differing) from error
            if attempt + 1 == _ATTEMPTS or ".lock'" not in error.said:  # else another fetch of this clone runs
                raise network_error(address_of(git, remote), error) from error


def push_new_tags(git: GitRepo, remote: str, tags: Mapping[str, str]) -> None:
    """Push tags, given by name with the ids of their objects: all of them, or none. Runs no hooks.

    A server that knows no such pushes gets one after the other, in order. A tag that the remote has is left as it is.
    Raises RefMovedError if it is another one, RemoteError, RepositoryError.
    """
    refspecs = [f"{one}:{TAGS}{name}" for name, one in tags.items()]
    try:
        _push(git, remote, refspecs)
    except GitNetworkFailure as error:
        there = remote_tags(git, remote)
        if all(there.get(name) == one for name, one in tags.items()):
            return  # the connection broke after the push
        moved = [name for name, one in tags.items() if there.get(name, one) != one]
        if moved:
            raise RefMovedError(
                f"another process pushed the tag {join_limited(moved)} to {remote!r} meanwhile",
                fix="run the same command again",
            ) from error
        raise network_error(address_of(git, remote), error, pushing=True) from error


def _push(git: GitRepo, remote: str, refspecs: Sequence[str]) -> None:
    atomic = ("--atomic",) if len(refspecs) > 1 else ()
    try:
        run_with_network(git, [*_PUSH, *atomic, remote, *refspecs], settings=_NO_TAGS)
    except GitNetworkFailure as error:
        if not atomic or _NOT_ATOMIC not in error.said:
            raise
        for one in refspecs:
            run_with_network(git, [*_PUSH, remote, one], settings=_NO_TAGS)


def remote_tags(git: GitRepo, remote: str) -> dict[str, str]:
    """The tags of a Git remote by name, with the ids of their objects. Raises RemoteError, RepositoryError."""
    try:
        output = os.fsdecode(run_with_network(git, ["ls-remote", "--quiet", "--refs", "--tags", remote], settings={}))
    except GitNetworkFailure as error:
        raise network_error(address_of(git, remote), error) from error
    return {ref.removeprefix(TAGS): one for one, _, ref in (line.partition("\t") for line in output.splitlines())}


def _differing(git: GitRepo, remote: str, patterns: Sequence[str], failed: GitNetworkFailure) -> list[str]:
    """The tags that are in this clone and on the remote, but differ. `git fetch --quiet` does not name them."""
    if failed.said.strip():
        return []
    listed = os.fsdecode(run(git, ["for-each-ref", "--format=%(objectname) %(refname)", TAGS]))
    own = {ref.removeprefix(TAGS): one for one, _, ref in (line.partition(" ") for line in listed.splitlines())}
    there = remote_tags(git, remote)
    both = [name for name in own if name in there and own[name] != there[name]]
    return [name for name in both if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _conflict(remote: str, differing: Sequence[str]) -> ConflictError:
    verb = "differ" if len(differing) > 1 else "differs"
    return ConflictError(
        f"the tag {join_limited(differing)} {verb} here and on {remote!r}",
        why="it was made in this clone and in another one, or was moved",
        fix=f"drop this clone's tag and take the other one: git tag -d {' '.join(map(quoted, differing))}; "
        f"git fetch {quoted(remote)} --tags",
    )
