"""Checks right before a checkout replaces or removes files: they may have been edited since the scan."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from dver.core.errors import DverError
from dver.formats.tree import Entry
from dver.store.trees.compare import same
from dver.workspace.scan.hash_or_store import HashOnly
from dver.workspace.scan.scanner import Scanner
from dver.workspace.scan.stat_cache import StatCache, stat_key
from dver.workspace.state.store_links import StoreLinks, content_status


class Recheck:
    """Checks whether files still match a scan, with one `lstat` each where the stat cache knows the file."""

    def __init__(self, cache: StatCache, links: StoreLinks) -> None:
        self._cache = cache
        self._links = links
        self._scanner = Scanner(cache, HashOnly(), links=links)
        self._folder = b""
        self._known: dict[bytes, tuple[bytes, Entry]] = {}

    def is_unchanged(self, path: bytes, found: Entry) -> bool:
        """Whether the file or link at the absolute `path` still matches the scanned `found`; true if it is gone."""
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        folder, name = os.path.split(path)
        link = self._links.at(path, status)
        key = stat_key((content_status(link) if link is not None else None) or status)
        if any(known_key == key and same(entry, found) for known_key, entry in self._states(folder, name)):
            return True
        with suppress(DverError):  # it keeps changing, or is no file any more
            snapshot = self._scanner.scan(path, name)
            return snapshot is None or same(snapshot.root, found)
        return False

    def _states(self, folder: bytes, name: bytes) -> Iterator[tuple[bytes, Entry]]:
        """The records of a file in the stat cache: in its directory's record, and in its own."""
        if folder != self._folder:
            self._folder, self._known = folder, self._cache.known(folder)
        if name in self._known:
            yield self._known[name]
        yield from self._cache.known(folder + b"/" + name + b"/").values()
