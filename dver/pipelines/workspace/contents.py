"""The contents of the paths that stages read and write, hashed where the stat cache does not know them.

Each path is read once, until `forget` says that it may have changed. Of a directory only its oid is kept; it is read
again when its files are needed.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from xxhash import xxh3_128_digest

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.files import read_regular
from dver.core.oid import Oid
from dver.core.progress import Progress
from dver.formats.tree import Entry, Kind, write_directory
from dver.pipelines.definition.param_files import parse_values
from dver.pipelines.definition.stage import is_pattern
from dver.pipelines.definition.yaml_tree import MAX_SIZE
from dver.pipelines.engine.graph import literal_directory
from dver.pipelines.workspace.dependency_ignore import DependencyIgnore, DependencyRules
from dver.repo import Repository
from dver.store.trees.compare import ChangeStatus, TreeChange, TreeReader, compare, with_renames
from dver.store.trees.edit import NewTrees, directory_entry
from dver.tracking.partial_directories import complete_partial
from dver.workspace.scan.hash_or_store import HashOnly
from dver.workspace.scan.scanner import Snapshot


class WorkspaceContents:
    """Reads and caches the contents of paths, which are relative to the top of the Git worktree."""

    def __init__(
        self,
        repo: Repository,
        progress: Progress,
        *,
        outputs: Iterable[str] = (),
        known: Mapping[str, Entry | None] | None = None,
    ) -> None:
        """`outputs` are the paths of all outputs: all their files count, whatever Git ignores."""
        self._repo = repo
        self._progress = progress
        self._rules = DependencyRules(repo, outputs)
        self._known: _PathMap[Entry | None] = _PathMap()
        for place, entry in (known or {}).items():
            self._known[place] = entry
        self._states: dict[bytes, bytes] = {}
        """See `file_state`, by data path."""
        self._link_targets: dict[str, Entry | None] = {}
        """The targets of symbolic links."""
        self._values: _PathMap[dict[str, object] | None] = _PathMap()
        self._differences: dict[tuple[str, Oid], tuple[TreeChange, ...] | None] = {}

    def prefetch(self, places: Iterable[str]) -> None:
        """Read many paths at once, with one scan per directory."""
        new = [one for one in places if one not in self._known and not self._is_pattern(one)]
        self._rules.load([os.fsencode(one) for one in new])
        folders: dict[bytes, set[bytes]] = {}
        for place in new:
            if place == ".":
                snapshot = self._scan(b".")
                self._known[place] = snapshot.root if snapshot is not None else None
                continue
            folder, name = os.path.split(os.fsencode(place))
            folders.setdefault(folder, set()).add(name)
        for folder, names in folders.items():
            found = self._scan_names(folder, sorted(names), [])
            for name in names:
                self._known[os.fsdecode(os.path.join(folder, name))] = found.get(name)

    def entry(self, place: str) -> Entry | None:
        """The entry at `place`, or the directory of all files that a pattern matches; None for nothing."""
        if place not in self._known:
            if self._is_pattern(place):
                self._known[place] = self._scan_pattern(place)[0]
            else:
                self.prefetch([place])
        return self._known[place]

    def content(self, place: str) -> Entry | None:
        """The content that is read at `place`: `entry`, or the target of a symbolic link, inside or outside of the
        worktree."""
        entry = self.entry(place)
        if entry is None or entry.kind is not Kind.SYMLINK:
            return entry
        if place not in self._link_targets:
            snapshot = self._scan_link_target(place)
            self._states[os.fsencode(place)] = _state_of(snapshot)
            self._link_targets[place] = snapshot.root if snapshot is not None else None
        return self._link_targets[place]

    def file_state(self, place: str) -> bytes:
        """The state of the files that are read at `place`. It changes when one of them is written or replaced, even
        with its former content."""
        self.content(place)
        return self._states.get(os.fsencode(place), b"")

    def differences(self, place: str, old: Entry) -> tuple[TreeChange, ...] | None:
        """The changed files between `old` and the current content of `place`, with paths relative to it; None if either
        is unknown file by file. Scans the directory again, without hashing unchanged files."""
        key = place, old.oid
        if key not in self._differences:
            self._differences[key] = None
            with suppress(MissingObjectError, CorruptError):
                read_old = self._repo.store.tree
                if old.kind is Kind.DIRECTORY:
                    read_old(old.oid)  # fails early if the old directory is missing
                new, read_new = self._open(place)
                self._differences[key] = tuple(with_renames(compare(old, new, read_old, read_new)))
        return self._differences[key]

    def is_incomplete(self, place: str, old: Entry) -> bool:
        """Return whether `place` is a directory that lacks files of `old` and differs in nothing else."""
        entry = self.entry(place)
        if entry is None or entry.kind is not Kind.DIRECTORY:
            return False
        changes = self.differences(place, old) or ()
        return bool(changes) and all(one.status is ChangeStatus.REMOVED for one in changes)

    def encoded_trees(self, place: str) -> list[tuple[Oid, bytes]]:
        """The directory that is read at `place` and those in it, encoded for a later comparison."""
        found: list[tuple[Oid, bytes]] = []
        with suppress(MissingObjectError, CorruptError):
            entry, read = self._open(place)
            todo = [entry] if entry is not None else []
            while todo:
                one = todo.pop()
                if one.kind is Kind.DIRECTORY:
                    entries = read(one.oid)
                    write_directory(entries, lambda oid, content: found.append((oid, content)))
                    todo += entries
        return found

    def values(self, place: str) -> dict[str, object] | None:
        """The values in the parameter file at `place`; None if there is none. Raises PipelineError."""
        if place not in self._values:
            try:
                content = read_regular(self._repo.layout.absolute(os.fsencode(place)), MAX_SIZE + 1)
                self._values[place] = parse_values(content, place)
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                self._values[place] = None
        return self._values[place]

    def forget(self, places: Iterable[str]) -> None:
        """Drop what is known at, in and around `places`, and of all patterns."""
        changed = list(places)
        self._rules.forget()
        self._known.forget(changed)
        self._values.forget(changed)
        self._link_targets.clear()
        self._differences.clear()

    def _is_pattern(self, place: str) -> bool:
        return is_pattern(place) and not self._repo.layout.exists(os.fsencode(place))

    def _scan_names(self, folder: bytes, names: Sequence[bytes], seen: list[Snapshot]) -> dict[bytes, Entry]:
        """Scan `names` in a directory; the snapshots are added to `seen`."""
        ignore = self._rules.for_paths([os.path.join(folder, name) for name in names])
        snapshot = self._repo.workspace.scan_names(folder, names, HashOnly(), ignore=ignore, progress=self._progress)
        if snapshot is None:
            return {}
        self._states.update((os.path.join(folder, name), state) for name, state in snapshot.states.items())
        seen.append(snapshot)
        found: dict[bytes, Entry] = {}
        for entry in snapshot.tree(snapshot.root.oid) or ():
            path = os.path.join(folder, entry.name)
            found[entry.name] = self._with_absent_parts(path, self._with_ignored_files(path, entry, ignore, seen))
        return found

    def _with_ignored_files(self, path: bytes, entry: Entry, ignore: DependencyIgnore, seen: list[Snapshot]) -> Entry:
        """Return `entry`, or all files of a directory in which Git ignores all files."""
        is_without_files = entry.kind is Kind.DIRECTORY and not entry.files
        if is_without_files and ignore.ignores_below(self._repo.layout.absolute(path)):
            snapshot = self._scan(path)
            if snapshot is not None:
                seen.append(snapshot)
                return snapshot.root
        return entry

    def _scan(self, path: bytes) -> Snapshot | None:
        """Scan a path without ignored files, or all of it if Git ignores all of it."""
        ignore = self._rules.for_paths([path])
        snapshot = self._repo.workspace.scan(path, HashOnly(), ignore=ignore, progress=self._progress)
        if snapshot is not None and not snapshot.root.files and ignore.ignores_below(self._repo.layout.absolute(path)):
            ignore = self._rules.for_paths([path], whole=True)
            snapshot = self._repo.workspace.scan(path, HashOnly(), ignore=ignore, progress=self._progress)
        self._states[path] = _state_of(snapshot)
        return snapshot

    def _with_absent_parts(self, path: bytes, entry: Entry) -> Entry:
        """Return `entry`; of a partial checkout, with the recorded files that were never checked out."""
        if path not in self._repo.state.partial:
            return entry
        snapshot = self._scan(path)
        with suppress(MissingObjectError, CorruptError):
            return self._completed(path, snapshot)[0] if snapshot is not None else entry
        return entry

    def _completed(self, path: bytes, snapshot: Snapshot) -> tuple[Entry, TreeReader]:
        recorded = self._repo.state.placed.get(path, ()) if path in self._repo.state.partial else ()
        if not recorded or recorded[-1].kind is not Kind.DIRECTORY:
            return snapshot.root, self._repo.workspace.trees([snapshot])
        return complete_partial(self._repo, path, recorded[-1], snapshot)

    def _scan_link_target(self, place: str) -> Snapshot | None:
        """Scan the final target of the link at `place`; None if it does not exist."""
        real = os.path.realpath(self._repo.layout.absolute(os.fsencode(place)))
        if os.path.islink(real):  # a cycle of links
            return None
        if real.startswith(self._repo.layout.top + b"/"):
            return self._scan(os.path.relpath(real, self._repo.layout.top))
        folder, name = os.path.split(real)
        return self._repo.workspace.scan(
            name, HashOnly(), root=folder, ignore=self._rules.for_paths([]), progress=self._progress
        )

    def _is_ignored(self, path: bytes, ignore: DependencyIgnore) -> bool:
        absolute = self._repo.layout.absolute(path)
        is_directory = os.path.isdir(absolute) and not os.path.islink(absolute)
        return ignore.ignores(absolute, is_directory=is_directory)

    def _follow_link(self, path: bytes, link: Entry, seen: list[Snapshot]) -> Entry:
        snapshot = self._scan_link_target(os.fsdecode(path))
        if snapshot is None:
            return link
        seen.append(snapshot)
        self._states[path] = _state_of(snapshot)
        return snapshot.root._replace(name=link.name)

    def _open(self, place: str) -> tuple[Entry | None, TreeReader]:
        """Scan `place` again. Returns its entry and a reader of its directories. Raises MissingObjectError,
        CorruptError for directories that are known from the store only."""
        if self._is_pattern(place):
            return self._scan_pattern(place)
        path = os.fsencode(place)
        is_link = os.path.islink(self._repo.layout.absolute(path))
        snapshot = self._scan_link_target(place) if is_link else self._scan(path)
        return self._completed(path, snapshot) if snapshot is not None else (None, self._repo.store.tree)

    def _scan_pattern(self, pattern: str) -> tuple[Entry | None, TreeReader]:
        """The files that a pattern matches, as a directory with only those files, and a reader of its directories."""
        folders: dict[bytes, list[bytes]] = {}
        whole: bytes | None = None
        ignore = self._rules.for_paths([os.fsencode(literal_directory(pattern))])
        for path in sorted(glob.iglob(os.fsencode(pattern), root_dir=self._repo.layout.top, recursive=True)):
            path = path.rstrip(b"/")
            # A directory that matches includes everything below it.
            if path and (whole is None or not path.startswith(whole + b"/")) and not self._is_ignored(path, ignore):
                whole = path
                folders.setdefault(os.path.dirname(path), []).append(os.path.basename(path))
        found: dict[bytes, Entry] = {}
        seen: list[Snapshot] = []
        for folder, names in folders.items():
            for name, one in self._scan_names(folder, names, seen).items():
                path = os.path.join(folder, name)
                found[path] = self._follow_link(path, one, seen) if one.kind is Kind.SYMLINK else one
        states = (part for path in sorted(found) for part in (path, b"\0", self._states[path]))
        self._states[os.fsencode(pattern)] = xxh3_128_digest(b"".join(states))
        made = NewTrees()
        parts = {tuple(path.split(b"/")): one for path, one in found.items()}
        entry = _tree_of(b"", parts, made.add) if parts else None
        return entry, made.reader(self._repo.workspace.trees(seen))


def _state_of(snapshot: Snapshot | None) -> bytes:
    return b"".join(snapshot.states.values()) if snapshot is not None else b""


def _tree_of(name: bytes, found: Mapping[tuple[bytes, ...], Entry], emit: Callable[[Oid, bytes], None]) -> Entry:
    """Build a directory from entries at the paths below it."""
    below: dict[bytes, dict[tuple[bytes, ...], Entry]] = {}
    for path, one in found.items():
        below.setdefault(path[0], {})[path[1:]] = one
    entries = [inner[()] if () in inner else _tree_of(child, inner, emit) for child, inner in sorted(below.items())]
    return directory_entry(name, entries, emit)


_T = TypeVar("_T")


class _PathMap(Generic[_T]):
    """Values by path. Entries at, in and around a path are found without a search through all."""

    def __init__(self) -> None:
        self._found: dict[str, _T] = {}
        self._below: dict[str, set[str]] = {}
        self._patterns: set[str] = set()

    def __contains__(self, place: str) -> bool:
        return place in self._found

    def __getitem__(self, place: str) -> _T:
        return self._found[place]

    def __setitem__(self, place: str, value: _T) -> None:
        self._found[place] = value
        if is_pattern(place):
            self._patterns.add(place)
        for folder in _parents(place):
            self._below.setdefault(folder, set()).add(place)

    def forget(self, changed: Iterable[str]) -> None:
        """Drop the entries at, in and around the paths `changed`, and all patterns."""
        for place in changed:
            for one in (place, *_parents(place), *self._below.pop(place, ())):
                self._found.pop(one, None)
        for pattern in self._patterns:
            self._found.pop(pattern, None)
        self._patterns.clear()


def _parents(place: str) -> Iterator[str]:
    """The directories that contain a path, up to the top."""
    while place not in ("", "."):
        place = os.path.dirname(place) or "."
        yield place
