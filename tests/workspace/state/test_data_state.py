"""What is out of date, what was edited, and what is both: decided from three versions of a directory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pytest

from dver.core.errors import MissingObjectError
from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind, read_directory
from dver.store.trees.edit import directory_entry
from dver.workspace.state.data_state import DataState, data_state
from dver.workspace.state.placed import NOTHING

Files = Mapping[str, str]


class _Trees:
    """Directories by their oid; some are not in the store."""

    def __init__(self) -> None:
        self._objects: dict[Oid, bytes] = {}
        self._missing: set[Oid] = set()

    def make(self, files: Files, *, missing: bool = False) -> Entry:
        below: dict[str, dict[str, str]] = {}
        entries = []
        for path, text in files.items():
            name, slash, rest = path.partition("/")
            if slash:
                below.setdefault(name, {})[rest] = text
            else:
                entries.append(_file(name, text))
        entries += [self.make(inner)._replace(name=name.encode()) for name, inner in below.items()]
        made = directory_entry(b"data", sorted(entries), self._objects.__setitem__)
        if missing:
            self._missing.add(made.oid)
        return made

    def read(self, oid: Oid) -> Sequence[Entry]:
        return read_directory(self._objects.__getitem__, oid)

    def listing(self, oid: Oid, names: Collection[bytes] | None) -> Mapping[bytes, Entry]:
        if oid in self._missing:
            raise MissingObjectError("not in the store")
        return {one.name: one for one in self.read(oid) if names is None or one.name in names}


def _file(name: str, text: str, kind: Kind = Kind.FILE) -> Entry:
    return Entry(name.encode(), kind, Oid.of(text.encode()), len(text))


OLD = {"a": "1", "sub/b": "1", "gone": "1"}
NEW = {"a": "2", "sub/b": "1", "fresh": "1"}


@pytest.mark.parametrize(
    ("found", "placed", "state"),
    [
        (NEW, [NEW], DataState.UNCHANGED),
        (NEW, [OLD], DataState.UNCHANGED),
        (OLD, [OLD], DataState.OUT_OF_DATE),
        (OLD, [OLD, NEW], DataState.OUT_OF_DATE),
        ({**OLD, "a": "2"}, [OLD, NEW], DataState.OUT_OF_DATE),
        ({"a": "2", "sub/b": "1"}, [OLD, NEW], DataState.OUT_OF_DATE),
        ({**NEW, "a": "3"}, [NEW], DataState.MODIFIED),
        ({**NEW, "more": "1"}, [NEW], DataState.MODIFIED),
        ({"a": "2", "sub/b": "1"}, [NEW], DataState.MODIFIED),
        ({**NEW, "sub/b": "2"}, [OLD, NEW], DataState.MODIFIED),
        (OLD, [NEW], DataState.MODIFIED),
        ({**OLD, "a": "3"}, [OLD], DataState.DIVERGED),
        ({**OLD, "more": "1"}, [OLD], DataState.DIVERGED),
        ({**NEW, "a": "3"}, [OLD, NEW], DataState.DIVERGED),
        ({**NEW, "gone": "2"}, [OLD, NEW], DataState.DIVERGED),
        ({**OLD, "fresh": "2"}, [OLD], DataState.DIVERGED),
    ],
)
def test_a_directory_is_compared_path_by_path(found: Files, placed: list[Files], state: DataState) -> None:
    trees = _Trees()
    versions = [trees.make(one) for one in placed]
    assert data_state(trees.make(found), trees.make(NEW), versions, trees.read, trees.listing) is state


@pytest.mark.parametrize(
    ("found", "state"),
    [(OLD, DataState.OUT_OF_DATE), ({**OLD, "a": "3"}, DataState.DIVERGED), (NEW, DataState.UNCHANGED)],
)
def test_the_new_version_need_not_be_readable(found: Files, state: DataState) -> None:
    trees = _Trees()
    placed = [trees.make(OLD), trees.make(NEW, missing=True)]
    assert data_state(trees.make(found), trees.make(NEW), placed, trees.read, trees.listing) is state


def test_nothing_proves_that_dver_placed_what_cannot_be_read() -> None:
    trees = _Trees()
    edited, old, new = trees.make({**OLD, "more": "1"}), trees.make(OLD, missing=True), trees.make(NEW)
    assert data_state(edited, new, [old], trees.read, trees.listing) is DataState.DIVERGED
    assert data_state(edited, old, [old], trees.read, trees.listing) is DataState.MODIFIED


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ({"a": "2"}, DataState.OUT_OF_DATE),
        ({}, DataState.OUT_OF_DATE),
        ({"a": "3"}, DataState.DIVERGED),
        ({**NEW, "more": "1"}, DataState.MODIFIED),
    ],
)
def test_a_first_checkout_that_was_not_finished_deletes_nothing(found: Files, state: DataState) -> None:
    trees = _Trees()
    new = trees.make(NEW)
    assert data_state(trees.make(found), new, [NOTHING, new], trees.read, trees.listing) is state


@pytest.mark.parametrize(
    ("found", "placed", "state"),
    [
        ({"sub/b": "1"}, [NEW], DataState.UNCHANGED),
        ({"a": "1"}, [OLD], DataState.OUT_OF_DATE),
        ({"a": "1", "sub/b": "2"}, [OLD], DataState.DIVERGED),
        ({"sub/b": "2"}, [OLD], DataState.MODIFIED),
        ({"more": "1"}, [], DataState.MODIFIED),
        ({"a": "3"}, [], DataState.DIVERGED),
    ],
)
def test_of_a_part_only_what_is_there_counts(found: Files, placed: list[Files], state: DataState) -> None:
    trees = _Trees()
    versions = [trees.make(one) for one in placed]
    assert data_state(trees.make(found), trees.make(NEW), versions, trees.read, trees.listing, part=True) is state


def test_a_file_and_its_mode() -> None:
    trees = _Trees()
    old, new, other = _file("f", "1"), _file("f", "2"), _file("f", "2", Kind.EXECUTABLE)

    def state(found: Entry | None, *placed: Entry) -> DataState:
        return data_state(found, new, placed, trees.read, trees.listing)

    assert state(None, new) is DataState.ABSENT
    assert state(old, old, new) is DataState.OUT_OF_DATE
    assert state(other, new) is DataState.MODIFIED
    assert state(other, old) is DataState.DIVERGED
    assert state(other) is DataState.DIVERGED, "where dver placed nothing, no common version is known"
