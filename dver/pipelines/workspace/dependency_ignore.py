"""The files that count in a directory that a stage depends on (docs/format/dver-yaml.md#what-counts-in-a-directory).

Git's ignore rules decide, besides `.dverignore`, because ignored files are in no clone. Tracked data and outputs count
as a whole: Git ignores them because dver stores them. Their pointers do not count a second time.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from dver.formats import lock
from dver.git.index import ignored_below
from dver.repo import PROJECT_DIR, Repository
from dver.tracking.targets import SUFFIX
from dver.workspace.scan.ignore import Ignore

_NEVER: Final = frozenset((b".git", b".gitignore", os.fsencode(PROJECT_DIR), os.fsencode(lock.NAME)))
"""Names that never count: dver itself writes these files."""


class DependencyRules:
    """Loads the paths that Git ignores, and makes ignore rules for scans."""

    def __init__(self, repo: Repository, outputs: Iterable[str]) -> None:
        self._repo = repo
        self._outputs = frozenset(repo.layout.absolute(os.fsencode(one)) for one in outputs)
        self._above = frozenset(folder for one in self._outputs for folder in _parents(one, repo.layout.top))
        self._loaded: set[bytes] = set()
        self._ignored: set[bytes] = set()

    def load(self, places: Collection[bytes]) -> None:
        """Ask Git about all `places` (data paths) at once."""
        new = [one for one in places if not self._is_known(one) and self._is_of_git(one)]
        self._loaded.update(new)
        self._ignored.update(self._repo.layout.absolute(one) for one in ignored_below(self._repo.git, *new))

    def forget(self) -> None:
        """Drop what Git answered, after files changed."""
        self._loaded.clear()
        self._ignored.clear()

    def for_paths(self, places: Collection[bytes], *, whole: bool = False) -> DependencyIgnore:
        """The rules for a scan of `places`; with `whole`, ignored files count, too."""
        self.load(places)
        top = self._repo.layout.top
        named = frozenset(self._repo.layout.absolute(one) for one in places)
        ignored = frozenset((*self._ignored, *named)) if whole else frozenset(self._ignored)
        return DependencyIgnore(self._repo.workspace.ignore(), top, named, ignored, self._outputs, self._above)

    def _is_known(self, place: bytes) -> bool:
        return place in self._loaded or any(one in self._loaded for one in (b"", b".", *_parents(place, b"")))

    def _is_of_git(self, place: bytes) -> bool:
        """Return whether `place` is a directory of this repository, and not of a nested one."""
        path = self._repo.layout.absolute(place)
        if os.path.islink(path) or not os.path.isdir(path):
            return False
        inside = (path, *_parents(path, self._repo.layout.top)) if path != self._repo.layout.top else ()
        return not any(os.path.lexists(os.path.join(one, b".git")) for one in inside)


class _Zone(Enum):
    """Which rules hold in a directory."""

    GIT = "Git's rules hold"
    IGNORED = "Git ignores it"
    NAMED = "Git ignores it, but a stage names it"
    DATA = "it is tracked data, or an output"


@dataclass(frozen=True, slots=True)
class DependencyIgnore:
    """`IgnoreRules` for directories that stages name. Paths are absolute."""

    base: Ignore
    top: bytes
    named: Collection[bytes]
    ignored: Collection[bytes]
    outputs: Collection[bytes]
    above: Collection[bytes]
    """The directories that contain outputs."""
    zones: dict[bytes, _Zone] = field(default_factory=dict)
    """The zones found so far."""

    def applies_in(self, folder: bytes) -> bool:
        """See `IgnoreRules`."""
        return self._zone(folder) is not _Zone.DATA or self.base.applies_in(folder)

    def ignores(self, path: bytes, *, is_directory: bool) -> bool:
        """See `IgnoreRules`."""
        folder, name = os.path.split(path)
        zone = self._zone(folder)
        if zone is not _Zone.DATA:
            if name in _NEVER or (name.endswith(SUFFIX) and not is_directory):
                return True
            if (zone is _Zone.IGNORED or path in self.ignored) and self._zone(path) is _Zone.IGNORED:
                return not (is_directory and path in self.above)
        return self.base.ignores(path, is_directory=is_directory)

    def ignores_empty(self, folder: bytes) -> bool:
        """See `IgnoreRules`. Git does not track empty directories."""
        return self._zone(folder) is not _Zone.DATA

    def ignores_below(self, path: bytes) -> bool:
        """Return whether Git ignores something at or below `path`."""
        return any(one == path or one.startswith(path + b"/") for one in self.ignored)

    def _zone(self, path: bytes) -> _Zone:
        found = self.zones.get(path)
        if found is None:
            found = self.zones[path] = self._find_zone(path)
        return found

    def _find_zone(self, path: bytes) -> _Zone:
        if not path.startswith(self.top + b"/"):
            return _Zone.GIT
        if path in self.outputs or os.path.isfile(path + SUFFIX):
            return _Zone.DATA
        zone = self._zone(os.path.dirname(path))
        if zone is _Zone.GIT and path in self.ignored:
            zone = _Zone.IGNORED
        return _Zone.NAMED if zone is _Zone.IGNORED and path in self.named else zone


def _parents(path: bytes, top: bytes) -> Iterable[bytes]:
    """The directories that `path` is in, below `top`."""
    while (path := os.path.dirname(path)) not in (top, b"/") and path.startswith(top):
        yield path
