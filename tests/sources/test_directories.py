"""Directories made of entries from several places."""

from __future__ import annotations

from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind, read_directory
from dver.sources.directories import directory_of


def test_nested_directories_have_sorted_entries_under_their_names() -> None:
    file = Entry(b"", Kind.EXECUTABLE, Oid.of(b"x"), 1)
    tree = Entry(b"other", Kind.DIRECTORY, Oid.of(b"tree"), 10, 3)
    found: dict[Oid, bytes] = {}
    top = directory_of({b"b/c/file": file, b"b/tree": tree, b"a": file}, found.__setitem__)
    assert (top.name, top.size, top.files) == (b"", 12, 5)
    entries = read_directory(found.__getitem__, top.oid)
    assert [(one.name, one.kind) for one in entries] == [(b"a", Kind.EXECUTABLE), (b"b", Kind.DIRECTORY)]
    below = read_directory(found.__getitem__, entries[1].oid)
    assert [(one.name, one.files) for one in below] == [(b"c", 1), (b"tree", 3)]
    assert below[1] == tree._replace(name=b"tree")
