"""Tracked files in the workspace that are surely unchanged, so that their content need not come from elsewhere."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from dver.core.oid import Oid
from dver.formats.tree import Entry
from dver.repo import Repository
from dver.workspace.scan.stat_cache import stat_key

_DIRECTORIES: Final = 8
"""Records of directories that are kept decoded."""


class UnchangedFiles:
    """Finds files of the workspace whose last scan found a certain content, and that nobody has written to since."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._known: OrderedDict[bytes, Mapping[bytes, tuple[bytes, Entry]]] = OrderedDict()

    def path(self, path: bytes, oid: Oid) -> bytes | None:
        """The absolute path of the file at the data path `path` if it has the content `oid`; otherwise None."""
        absolute = self._repo.layout.absolute(path)
        with suppress(OSError):
            key = stat_key(os.lstat(absolute))
            for directory in (os.path.dirname(absolute), absolute + b"/"):
                record = self._records(directory).get(os.path.basename(absolute))
                if record is not None and record[0] == key and record[1].oid == oid:
                    return absolute
        return None

    def _records(self, directory: bytes) -> Mapping[bytes, tuple[bytes, Entry]]:
        if directory not in self._known:
            self._known[directory] = self._repo.workspace.stat_cache.known(directory)
            if len(self._known) > _DIRECTORIES:
                self._known.popitem(last=False)
        return self._known[directory]
