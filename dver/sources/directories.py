"""Directories made of entries from several places."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dver.core.oid import Oid
from dver.formats.tree import Entry
from dver.store.trees.edit import directory_entry

_Directory = dict[bytes, "Entry | _Directory"]


def directory_of(entries: Mapping[bytes, Entry], emit: Callable[[Oid, bytes], None]) -> Entry:
    """The directory with `entries` by path, under an empty name. `emit` receives its trees."""
    top: _Directory = {}
    for path, entry in entries.items():
        *parents, name = path.split(b"/")
        at = top
        for parent in parents:
            below = at.setdefault(parent, {})
            assert isinstance(below, dict)
            at = below
        at[name] = entry._replace(name=name)
    return _written(b"", top, emit)


def _written(name: bytes, directory: _Directory, emit: Callable[[Oid, bytes], None]) -> Entry:
    children = [
        _written(child, below, emit) if isinstance(below, dict) else below for child, below in sorted(directory.items())
    ]
    return directory_entry(name, children, emit)
