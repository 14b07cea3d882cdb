"""Whether data was edited or its pointer moved: decided from trees alone, without looking at the disk.

Three versions tell the two apart: what the pointer or lock records, what dver placed in the workspace, and what is in
the workspace. A path is *edited* if its content is none that dver placed there. It is *behind* if recording it would
take back a change of the pointer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import Enum

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind
from dver.store.trees.compare import TreeReader, same
from dver.workspace.state.placed import NOTHING

Listing = Callable[[Oid, Collection[bytes] | None], Mapping[bytes, Entry]]
"""Answers with the entries of a directory, by name: those of some names, or all."""


class DataState(Enum):
    """How data differs from its pointer or lock."""

    UNCHANGED = "unchanged"
    OUT_OF_DATE = "out of date"
    """The pointer moved, and the data is what dver placed there before: nothing in it is the user's."""
    MODIFIED = "modified"
    """The data was edited, and the pointer did not move."""
    DIVERGED = "diverged"
    """The data was edited, and the pointer moved."""
    ABSENT = "absent"
    """Nothing is there."""

    @property
    def is_behind(self) -> bool:
        """Would recording the data take back a change of the pointer?"""
        return self in (DataState.OUT_OF_DATE, DataState.DIVERGED)


def data_state(
    found: Entry | None,
    recorded: Entry | None,
    placed: Sequence[Entry],
    read: TreeReader,
    listing: Listing,
    *,
    part: bool = False,
) -> DataState:
    """The state of data of which the workspace has `found`, the pointer says `recorded`, and dver has `placed` there.

    More than one version is placed where a checkout was not finished: each file is then of one of them. `read` reads
    directories of the workspace, `listing` those of the store. Of a `part` of a directory, what is absent is no edit.
    """
    if found is None:
        return DataState.ABSENT
    comparison = _Comparison(read, listing, part)
    comparison.visit(found, recorded, tuple(None if same(one, NOTHING) else one for one in placed) or (None,))
    if comparison.behind:
        return DataState.DIVERGED if comparison.edited else DataState.OUT_OF_DATE
    return DataState.MODIFIED if comparison.edited else DataState.UNCHANGED


class _Comparison:
    """What was found out so far, path by path."""

    def __init__(self, read: TreeReader, listing: Listing, part: bool) -> None:
        self.edited = False
        self.behind = False
        self._read = read
        self._listing = listing
        self._part = part

    def visit(self, found: Entry | None, recorded: Entry | None, placed: tuple[Entry | None, ...]) -> None:
        """Compare one path; None stands for nothing there."""
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
            self._note_moved(recorded, placed)  # which paths moved cannot be known
        if not known:
            self.edited = True  # nothing proves that dver placed what is there
            return
        if wanted is None:
            wanted = known[0]
        for name in sorted(set(below).union(wanted, *known)):
            self.visit(below.get(name), wanted.get(name), tuple(children.get(name) for children in known))

    def _children(self, entry: Entry | None, names: Collection[bytes] | None) -> Mapping[bytes, Entry] | None:
        """What is below `entry`, if that can be read."""
        if entry is None or entry.kind is not Kind.DIRECTORY:
            return {}
        try:
            return self._listing(entry.oid, names)
        except (MissingObjectError, CorruptError):
            return None

    def _note_moved(self, recorded: Entry | None, placed: tuple[Entry | None, ...]) -> None:
        self.behind |= any(not same(one, recorded) for one in placed)
