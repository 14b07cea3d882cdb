"""Directory listings that the store does not have, downloaded when a command needs them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from dver.core.errors import DverError, MissingObjectError
from dver.core.oid import Oid
from dver.core.phrasing import quoted
from dver.formats.tree import Entry
from dver.repo import Repository
from dver.tracking.targets import TrackedData


def fetch_directories(repo: Repository, oids: Collection[Oid], remotes: Iterable[str | None]) -> bool:
    """Download the trees at and below `oids` that the store does not have, and no files.

    Queries `remotes` in order until it has all trees; None is the default remote. Returns False if some are on none of
    them. Raises RepositoryError, RemoteError.
    """
    from dver.remote.transfer.fetch_plan import (
        fetch_trees,  # commands that find everything in the store do not wait for it
    )

    sources = dict.fromkeys(remotes)
    return any(fetch_trees(list(oids), repo.store, repo.remotes.catalog(remote)) for remote in sources)


@dataclass(slots=True)
class DirectoryReader:
    """Reads the directories of tracked data, and downloads listings that are missing."""

    repo: Repository
    tracked: TrackedData
    _downloads: int = 0

    def __call__(self, oid: Oid) -> Sequence[Entry]:
        """The entries of the directory `oid`. Raises CorruptError, MissingObjectError if it cannot be downloaded."""
        with suppress(MissingObjectError):
            return self.repo.store.tree(oid)
        self._download(oid)
        try:
            return self.repo.store.tree(oid)
        except MissingObjectError as error:
            raise self._missing("the remote does not have it either", self._fix()) from error

    def _download(self, oid: Oid) -> None:
        # The first is downloaded alone. If that is not enough, many may follow: together they take few requests.
        oids = [oid] if self._downloads == 0 else [oid, self.tracked.pointer.oid]
        self._downloads += 1
        try:
            fetch_directories(self.repo, oids, [self.tracked.pointer.remote])
        except DverError as error:
            fix = error.fix or "run the same command again when the remote can be reached"
            raise self._missing(f"it cannot be downloaded: {error.what}", fix) from error

    def _fix(self) -> str:
        if self.tracked.pointer.only_at_source:
            return f"`dver pull {quoted(self.repo.layout.shown(self.tracked.path))}` downloads it from its source"
        return "run `dver push` in the clone that added it"

    def _missing(self, why: str, fix: str) -> MissingObjectError:
        shown = self.repo.layout.shown(self.tracked.path)
        return MissingObjectError(f"a directory listing of {shown!r} is not in the store", why=why, fix=fix)
