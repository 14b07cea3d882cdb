"""The state of tracked data: unchanged, modified, out of date or diverged. Pure: it compares trees.

Three versions decide: the recorded one of the pointer or lock, the one that dver placed, and the one in the workspace.
A path is *modified* if dver did not place its content there. It is *behind* if recording it would revert a change
of the pointer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import Enum

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind
from dver.store.trees.compare import TreeReader, same
from dver.workspace.state.placed import NOTHING

ReadEntries = Callable[[Oid, Collection[bytes] | None], Mapping[bytes, Entry]]
"""Reads the entries of a directory with the given names; None means all."""


class DataState(Enum):
    """How data differs from its pointer or lock."""

    UNCHANGED = "unchanged"
    OUT_OF_DATE = "out of date"
    """The pointer moved, and the data is what dver placed before. No file has unsaved changes."""
    MODIFIED = "modified"
    """The data was edited, and the pointer did not move."""
    DIVERGED = "diverged"
    """The data was edited, and the pointer moved."""
    ABSENT = "absent"
    """The data is missing."""

    @property
    def is_behind(self) -> bool:
        """Whether recording the data would revert a change of the pointer."""
        return self in (DataState.OUT_OF_DATE, DataState.DIVERGED)


def data_state(
    found: Entry | None,
    recorded: Entry | None,
    placed: Sequence[Entry],
    read: TreeReader,
    listing: ReadEntries,
    *,
    part: bool = False,
) -> DataState:
    """The state of data: `found` in the workspace, `recorded` in the pointer, and `placed` by dver.

    An interrupted checkout leaves several placed versions; each file belongs to one of them. `read` reads directories
    of the workspace, `listing` those of the store. In a `part` of a directory, missing files are no edit.
    """
    if found is None:
        return DataState.ABSENT
    comparison = _Comparison(read, listing, part)
    comparison.visit(found, recorded, tuple(None if same(one, NOTHING) else one for one in placed) or (None,))
    if comparison.behind:
        return DataState.DIVERGED if comparison.edited else DataState.OUT_OF_DATE
    return DataState.MODIFIED if comparison.edited else DataState.UNCHANGED


class _Comparison:
    """The findings so far, path by path."""

    def __init__(self, read: TreeReader, listing: ReadEntries, part: bool) -> None:
        self.edited = False
        self.behind = False
        self._read = read
        self._listing = listing
        self._part = part

    def visit(self, found: Entry | None, recorded: Entry | None, placed: tuple[Entry | None, ...]) -> None:
        """Compare one path; None stands for a missing file."""
        if same(found, recorded) or (found is None and self._part):
            return
        if any(same(found, one) for one in placed):
            self.behind = True
        elif found is not None and found.kind is Kind.DIRECTORY:
            self._descend(found, recorded, placed)
        else:
            self.edited = True
            self._note_moved(recorded, placed)

    def _descend(self, found: Entry, recorded: Entry | None, placed: tuple[Entry | None, ...]) -> None:
        below = {child.name: child for child in self._read(found.oid)}
        names = below.keys() if self._part else None
        wanted = self._children(recorded, names)
        known = [children for one in placed if (children := self._children(one, names)) is not None]
        if wanted is None or len(known) < len(placed):
            self._note_moved(recorded, placed)  # it is unknown which paths moved
        if not known:
            self.edited = True  # nothing proves that dver placed the data
            return
        if wanted is None:
            wanted = known[0]
        for name in sorted(set(below).union(wanted, *known)):
            self.visit(below.get(name), wanted.get(name), tuple(children.get(name) for children in known))

    def _children(self, entry: Entry | None, names: Collection[bytes] | None) -> Mapping[bytes, Entry] | None:
        """The entries below `entry`, if readable."""
        if entry is None or entry.kind is not Kind.DIRECTORY:
            return {}
        try:
            return self._listing(entry.oid, names)
        except (MissingObjectError, CorruptError):
            return None

    def _note_moved(self, recorded: Entry | None, placed: tuple[Entry | None, ...]) -> None:
        self.behind |= any(not same(one, recorded) for one in placed)
