"""Editing trees: one path is replaced, and only the trees above it are written."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from dver.core.errors import MissingObjectError
from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind, Leaf, decode
from dver.store.trees.compare import leaves
from dver.store.trees.edit import directory_entry, keep_common, overlay, replace_entry


class Trees:
    """Trees in memory, and the ones that were written last."""

    def __init__(self) -> None:
        self.known: dict[Oid, bytes] = {}
        self.written: list[Oid] = []

    def read(self, oid: Oid) -> tuple[Entry, ...]:
        if oid not in self.known:
            raise MissingObjectError("missing")
        found = decode(self.known[oid])
        assert isinstance(found, Leaf)
        return found.entries

    def entries(self, oid: Oid, names: Collection[bytes]) -> dict[bytes, Entry]:
        return {entry.name: entry for entry in self.read(oid) if entry.name in names}

    def emit(self, oid: Oid, content: bytes) -> None:
        self.known[oid] = content
        self.written.append(oid)

    def make(self, paths: dict[str, str], name: bytes = b"data") -> Entry:
        """The directory with the files `paths`, contents by path."""
        children: dict[str, dict[str, str]] = {}
        files = []
        for path, content in paths.items():
            first, _, rest = path.partition("/")
            if rest:
                children.setdefault(first, {})[rest] = content
            else:
                files.append(file(first, content))
        folders = [self.make(inner, first.encode()) for first, inner in children.items()]
        return directory_entry(name, sorted([*files, *folders]), self.emit)

    def paths(self, root: Entry) -> dict[str, Oid]:
        return {path.decode(): entry.oid for path, entry in leaves(root, self.read)}


def file(name: str, content: str) -> Entry:
    return Entry(name.encode(), Kind.FILE, Oid.of(content.encode()), len(content))


@pytest.fixture
def trees() -> Trees:
    return Trees()


def replaced(trees: Trees, top: Entry, path: str, found: Entry | None) -> Entry:
    trees.written.clear()
    return replace_entry(top, path.encode().split(b"/"), found, read=trees.read, emit=trees.emit)


def test_only_the_trees_above_the_path_are_written(trees: Trees) -> None:
    top = trees.make({"a/b/one": "1", "a/two": "2", "c/three": "3"})
    found = replaced(trees, top, "a/b/one", file("any", "new"))
    assert trees.paths(found) == trees.paths(trees.make({"a/b/one": "new", "a/two": "2", "c/three": "3"}))
    top_again = replaced(trees, top, "a/b/one", file("any", "new"))
    assert len(trees.written) == 3  # b, a and the top
    assert top_again == found


def test_missing_directories_are_created_and_files_replaced_by_directories(trees: Trees) -> None:
    top = trees.make({"a": "a file", "b": "2"})
    found = replaced(trees, top, "a/new/file", file("x", "1"))
    assert trees.paths(found) == {"a/new/file": Oid.of(b"1"), "b": Oid.of(b"2")}


def test_an_entry_is_removed_and_its_directory_stays(trees: Trees) -> None:
    top = trees.make({"a/one": "1", "b": "2"})
    found = replaced(trees, top, "a/one", None)
    assert [path for path, _ in leaves(found, trees.read)] == [b"a", b"b"]
    assert (found.size, found.files) == (1, 1)


def test_the_root_keeps_its_name(trees: Trees) -> None:
    top = trees.make({"a": "1"})
    assert replace_entry(top, [], file("x", "2"), read=trees.read, emit=trees.emit) == file("data", "2")


def test_an_overlay_keeps_what_was_not_found(trees: Trees) -> None:
    recorded = trees.make({"a/one": "1", "a/two": "2", "b": "3"})
    found = trees.make({"a/one": "edited", "c/new": "4"})
    result = overlay(recorded, found, read=trees.read, emit=trees.emit)
    assert result == trees.make({"a/one": "edited", "a/two": "2", "b": "3", "c/new": "4"})


def test_the_common_part_has_recorded_contents_of_what_was_found(trees: Trees) -> None:
    recorded = trees.make({"a/one": "1", "a/two": "2", "b": "3"})
    found = trees.make({"a/one": "edited", "c/new": "4"})
    result = keep_common(recorded, found, entries=trees.entries, read=trees.read, emit=trees.emit)
    assert trees.paths(result) == {"a/one": Oid.of(b"1")}


def test_a_directory_that_is_missing_in_the_record_is_taken_as_found(trees: Trees) -> None:
    recorded = trees.make({"a/one": "1", "b": "3"})
    found = trees.make({"a/one": "edited", "b": "edited"})
    lost = next(entry for entry in trees.read(recorded.oid) if entry.name == b"a")
    del trees.known[lost.oid]
    result = keep_common(recorded, found, entries=trees.entries, read=trees.read, emit=trees.emit)
    assert trees.paths(result) == {"a/one": Oid.of(b"edited"), "b": Oid.of(b"3")}
