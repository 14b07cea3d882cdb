"""Short forms of results at a prompt and in notebooks."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dver.core.display import Displayed, html_table
from dver.core.errors import UsageError
from dver.core.oid import Oid


class Colour(Enum):
    RED = "red"


class Pair(NamedTuple):
    left: bytes
    right: int


@dataclass(frozen=True, slots=True, repr=False)
class Part(Displayed):
    path: bytes
    size: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Whole(Displayed):
    name: str
    parts: tuple[Any, ...] = ()
    states: Mapping[str, Colour] = field(default_factory=dict)
    dry_run: bool = False
    extra: Any = None

    @property
    def is_clean(self) -> bool:
        return not self.parts


class _Cells(HTMLParser):
    """The texts of a page, and the names of its elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def html(value: Displayed) -> _Cells:
    return _Cells(value._repr_html_())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Whole("one"), "Whole(name='one', is_clean=True)"),
        (Whole("x", (1, 2, 3)), "Whole(name='x', parts=<3 items>, is_clean=False)"),
        (Whole("x", extra=Colour.RED, dry_run=True), "Whole(name='x', dry_run=True, extra=red, is_clean=True)"),
        (Whole("x", extra=Oid.of(b"")), "Whole(name='x', extra='af1349b9f5f9', is_clean=True)"),
        (Whole("x", extra=Part(b"a/b", 3)), "Whole(name='x', extra=Part(path='a/b', size=3), is_clean=True)"),
        (Whole("x", extra=Path("a")), "Whole(name='x', extra='a', is_clean=True)"),
        (Whole("x", extra=UsageError("no such thing")), "Whole(name='x', extra=no such thing, is_clean=True)"),
        (Part(b"a\nb\xff"), "Part(path='a\\\\nb\\\\udcff')"),
    ],
)
def test_a_repr_is_one_short_line(value: Displayed, text: str) -> None:
    assert repr(value) == text


def test_a_repr_stays_short() -> None:
    assert len(repr(Whole("x" * 10_000, tuple(range(100_000))))) < 300


def test_a_table_has_a_row_for_each_item_and_says_how_many_it_leaves_out() -> None:
    cells = html(Whole("x", tuple(Part(b"path %d" % number, 1500 * number) for number in range(1000))))
    assert cells.texts.count("path 19") == 1
    assert "path 20" not in cells.texts
    assert "… and 980 more" in cells.texts
    assert "parts: 1,000" in cells.texts
    assert "28 kB" in cells.texts


def test_columns_without_a_value_are_left_out() -> None:
    cells = html(Whole("x", (Whole("a"), Whole("b", extra="more"))))
    assert "extra" in cells.texts
    assert "states" not in cells.texts[cells.texts.index("parts: 2") :]


def test_named_tuples_mappings_and_plain_items_are_tables_too() -> None:
    cells = html(Whole("x", (Pair(b"l", 2),), {"train": Colour.RED}, extra=("plain",)))
    assert {"left", "l", "2", "train", "red", "plain"} <= set(cells.texts)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><b>', "&amp;"])
def test_names_are_escaped(text: str) -> None:
    value = Whole(text, (Part(text.encode()), text), {text: Colour.RED}, extra=UsageError(text))
    page = html(value)
    assert page.tags <= {"div", "b", "table", "tr", "td", "th"}
    assert text in page.texts
    assert _Cells(html_table(text, (text,), [(text,)])).texts == [text] * 3


def test_names_that_are_not_utf_8_can_be_written() -> None:
    written = Part(b"\xff\x1b[31m")._repr_html_().encode()
    assert b"[31m" in written
    assert b"\xff" not in written


def test_equality_slots_and_pickling_are_those_of_the_dataclass() -> None:
    one = Part(b"a", 1)
    assert one == Part(b"a", 1) != Part(b"a", 2)
    assert hash(one) == hash(Part(b"a", 1))
    assert not hasattr(one, "__dict__")
    assert pickle.loads(pickle.dumps(one)) == one
