from __future__ import annotations

import os

import pytest

from dver.cli.render.data.changes import change_line
from dver.cli.render.terminal import Style
from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind
from dver.store.trees.compare import ChangeStatus, TreeChange, change_summary

PLAIN = Style(enabled=False)


def entry(size: int = 10, kind: Kind = Kind.FILE) -> Entry:
    return Entry(b"f", kind, Oid.of(b"%d" % size), size)


ADDED = TreeChange(ChangeStatus.ADDED, b"f", None, entry())
REMOVED = TreeChange(ChangeStatus.REMOVED, b"f", entry(1500), None)
MODIFIED = TreeChange(ChangeStatus.MODIFIED, b"f", entry(), entry(2_000_000))
RENAMED = TreeChange(ChangeStatus.RENAMED, b"f", entry(), entry(), b"g")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (ADDED, "A f  (10 B)"),
        (REMOVED, "D f  (1.5 kB)"),
        (MODIFIED, "M f  (10 B -> 2.0 MB)"),
        (RENAMED, "R g -> f"),
        (TreeChange(ChangeStatus.MODIFIED, b"f", entry(), entry()), "M f"),
        (TreeChange(ChangeStatus.MODIFIED, b"f", entry(), entry(kind=Kind.EXECUTABLE)), "M f  (file -> executable)"),
        (TreeChange(ChangeStatus.ADDED, b"f", None, entry(0, Kind.DIRECTORY)), "A f  (empty directory)"),
        (TreeChange(ChangeStatus.ADDED, b"f", None, None), "A f"),
    ],
)
def test_a_change_is_a_letter_a_path_and_sizes(change: TreeChange, line: str) -> None:
    assert change_line(change, PLAIN, os.fsdecode) == line


@pytest.mark.parametrize(("change", "color"), [(ADDED, 32), (REMOVED, 31), (MODIFIED, 33), (RENAMED, 33)])
def test_the_letter_is_coloured_by_the_kind_of_change(change: TreeChange, color: int) -> None:
    assert change_line(change, Style(enabled=True), os.fsdecode).startswith(f"\x1b[{color}m")


def test_a_summary_counts_each_kind_of_change() -> None:
    assert change_summary([]) == "no files"
    assert change_summary([RENAMED]) == "1 renamed"
    assert change_summary([MODIFIED, REMOVED, RENAMED, *[ADDED] * 1000]) == (
        "1,000 added, 1 removed, 1 modified, 1 renamed"
    )
