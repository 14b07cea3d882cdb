"""Clones of other repositories, with their files."""

from __future__ import annotations

import os
from pathlib import Path

from dver.core.errors import ConflictError
from dver.git.git_repo import GitRepo, discover, run
from dver.git.network import GitNetworkFailure, network_error, run_with_network
from dver.git.revisions import resolve


def clone(url: str, to: Path, *, rev: str | None = None) -> GitRepo:
    """Clone the repository at `url` into the new or empty directory `to`, and check out `rev`, by default its HEAD.

    A branch is checked out as a branch; a tag or a commit detaches HEAD. Raises ConflictError if `to` is not empty,
    RemoteError and RepositoryError for a repository that cannot be cloned, UsageError for an unknown revision.
    """
    if to.is_dir() and os.listdir(to):
        raise ConflictError(f"{os.fspath(to)!r} is not empty", fix="choose a new or empty directory")
    to.parent.mkdir(parents=True, exist_ok=True)
    parent = to.parent.absolute()
    source = os.path.abspath(url) if os.path.exists(url) else url  # git runs in another directory
    try:
        arguments = ["clone", "--quiet", "--", source, os.fspath(to.absolute())]
        run_with_network(GitRepo(parent, parent, parent), arguments, settings={})
    except GitNetworkFailure as error:
        raise network_error(url, error) from error
    cloned = discover(to)
    if rev is not None:
        _check_out(cloned, rev)
    return cloned


def _check_out(git: GitRepo, rev: str) -> None:
    branches = run(git, ["for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin"]).decode().splitlines()
    if rev in branches:
        run(git, ["checkout", "--quiet", rev, "--"])
    else:
        run(git, ["checkout", "--quiet", "--detach", resolve(git, rev), "--"])
