"""What there is in the workspace at the places that stages read and make, hashed where the stat cache does not know it.

Each place is looked at once, until it is said that something there may have changed.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.progress import Progress
from dver.formats.tree import Entry, Kind
from dver.pipeline.graph import is_pattern
from dver.pipeline.values import parse_values
from dver.project.partial import completed
from dver.repo import Repository
from dver.store.graft import directory
from dver.worktree.intake import HashOnly
from dver.worktree.scan import Snapshot


class Observer:
    """Looks at places, which are paths relative to the top of the Git worktree, and remembers what is there."""

    def __init__(self, repo: Repository, progress: Progress) -> None:
        self._repo = repo
        self._progress = progress
        self._known: dict[str, Entry | None] = {}
        self._values: dict[str, dict[str, object] | None] = {}

    def prefetch(self, places: Iterable[str]) -> None:
        """Look at many places at once: one look for each folder."""
        folders: dict[bytes, set[bytes]] = {}
        for place in places:
            if place not in self._known and not self._is_pattern(place):
                folder, name = os.path.split(os.fsencode(place))
                folders.setdefault(folder, set()).add(name)
        for folder, names in folders.items():
            found = self._look(folder, sorted(names))
            for name in names:
                self._known[os.fsdecode(os.path.join(folder, name))] = found.get(name)

    def entry(self, place: str) -> Entry | None:
        """What is at `place`, or what a pattern stands for; None for nothing."""
        if place not in self._known:
            if self._is_pattern(place):
                self._known[place] = self._matching(place)
            else:
                self.prefetch([place])
        return self._known[place]

    def values(self, place: str) -> dict[str, object] | None:
        """The values in the file of parameters at `place`; None if there is none. Raises PipelineError."""
        if place not in self._values:
            try:
                with open(self._repo.absolute(os.fsencode(place)), "rb") as file:
                    self._values[place] = parse_values(file.read(), place)
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                self._values[place] = None
        return self._values[place]

    def forget(self, places: Iterable[str]) -> None:
        """What is at, in or around any of `places` may be something else now; so may whatever a pattern stands for."""
        changed = set(places)
        for known in (self._known, self._values):
            for place in [one for one in known if is_pattern(one) or _meets(one, changed)]:
                del known[place]

    def _is_pattern(self, place: str) -> bool:
        return is_pattern(place) and not os.path.lexists(self._repo.absolute(os.fsencode(place)))

    def _look(self, folder: bytes, names: Sequence[bytes]) -> dict[bytes, Entry]:
        snapshot = self._repo.look(folder, names, HashOnly(), progress=self._progress)
        return {entry.name: self._whole(os.path.join(folder, entry.name), entry) for entry in _entries(snapshot)}

    def _whole(self, path: bytes, entry: Entry) -> Entry:
        """`entry`; of a directory that was only checked out in part, with what was never here as it is recorded."""
        recorded = self._repo.placed.get(path, ()) if path in self._repo.partial else ()
        if not recorded or recorded[-1].kind is not Kind.DIRECTORY:
            return entry
        snapshot = self._repo.scan(path, HashOnly(), progress=self._progress)
        with suppress(MissingObjectError, CorruptError):
            return completed(self._repo, path, recorded[-1], snapshot)[0] if snapshot is not None else entry
        return entry

    def _matching(self, pattern: str) -> Entry | None:
        """The files that a pattern stands for, as a directory that has only them, at their places."""
        folders: dict[bytes, list[bytes]] = {}
        whole: bytes | None = None
        for path in sorted(glob.iglob(os.fsencode(pattern), root_dir=self._repo.top, recursive=True)):
            path = path.rstrip(b"/")
            # A folder that matches stands for all that is in it.
            if path and (whole is None or not path.startswith(whole + b"/")):
                whole = path
                folders.setdefault(os.path.dirname(path), []).append(os.path.basename(path))
        found: dict[bytes, Entry] = {}
        for folder, names in folders.items():
            found.update((os.path.join(folder, name), one) for name, one in self._look(folder, names).items())
        return _tree_of(b"", {tuple(path.split(b"/")): one for path, one in found.items()}) if found else None


def _tree_of(name: bytes, found: Mapping[tuple[bytes, ...], Entry]) -> Entry:
    """A directory with what was `found` at the places below it."""
    below: dict[bytes, dict[tuple[bytes, ...], Entry]] = {}
    for path, one in found.items():
        below.setdefault(path[0], {})[path[1:]] = one
    entries = [inner[()] if () in inner else _tree_of(child, inner) for child, inner in sorted(below.items())]
    return directory(name, entries, lambda _oid, _content: None)


def _entries(snapshot: Snapshot | None) -> Sequence[Entry]:
    return (snapshot.tree(snapshot.root.oid) or ()) if snapshot is not None else ()


def _meets(place: str, changed: set[str]) -> bool:
    """Is `place` one of `changed`, or in one, or around one?"""
    above = place
    while above not in ("", "."):
        if above in changed:
            return True
        above = os.path.dirname(above)
    return any(one.startswith(place + "/") for one in changed) if place != "." else True
