from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pytest

from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind
from dver.store.trees.compare import (
    ChangeStatus,
    TreeChange,
    compare,
    compare_part,
    find,
    join,
    leaves,
    paired,
    same,
    with_renames,
)

Layout = Mapping[str, "str | Layout"]
"""Files with their content, and directories."""


class Trees:
    """Directories in memory, which counts how often they are read."""

    def __init__(self) -> None:
        self.known: dict[Oid, list[Entry]] = {}
        self.reads: list[Oid] = []

    def root(self, layout: str | Layout, name: str = "") -> Entry:
        if isinstance(layout, str):
            return Entry(name.encode(), Kind.FILE, Oid.of(layout.encode()), len(layout))
        below = [self.root(one, key) for key, one in sorted(layout.items())]
        oid = Oid.of(repr(below).encode())
        self.known[oid] = below
        return Entry(name.encode(), Kind.DIRECTORY, oid, sum(one.size for one in below))

    def read(self, oid: Oid) -> Sequence[Entry]:
        self.reads.append(oid)
        return self.known[oid]

    def entries(self, oid: Oid, names: Collection[bytes]) -> dict[bytes, Entry]:
        return {one.name: one for one in self.known[oid] if one.name in names}

    def changes(self, old: str | Layout | None, new: str | Layout | None) -> list[TreeChange]:
        left, right = (None if one is None else self.root(one) for one in (old, new))
        return list(compare(left, right, self.read, self.read))


def shown(changes: Collection[TreeChange]) -> list[tuple[str, str]]:
    return [(one.status.value, one.path.decode()) for one in changes]


def test_changes_of_files_are_listed_by_path() -> None:
    found = Trees().changes({"a": "1", "d": {"x": "1"}, "gone": "1"}, {"a": "2", "d": {"x": "1", "y": "1"}, "n": "1"})
    assert shown(found) == [("modified", "a"), ("added", "d/y"), ("removed", "gone"), ("added", "n")]
    assert (found[0].old, found[1].old, found[2].new) == (Trees().root("1", "a"), None, None)


def test_equal_directories_are_not_read() -> None:
    trees = Trees()
    same_directory: Layout = {"x": "1"}
    old, new = trees.root({"d": same_directory, "a": "1"}), trees.root({"d": same_directory, "a": "2"})
    assert shown(list(compare(old, new, trees.read, trees.read))) == [("modified", "a")]
    assert trees.reads == [old.oid, new.oid]
    assert list(compare(old, old, trees.read, trees.read)) == []
    assert len(trees.reads) == 2


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("1", "2", [("modified", "")]),
        (None, "1", [("added", "")]),
        ("1", None, [("removed", "")]),
        (None, None, []),
        (None, {}, [("added", "")]),
        ({}, None, [("removed", "")]),
        ({}, {"a": "1"}, [("added", "a")]),
        ({"a": "1"}, {}, [("removed", "a")]),
        ("1", {}, [("modified", "")]),
        ({}, "1", [("modified", "")]),
        ("1", {"a": "1"}, [("removed", ""), ("added", "a")]),
        ({"a": "1"}, "1", [("added", ""), ("removed", "a")]),
        ({"d": {"e": {}}}, {"d": {}}, [("removed", "d/e")]),
        ({}, {"d": {"e": {}}}, [("added", "d/e")]),
    ],
)
def test_files_and_empty_directories_are_changes_of_their_own(
    old: str | Layout | None, new: str | Layout | None, found: list[tuple[str, str]]
) -> None:
    assert shown(Trees().changes(old, new)) == found


def test_another_mode_of_the_same_content_is_a_change() -> None:
    old = Trees().root("1", "run.sh")
    new = old._replace(kind=Kind.EXECUTABLE)
    found = list(compare(old, new, Trees().read, Trees().read, path=b"run.sh"))
    assert found == [TreeChange(ChangeStatus.MODIFIED, b"run.sh", old, new)]
    assert same(old, old._replace(name=b"other"))
    assert not same(old, None)


def test_a_removal_and_an_addition_of_the_same_content_are_a_rename() -> None:
    found = with_renames(Trees().changes({"b/old": "1", "keep": "1"}, {"a/new": "1", "keep": "1"}))
    assert [(one.status, one.path, one.old_path) for one in found] == [(ChangeStatus.RENAMED, b"a/new", b"b/old")]


def test_each_removed_file_is_the_origin_of_one_rename() -> None:
    found = with_renames(Trees().changes({"a": "1", "b": "1"}, {"x": "1", "y": "2", "z": "1"}))
    assert shown(found) == [("removed", "b"), ("renamed", "x"), ("added", "y"), ("added", "z")]


def test_empty_files_and_directories_are_not_renamed() -> None:
    found = with_renames(Trees().changes({"a": "", "d": {}}, {"b": "", "e": {}}))
    assert shown(found) == [("removed", "a"), ("added", "b"), ("removed", "d"), ("added", "e")]


def test_a_modified_file_is_not_the_origin_of_a_rename() -> None:
    assert shown(with_renames(Trees().changes({"a": "1"}, {"a": "2", "b": "1"}))) == [("modified", "a"), ("added", "b")]


def test_files_missing_from_a_part_are_no_change() -> None:
    trees = Trees()
    old = trees.root({"a": "1", "b": "1", "d": {"x": "1", "y": "1"}})
    new = trees.root({"b": "2", "d": {"x": "2", "z": "1"}, "n": {"m": "1"}})
    found = list(compare_part(old, new, trees.entries, trees.read, trees.read))
    assert shown(found) == [("modified", "b"), ("modified", "d/x"), ("added", "d/z"), ("added", "n/m")]


def test_a_directory_that_became_a_file_is_compared_as_a_whole() -> None:
    trees = Trees()
    old, new = trees.root({"d": {"x": "1"}}), trees.root({"d": "1"})
    found = list(compare_part(old, new, trees.entries, trees.read, trees.read))
    assert shown(found) == [("added", "d"), ("removed", "d/x")]


def test_leaves_are_files_and_empty_directories() -> None:
    trees = Trees()
    root = trees.root({"a": "1", "d": {"e": {}, "f": "2"}})
    assert [path for path, _ in leaves(root, trees.read)] == [b"a", b"d/e", b"d/f"]
    assert [path for path, _ in leaves(root, trees.read, path=b"data")] == [b"data/a", b"data/d/e", b"data/d/f"]
    empty = trees.root({})
    assert list(leaves(empty, trees.read)) == [(b"", empty)]


def test_an_entry_is_found_by_its_path() -> None:
    trees = Trees()
    root = trees.root({"d": {"f": "2"}})
    assert find(root, [], trees.read) == root
    assert find(root, [b"d", b"f"], trees.read) == trees.root("2", "f")
    assert find(root, [b"d", b"g"], trees.read) is None
    assert find(root, [b"d", b"f", b"g"], trees.read) is None
    assert find(root, [b"x", b"f"], trees.read) is None


def test_entries_of_two_directories_are_paired_by_name() -> None:
    trees = Trees()
    a, b, c = (trees.root("1", name) for name in "abc")
    assert list(paired([a, b], [b, c])) == [(b"a", a, None), (b"b", b, b), (b"c", None, c)]


def test_paths_are_joined_without_a_slash_at_the_root() -> None:
    assert (join(b"", b"a"), join(b"d", b"a")) == (b"a", b"d/a")
