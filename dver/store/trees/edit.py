"""Changing one place inside of a tree: only the directories above it are written anew."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from dver.core.errors import MissingObjectError
from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind, totals, write_directory
from dver.store.trees.compare import TreeReader


def replace_entry(
    top: Entry, inside: Sequence[bytes], found: Entry | None, *, read: TreeReader, emit: Callable[[Oid, bytes], None]
) -> Entry:
    """`top` with `found` at the place `inside` of it, or with nothing there. Directories on the way are made.

    `emit` takes the encoded trees that are new.
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
    """`recorded` with all that was `found` in place of it: what was not found stays as it is recorded."""
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
    """`recorded` without what was not `found`. A directory of `recorded` that cannot be read is as it was found."""
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
    """A directory called `name` with `entries`, sorted by name."""
    size, files = totals(entries)
    return Entry(name, Kind.DIRECTORY, write_directory(entries, emit), size, files)
