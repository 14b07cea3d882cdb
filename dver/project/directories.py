"""Directory objects that are not in the store: downloaded when a command has to know what a directory holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from dver.core.oid import Oid
from dver.repo import Repository


def fetch_directories(repo: Repository, oids: Collection[Oid], remotes: Iterable[str | None]) -> bool:
    """Download the directory objects at and below `oids` that the store does not have, and no files.

    `remotes` are asked in order, until all are there; None is the default one. False if some are on none of them.
    Raises RepositoryError, RemoteError.
    """
    from dver.remote.fetch_plan import fetch_trees  # commands that find everything in the store do not wait for it

    sources = dict.fromkeys(remotes)
    return any(fetch_trees(list(oids), repo.store, repo.catalog(remote)) for remote in sources)
