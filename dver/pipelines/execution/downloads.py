"""Downloads for a run: inputs, run cache entries and outputs of cached runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from dver.core.errors import UsageError
from dver.core.progress import Progress
from dver.formats.lock import LockedItem
from dver.pipelines.engine.graph import Address, Graph
from dver.pipelines.run_cache.entries import RunCache
from dver.pipelines.workspace.stage_files import dep_paths, locked_item
from dver.remote.index.catalog import Catalog
from dver.remote.transfer.fetch import fetch
from dver.remote.transfer.run_batches import receive
from dver.repo import Repository
from dver.sources.download import download_input
from dver.store.trash.guard import GcGuard
from dver.tracking.targets import TrackedData, is_at_or_below, select_targets, tracked_in_worktree
from dver.workspace.checkout.checkout import check_out


class RemoteDownloads:
    """Downloads from the remotes of a repository. Each method may raise RemoteError."""

    def __init__(self, repo: Repository, progress: Progress) -> None:
        self._repo = repo
        self._progress = progress
        self._catalogs: dict[str, Catalog] = {}

    def fetch_run_cache(self) -> tuple[str, ...]:
        """Download the run cache of the default remote. Returns the keys of damaged entries."""
        catalog = self._catalog(self._repo.remotes.settings().name)
        catalog.refresh()
        return receive(catalog, RunCache(self._repo).add_received).damaged

    def missing_inputs(self, graph: Graph, stages: Collection[Address]) -> dict[str, LockedItem]:
        """The tracked inputs that are missing in the workspace and `download_inputs` would check out, by path."""
        read = {place for one in stages for place in dep_paths(one, graph.stages[one])}
        found = {os.fsdecode(path): one for path, one in self._tracked(stages).items()}
        absent = [place for place in read & found.keys() if not self._repo.layout.exists(os.fsencode(place))]
        return {place: locked_item(place, found[place].entry) for place in absent}

    def download_inputs(self, graph: Graph, stages: Collection[Address]) -> None:
        """Download and check out tracked inputs of `stages` that none of them makes. Unsaved files stay."""
        tracked = self._tracked(stages)
        read = {os.fsencode(place) for one in stages for place in dep_paths(one, graph.stages[one])}
        for place in sorted(_tracked(read, tracked)):
            # The stage reports a path that the tracked data does not contain.
            with suppress(UsageError):
                self._check_out(tracked, os.fsdecode(place))

    def _tracked(self, made: Collection[Address]) -> dict[bytes, TrackedData]:
        """All tracked data, except outputs of the stages `made`."""
        return {path: one for path, one in tracked_in_worktree(self._repo).items() if _maker(one) not in made}

    def can_download(self, items: Sequence[LockedItem]) -> bool:
        """Return whether remotes have all of these items."""
        return all(self._has_all(name, group) for name, group in self._by_remote(items).items())

    def download(self, items: Sequence[LockedItem]) -> bool:
        """Download outputs of cached runs into the store. Returns False if some are missing."""
        guard = GcGuard(self._repo.store)
        whole = True
        for name, group in self._by_remote(items).items():
            refs = [item.ref for item in group]
            catalog, mode = self._catalog(name), self._repo.link_mode
            got = fetch(refs, self._repo.store, catalog, progress=self._progress, link_mode=mode)
            whole = whole and got.error() is None
        # A concurrent gc may have trashed some of these objects.
        guard.recheck(item.ref.key for item in items)
        return whole

    def _by_remote(self, items: Iterable[LockedItem]) -> dict[str, list[LockedItem]]:
        groups: dict[str, list[LockedItem]] = {}
        for item in items:
            groups.setdefault(item.remote or self._repo.remotes.settings().name, []).append(item)
        return groups

    def _has_all(self, name: str, items: Sequence[LockedItem]) -> bool:
        catalog = self._catalog(name)
        if name != self._repo.remotes.settings().name:  # that of the default remote was refreshed for the run cache
            catalog.refresh()
        return catalog.present([item.oid for item in items]).issuperset(item.oid for item in items)

    def _check_out(self, tracked: dict[bytes, TrackedData], path: str) -> None:
        top = Path(os.fsdecode(self._repo.layout.top))
        download_input(self._repo, select_targets(self._repo, tracked, [path], top), self._progress)
        with self._repo.exclusive():
            check_out(self._repo, [path], cwd=top, rev=None, force=False, progress=self._progress)

    def _catalog(self, name: str) -> Catalog:
        if name not in self._catalogs:
            self._catalogs[name] = self._repo.remotes.catalog(name)
        return self._catalogs[name]


def _maker(one: TrackedData) -> Address | None:
    if one.maker is None:
        return None
    return Address(os.fsdecode(os.path.dirname(one.maker.lock)), one.maker.stage)


def _tracked(read: Iterable[bytes], tracked: Iterable[bytes]) -> Iterator[bytes]:
    """The paths of `read` inside of tracked data, and the tracked data inside of them."""
    known = list(tracked)
    for place in read:
        if any(is_at_or_below(place, one) for one in known):
            yield place
        else:
            yield from (one for one in known if is_at_or_below(one, place))
