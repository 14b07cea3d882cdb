"""Scans of a project's workspace, with its ignore rules, its stat cache and its links into the store."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from dver.core.clock import disk_lag
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress
from dver.formats.tree import Entry
from dver.workspace.scan.ignore import Ignore, IgnoreRules
from dver.workspace.scan.scanner import Intake, Scanner, Snapshot
from dver.workspace.scan.stat_cache import StatCache
from dver.workspace.state.store_links import StoreLinks

if TYPE_CHECKING:
    from dver.repo.repository import Repository


class WorkspaceScan:
    """Scans files and directories of the workspace."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self.foreign_links: set[bytes] = set()
        """Data paths of links into a store other than the one in use, found by scans so far."""

    def scan(
        self,
        path: bytes,
        intake: Intake,
        *,
        root: bytes | None = None,
        ignore: IgnoreRules | None = None,
        progress: Progress = SILENT,
    ) -> Snapshot | None:
        """The files at a data path, in the workspace or below the directory `root`; None if there are none.

        `ignore` names files to leave out; by default `.dverignore` files do.
        """
        scanner = self._scanner(intake, ignore, progress)
        place = root + b"/" + path if root is not None else self._repo.layout.absolute(path)
        return self._noted(scanner.scan(place, os.path.basename(path)))

    def scan_names(
        self,
        directory: bytes,
        names: Sequence[bytes],
        intake: Intake,
        *,
        ignore: IgnoreRules | None = None,
        progress: Progress = SILENT,
    ) -> Snapshot | None:
        """Like `scan`, but only the entries `names` of the directory at a data path."""
        return self._noted(
            self._scanner(intake, ignore, progress).scan_names(self._repo.layout.absolute(directory), names)
        )

    def ignore(self) -> Ignore:
        """The rules of `.dverignore` files."""
        return Ignore(os.fsencode(self._repo.root))

    @cached_property
    def stat_cache(self) -> StatCache:
        """The stat cache."""
        return StatCache(self._repo.database)

    @cached_property
    def disk_lag(self) -> int:
        """How far the clock of the worktree's disk is behind this machine's, in nanoseconds."""
        return disk_lag(self._repo.layout.worktree_dir)

    @property
    def links(self) -> StoreLinks:
        """Recognises links that `cache.link = symlink` made."""
        return StoreLinks(self._repo.store)

    def trees(
        self, snapshots: Sequence[Snapshot], *, stored: Callable[[Oid], Sequence[Entry]] | None = None
    ) -> Callable[[Oid], Sequence[Entry]]:
        """A reader of directories, from snapshots or else from the store; `stored` replaces the store."""

        def read(oid: Oid) -> Sequence[Entry]:
            for snapshot in snapshots:
                entries = snapshot.tree(oid)
                if entries is not None:
                    return entries
            return self._repo.store.tree(oid) if stored is None else stored(oid)

        return read

    def _noted(self, snapshot: Snapshot | None) -> Snapshot | None:
        if snapshot is not None:
            top = self._repo.layout.top
            self.foreign_links.update(os.path.relpath(link.path, top) for link in snapshot.foreign)
        return snapshot

    def _scanner(self, intake: Intake, ignore: IgnoreRules | None, progress: Progress) -> Scanner:
        return Scanner(
            self.stat_cache,
            intake,
            ignore=ignore or self.ignore(),
            links=self.links,
            ctimes=self._repo.config.cache_link != "hardlink",
            lag=lambda: self.disk_lag,
            progress=progress,
        )
