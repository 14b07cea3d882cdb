"""Editing trees: replacing one path, and combining a recorded tree with a part of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from dver.core.errors import MissingObjectError
from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind, read_directory, totals, write_directory
from dver.store.trees.compare import TreeReader


class NewTrees:
    """Trees that an edit creates, readable before they are in the store. `emit` receives each of them, too."""

    def __init__(self, emit: Callable[[Oid, bytes], None] = lambda oid, content: None) -> None:
        self._emit = emit
        self._new: dict[Oid, bytes] = {}

    def add(self, oid: Oid, content: bytes) -> None:
        """Add an encoded tree."""
        self._new[oid] = content
        self._emit(oid, content)

    def reader(self, stored: TreeReader) -> TreeReader:
        """A reader of directories, new ones or those of `stored`."""
        new = self._new
        return lambda oid: read_directory(new.__getitem__, oid) if oid in new else stored(oid)


def replace_entry(
    top: Entry, inside: Sequence[bytes], found: Entry | None, *, read: TreeReader, emit: Callable[[Oid, bytes], None]
) -> Entry:
    """`top` with the entry at the path `inside` replaced by `found`, or removed if that is None.

    Creates missing directories. Writes only the trees above the path, by `emit`.
    """
    if not inside:
        assert found is not None
        return found._replace(name=top.name)
    children = {child.name: child for child in read(top.oid)} if top.kind is Kind.DIRECTORY else {}
    name, rest = inside[0], inside[1:]
    if rest:
        below = children.get(name) or directory_entry(name, [], emit)
        children[name] = replace_entry(below, rest, found, read=read, emit=emit)
    elif found is None:
        children.pop(name, None)
    else:
        children[name] = found._replace(name=name)
    return directory_entry(top.name, [children[key] for key in sorted(children)], emit)


def overlay(recorded: Entry, found: Entry, *, read: TreeReader, emit: Callable[[Oid, bytes], None]) -> Entry:
    """`recorded`, with entries replaced by those of `found`. Entries that `found` lacks stay as recorded."""
    if recorded.kind is not Kind.DIRECTORY or found.kind is not Kind.DIRECTORY or recorded.oid == found.oid:
        return found
    children = {child.name: child for child in read(recorded.oid)}
    for child in read(found.oid):
        old = children.get(child.name)
        children[child.name] = overlay(old, child, read=read, emit=emit) if old is not None else child
    return directory_entry(found.name, [children[key] for key in sorted(children)], emit)


def keep_common(
    recorded: Entry,
    found: Entry,
    *,
    entries: Callable[[Oid, Collection[bytes]], Mapping[bytes, Entry]],
    read: TreeReader,
    emit: Callable[[Oid, bytes], None],
) -> Entry:
    """`recorded` without the entries that `found` lacks. A missing directory of `recorded` is taken from `found`."""
    if recorded.kind is not Kind.DIRECTORY or found.kind is not Kind.DIRECTORY or recorded.oid == found.oid:
        return recorded
    children = read(found.oid)
    try:
        known = entries(recorded.oid, {child.name for child in children})
    except MissingObjectError:
        return found
    pairs = [(known[child.name], child) for child in children if child.name in known]
    kept = [keep_common(old, child, entries=entries, read=read, emit=emit) for old, child in pairs]
    return directory_entry(found.name, kept, emit)


def directory_entry(name: bytes, entries: Sequence[Entry], emit: Callable[[Oid, bytes], None]) -> Entry:
    """The entry of a directory called `name` with `entries`, which are sorted by name."""
    size, files = totals(entries)
    return Entry(name, Kind.DIRECTORY, write_directory(entries, emit), size, files)
