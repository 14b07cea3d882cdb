"""Single refs of Git remotes, other than branches and tags: asking for them, fetching and pushing them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from dver.core.errors import ConflictError
from dver.git.git_repo import CommitId, GitRepo
from dver.git.network import GitNetworkFailure, network_error, run_with_network
from dver.git.remotes.identity import git_remotes

_FETCH: Final = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--refmap=")
_PUSH: Final = ("push", "--quiet", "--no-verify", "--recurse-submodules=no")
_NO_TAGS: Final = {"push.followTags": "false"}


class RefMovedError(ConflictError):
    """A ref of a Git remote is not where it was: another process pushed it meanwhile."""


def remote_ref(git: GitRepo, remote: str, ref: str) -> CommitId | None:
    """The commit of `ref` on the Git remote now; None if it has no such ref. Raises RemoteError, RepositoryError."""
    output = os.fsdecode(_run(git, remote, ["ls-remote", "--quiet", remote, ref]))
    found = {name: commit for commit, _, name in (line.partition("\t") for line in output.splitlines())}
    return CommitId(found[ref]) if ref in found else None


def fetch_refs(git: GitRepo, remote: str, refspecs: Sequence[str], *, prune: bool = False) -> None:
    """Fetch `refspecs` from the Git remote. With `prune`, refs that it does not have are deleted here.

    Raises RemoteError, RepositoryError.
    """
    _run(git, remote, [*_FETCH, "--prune" if prune else "--no-prune", remote, *refspecs])


def push_ref(git: GitRepo, remote: str, ref: str, commit: CommitId, *, before: CommitId | None) -> None:
    """Point `ref` of the Git remote to `commit`, if it is at `before` now; None for a new ref. Runs no hooks.

    Raises RefMovedError if it is elsewhere, RemoteError, RepositoryError.
    """
    lease = f"--force-with-lease={ref}:{before or ''}"
    try:
        run_with_network(git, [*_PUSH, lease, remote, f"{commit}:{ref}"], settings=_NO_TAGS)
    except GitNetworkFailure as error:
        now = remote_ref(git, remote, ref)
        if now == commit:
            return  # the connection broke after the push
        if now != before:
            raise RefMovedError(
                f"another process pushed to {ref} of {remote!r} meanwhile", fix="run the same command again"
            ) from error
        raise network_error(address_of(git, remote), error, pushing=True) from error


def _run(git: GitRepo, remote: str, args: Sequence[str]) -> bytes:
    try:
        return run_with_network(git, args, settings={})
    except GitNetworkFailure as error:
        raise network_error(address_of(git, remote), error) from error


def address_of(git: GitRepo, remote: str) -> str:
    """The address of a Git remote, for messages."""
    urls = git_remotes(git).urls.get(remote)
    return urls[0] if urls else remote
