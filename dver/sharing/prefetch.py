"""Downloading what a checkout will need before anything is changed, so that it is done as a whole or not begun."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from dver.core.errors import DverError, MissingObjectError
from dver.core.phrasing import count
from dver.core.progress import SILENT, Progress
from dver.formats.tree import Entry
from dver.remote.transfer.fetch import fetch
from dver.repo import Repository
from dver.store.trees.reachable import describe_missing
from dver.tracking.directory_listings import fetch_directories
from dver.workspace.files.plan import CheckoutPlan

Planner = Callable[[], Sequence[CheckoutPlan]]
"""Plans the checkout, as it would go now."""


def is_left_out(repo: Repository, path: bytes, entries: Mapping[bytes, Entry | None]) -> bool:
    """Is nothing in the workspace at `path`, and not all of the new `entries` in the store? Then nothing has to be
    checked out: only the pointer matters."""
    if os.path.lexists(repo.layout.absolute(path)):
        return False
    return bool(repo.store.find_missing([one.ref(at) for at, one in entries.items() if one is not None]))


def with_listings(repo: Repository, plan: Planner, remotes: Iterable[str | None]) -> Sequence[CheckoutPlan]:
    """The plans, once the directory listings that they need are downloaded. Raises RepositoryError, RemoteError."""
    plans = plan()
    unread = [entry.oid for one in plans for _, entry, _ in one.unknown]
    if not unread:
        return plans
    fetch_directories(repo, unread, remotes)
    return plan()


def prefetch(repo: Repository, plan: Planner, remotes: Iterable[str | None], *, progress: Progress = SILENT) -> None:
    """Download what carrying out `plan` needs and the store does not have: directories, then files.

    `remotes` are asked in order; None is the default one. Raises MissingObjectError, which has no fix, where something
    cannot be downloaded.
    """
    sources = list(dict.fromkeys(remotes))
    with _explained():
        plans = with_listings(repo, plan, sources)
    steps = [step for one in plans for step in (*one.create, *one.replace)]
    roots = [
        entry.ref(path) for path, entry in [*steps, *((at, entry) for one in plans for at, entry, _ in one.unknown)]
    ]
    missing = repo.store.find_missing(roots)
    for remote in sources:
        if missing:
            with _explained():
                fetch(roots, repo.store, repo.remotes.catalog(remote), progress=progress, link_mode=repo.link_mode)
            missing = repo.store.find_missing(roots)
    if missing:
        raise MissingObjectError(
            f"{count(len(missing), 'file')} are not in the store: {describe_missing(missing)}",
            why="they are not on the remote either",
        )


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except DverError as error:
        raise MissingObjectError(
            "files are needed that are not in the store", why=f"they cannot be downloaded: {error.what}"
        ) from error
