"""The difference of two versions as a page shows it: counts, a tree of changed paths, pictures and tables. Pure."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from dver.formats.tree import Entry, Kind
from dver.reports.thumbnails import Thumbnail
from dver.store.trees.compare import ChangeStatus, TreeChange
from dver.tables.difference import TableSummary

FILES_SHOWN: Final = 5_000
"""The most files that a page lists by name. Further ones are counted."""
FILES_OF_DIRECTORY: Final = 200
"""The most files of one directory that a page lists by name."""


@dataclass(frozen=True, slots=True)
class ChangeTotals:
    """Numbers of changed files by kind of change, and bytes of their contents before and after."""

    counts: Counter[ChangeStatus]
    old_size: int
    new_size: int


@dataclass(slots=True)
class ChangedDirectory:
    """The changes at and below a directory. `name` has several parts if directories between have no other entries."""

    name: str
    files: list[TreeChange] = field(default_factory=list)
    """The changed entries of the directory that are listed by name."""
    left_out: int = 0
    """Further changed entries of the directory."""
    directories: dict[bytes, ChangedDirectory] = field(default_factory=dict)
    total: int = 0
    """All changes at and below the directory."""


@dataclass(frozen=True, slots=True)
class PicturePair:
    """A changed image before and after. None for a missing side; text for a side that is not shown, with the reason."""

    path: str
    old: Thumbnail | str | None
    new: Thumbnail | str | None


@dataclass(frozen=True, slots=True)
class TablePair:
    """A changed table before and after; None for a missing side."""

    path: str
    old: TableSummary | None
    new: TableSummary | None


@dataclass(frozen=True, slots=True)
class DifferenceReport:
    """Everything that the page shows. `old` and `new` name the versions; `notes` say what is not shown."""

    old: str
    new: str
    totals: ChangeTotals
    tree: ChangedDirectory
    pictures: tuple[PicturePair, ...] = ()
    tables: tuple[TablePair, ...] = ()
    notes: tuple[str, ...] = ()


def totals_of(changes: Iterable[TreeChange]) -> ChangeTotals:
    """The numbers and sizes of `changes`."""
    counts: Counter[ChangeStatus] = Counter()
    old = new = 0
    for change in changes:
        counts[change.status] += 1
        old += _size(change.old)
        new += _size(change.new)
    return ChangeTotals(counts, old, new)


def tree_of(changes: Sequence[TreeChange], *, shown: int = FILES_SHOWN) -> ChangedDirectory:
    """The directories of `changes`, which are sorted by path, with at most `shown` files by name."""
    top = ChangedDirectory("")
    for change in changes:
        *parents, _ = change.path.split(b"/")
        directory = top
        directory.total += 1
        for name in parents:
            directory = directory.directories.setdefault(name, ChangedDirectory(os.fsdecode(name)))
            directory.total += 1
        if shown and len(directory.files) < FILES_OF_DIRECTORY:
            directory.files.append(change)
            shown -= 1
        else:
            directory.left_out += 1
    return _joined(top)


def _joined(directory: ChangedDirectory) -> ChangedDirectory:
    """`directory` with chains of directories that have one entry each joined to one."""
    below = {name: _joined(one) for name, one in directory.directories.items()}
    directory.directories = below
    if directory.name and not directory.files and not directory.left_out and len(below) == 1:
        (only,) = below.values()
        only.name = f"{directory.name}/{only.name}"
        return only
    return directory


def _size(entry: Entry | None) -> int:
    return entry.size if entry is not None and entry.kind is not Kind.DIRECTORY else 0
