"""Comparing two trees. Equal directories are skipped without reading them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from dver.core.display import Displayed
from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind

TreeReader = Callable[[Oid], Sequence[Entry]]
"""Reads the entries of a directory, sorted by name."""


class ChangeStatus(Enum):
    """The kind of difference of a path between two trees."""

    ADDED = "added"
    REMOVED = "removed"
    MODIFIED = "modified"
    RENAMED = "renamed"


@dataclass(frozen=True, slots=True, repr=False)
class TreeChange(Displayed):
    """A path that differs between two trees. `path` is relative to their root, and empty for the root itself."""

    status: ChangeStatus
    path: bytes
    old: Entry | None
    new: Entry | None
    old_path: bytes | None = None
    """The earlier path of a renamed file."""


def same(old: Entry | None, new: Entry | None) -> bool:
    """Do both entries have the same content and mode?"""
    if old is None or new is None:
        return old is new
    return old.oid == new.oid and old.kind == new.kind


def paired(old: Sequence[Entry], new: Sequence[Entry]) -> Iterator[tuple[bytes, Entry | None, Entry | None]]:
    """The names of two directories in order, each with its entry in either."""
    if old is new:
        return
    left = {entry.name: entry for entry in old}
    right = {entry.name: entry for entry in new}
    for name in sorted(left.keys() | right.keys()):
        yield name, left.get(name), right.get(name)


def compare(
    old: Entry | None, new: Entry | None, read_old: TreeReader, read_new: TreeReader, *, path: bytes = b""
) -> Iterator[TreeChange]:
    """Every file, link and empty directory that differs between `old` and `new`, by path."""
    if same(old, new):
        return
    below_old = _children(old, read_old)
    below_new = _children(new, read_new)
    if below_old is None or below_new is None or not (below_old and below_new):
        yield from _as_itself(path, old, new, below_old, below_new)
    for name, left, right in paired(below_old or (), below_new or ()):
        yield from compare(left, right, read_old, read_new, path=join(path, name))


def compare_part(
    old: Entry,
    new: Entry,
    entries: Callable[[Oid, Collection[bytes]], Mapping[bytes, Entry]],
    read_old: TreeReader,
    read_new: TreeReader,
    *,
    path: bytes = b"",
) -> Iterator[TreeChange]:
    """The differences between `new`, a part of a directory, and the whole `old`. Files that `new` lacks are no change.

    `entries` reads those of some names that a directory of `old` has.
    """
    if same(old, new):
        return
    if old.kind is not Kind.DIRECTORY or new.kind is not Kind.DIRECTORY:
        yield from compare(old, new, read_old, read_new, path=path)
        return
    children = read_new(new.oid)
    known = entries(old.oid, {child.name for child in children})
    for child in children:
        place, before = join(path, child.name), known.get(child.name)
        if before is None:
            yield from compare(None, child, read_old, read_new, path=place)
        else:
            yield from compare_part(before, child, entries, read_old, read_new, path=place)


def with_renames(changes: Iterable[TreeChange]) -> list[TreeChange]:
    """`changes`, where a removal and an addition of the same content are one rename. That excludes empty files."""
    listed = list(changes)
    removed = {
        c.old.oid: c for c in reversed(listed) if c.status is ChangeStatus.REMOVED and c.old and _is_content(c.old)
    }
    result: dict[bytes, TreeChange] = {change.path: change for change in listed}
    for change in listed:
        if change.status is not ChangeStatus.ADDED or change.new is None or not _is_content(change.new):
            continue
        origin = removed.pop(change.new.oid, None)
        if origin is not None:
            del result[origin.path]
            result[change.path] = TreeChange(ChangeStatus.RENAMED, change.path, origin.old, change.new, origin.path)
    return sorted(result.values(), key=lambda change: change.path)


def change_summary(changes: Iterable[TreeChange]) -> str:
    """The numbers of added, removed, modified and renamed files."""
    counts = Counter(change.status for change in changes)
    return ", ".join(f"{counts[one]:,} {one.value}" for one in ChangeStatus if counts[one]) or "no files"


def leaves(root: Entry, read: TreeReader, *, path: bytes = b"") -> Iterator[tuple[bytes, Entry]]:
    """Every file, link and empty directory at or below `root`, by path."""
    below = _children(root, read)
    if not below:
        yield path, root
        return
    for entry in below:
        yield from leaves(entry, read, path=join(path, entry.name))


def find(root: Entry, parts: Sequence[bytes], read: TreeReader) -> Entry | None:
    """The entry at the path `parts` below `root`, or None."""
    entry: Entry | None = root
    for part in parts:
        if entry is None or entry.kind is not Kind.DIRECTORY:
            return None
        entry = next((child for child in read(entry.oid) if child.name == part), None)
    return entry


def join(folder: bytes, name: bytes) -> bytes:
    """The path of `name` in `folder`, which is empty for the root."""
    return folder + b"/" + name if folder else name


def _children(entry: Entry | None, read: TreeReader) -> Sequence[Entry] | None:
    """The entries of a directory; None for a file, a link, or no entry."""
    return read(entry.oid) if entry is not None and entry.kind is Kind.DIRECTORY else None


def _as_itself(
    path: bytes,
    old: Entry | None,
    new: Entry | None,
    below_old: Sequence[Entry] | None,
    below_new: Sequence[Entry] | None,
) -> Iterator[TreeChange]:
    """The change of the entry at `path` itself: a file, a link, or a directory that is empty on one side."""
    was = old if below_old is None or not (below_old or below_new) else None
    now = new if below_new is None or not (below_new or below_old) else None
    if was is not None and now is not None:
        yield TreeChange(ChangeStatus.MODIFIED, path, was, now)
    elif was is not None:
        yield TreeChange(ChangeStatus.REMOVED, path, was, None)
    elif now is not None:
        yield TreeChange(ChangeStatus.ADDED, path, None, now)


def _is_content(entry: Entry) -> bool:
    return entry.kind is not Kind.DIRECTORY and entry.size > 0
