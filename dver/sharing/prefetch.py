"""Downloads before a checkout: a checkout starts only when the store has everything that it needs."""

from __future__ import annotations

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
from dver.workspace.files.checkout_plan import CheckoutPlan

Planner = Callable[[], Sequence[CheckoutPlan]]
"""Plans a checkout from the current state of the workspace."""


def is_left_out(repo: Repository, path: bytes, entries: Mapping[bytes, Entry | None]) -> bool:
    """Can a checkout skip `path`? Nothing is there in the workspace, and the store does not have all new `entries`."""
    if repo.layout.exists(path):
        return False
    return bool(repo.store.find_missing([one.ref(at) for at, one in entries.items() if one is not None]))


def with_listings(repo: Repository, plan: Planner, remotes: Iterable[str | None]) -> Sequence[CheckoutPlan]:
    """The plans, after a download of the directory listings that they need. Raises RepositoryError, RemoteError."""
    plans = plan()
    unread = [entry.oid for one in plans for _, entry, _ in one.unknown]
    if not unread:
        return plans
    fetch_directories(repo, unread, remotes)
    return plan()


def prefetch(repo: Repository, plan: Planner, remotes: Iterable[str | None], *, progress: Progress = SILENT) -> None:
    """Download the directory listings and files that `plan` needs and the store does not have.

    Queries `remotes` in order; None is the default remote. Raises MissingObjectError, without a fix, if one of them
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
            f"{count(len(missing), 'file')} missing in the store: {describe_missing(missing)}",
            why="the remote does not have them either",
        )


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except DverError as error:
        raise MissingObjectError(
            "the checkout needs files that are not in the store", why=f"they cannot be downloaded: {error.what}"
        ) from error
