"""The model of a page of differences: totals and the tree of changed paths."""

from __future__ import annotations

from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind
from dver.reports.difference import FILES_OF_DIRECTORY, ChangedDirectory, totals_of, tree_of
from dver.store.trees.compare import ChangeStatus, TreeChange


def entry(path: bytes, size: int = 10, kind: Kind = Kind.FILE) -> Entry:
    """A file whose content depends on its path and size."""
    return Entry(path.rpartition(b"/")[2], kind, Oid.of(path + bytes([size % 256])), size)


def added(path: bytes, size: int = 10) -> TreeChange:
    """A new file."""
    return TreeChange(ChangeStatus.ADDED, path, None, entry(path, size))


def modified(path: bytes, old: int, new: int) -> TreeChange:
    """A file of another size."""
    return TreeChange(ChangeStatus.MODIFIED, path, entry(path, old), entry(path, new))


def names(directory: ChangedDirectory) -> dict[str, int]:
    """The directories below, with their numbers of changes."""
    return {one.name: one.total for one in directory.directories.values()}


def test_totals_count_changes_and_bytes_on_both_sides() -> None:
    empty = TreeChange(ChangeStatus.ADDED, b"d/e", None, entry(b"d/e", 0, Kind.DIRECTORY))
    totals = totals_of([added(b"d/a", 5), modified(b"d/b", 7, 9), empty])
    assert totals.counts == {ChangeStatus.ADDED: 2, ChangeStatus.MODIFIED: 1}
    assert (totals.old_size, totals.new_size) == (7, 14)


def test_directories_with_one_entry_are_joined() -> None:
    tree = tree_of([added(b"a/b/c/1"), added(b"a/b/c/2"), added(b"z/1")])
    assert names(tree) == {"a/b/c": 2, "z": 1}


def test_a_directory_with_files_of_its_own_is_not_joined() -> None:
    tree = tree_of([added(b"a/1"), added(b"a/b/2")])
    assert names(tree) == {"a": 2}
    assert names(tree.directories[b"a"]) == {"b": 1}


def test_a_large_directory_lists_some_files_and_counts_the_rest() -> None:
    tree = tree_of([added(b"d/%05d" % at) for at in range(1_000)])
    (directory,) = tree.directories.values()
    assert len(directory.files) == FILES_OF_DIRECTORY
    assert directory.left_out == 1_000 - FILES_OF_DIRECTORY
    assert directory.total == 1_000


def test_the_page_as_a_whole_lists_a_limited_number_of_files() -> None:
    tree = tree_of([added(b"%03d/%d" % (number, at)) for number in range(100) for at in range(10)], shown=25)
    assert sum(len(one.files) for one in tree.directories.values()) == 25
    assert sum(one.left_out for one in tree.directories.values()) == 975
    assert tree.total == 1_000
