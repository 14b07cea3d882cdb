from __future__ import annotations

from typing import Any

import pytest

from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind
from dver.tracking.partial_directories import is_partial, partial_below

DIRECTORY = Entry(b"d", Kind.DIRECTORY, Oid.of(b""), 0)
FILE = Entry(b"d", Kind.FILE, Oid.of(b""), 0)


class State:
    """The recorded state of a workspace."""

    def __init__(self, *partial: bytes, placed: tuple[bytes, ...] = ()) -> None:
        self.partial = frozenset(partial)
        self.placed = dict.fromkeys(placed, ())


@pytest.mark.parametrize(
    ("state", "entry", "partial"),
    [
        (State(b"d", placed=(b"d",)), DIRECTORY, True),
        (State(placed=(b"d",)), DIRECTORY, False),
        (State(), DIRECTORY, True),
        (State(b"d"), FILE, False),
    ],
)
def test_a_directory_is_partial_if_recorded_so_or_never_placed(state: Any, entry: Entry, partial: bool) -> None:
    assert is_partial(state, b"d", entry) is partial


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ([b"a"], [b"a/x", b"a/y"]),
        ([b"a/x"], [b"a/x"]),
        ([b"a/x/below"], []),
        ([b""], [b"a/x", b"a/y", b"ab"]),
        ([], []),
    ],
)
def test_partial_directories_are_found_at_or_below_a_place(places: list[bytes], found: list[bytes]) -> None:
    state: Any = State(b"ab", b"a/y", b"a/x")
    assert partial_below(state, iter(places)) == found
    empty: Any = State()
    assert partial_below(empty, places) == []
