"""The page of a profile: what it shows, and that nothing from data has an effect."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from browsing import needs_chromium, shown_in_browser
from profile_samples import distinct_of, numbers_of

from dver.core.oid import Oid
from dver.formats.profile import (
    CollectionKind,
    CollectionProfile,
    ColumnProfile,
    ColumnType,
    Profile,
    Unreadable,
    ValueCounts,
)
from dver.reports.quality.profile_page import PROFILE_MARK, profile_page

HOSTILE = "</title></style></code><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">'&\n"
SEEDED = np.random.default_rng(5)
AGE = ColumnProfile("age", ColumnType.INTEGER, 1000, 20, "int64", numbers=numbers_of(SEEDED.integers(18, 90, 980)))
CITY = ColumnProfile(
    "city", ColumnType.TEXT, 1000, 0, distinct=distinct_of(40), lengths=numbers_of([2, 9]), first="Aachen",
    last="Zürich", counts=ValueCounts((("Berlin", 600), ("Bonn", 300), ("", 50)), complete=False, error=2),
)  # fmt: skip
TABLE = CollectionProfile("train/part-*.csv", CollectionKind.TABLE, 1000, 3, 5_000_000, (AGE, CITY))
IMAGES = CollectionProfile(
    "train/images", CollectionKind.IMAGES, 40, 41, 9_000_000,
    (ColumnProfile("width", ColumnType.INTEGER, 40, 0, numbers=numbers_of([224] * 40), distinct=distinct_of(1)),),
    (Unreadable("train/a.png", "image file is truncated"),), 1,
)  # fmt: skip
PROFILE = Profile((IMAGES, TABLE), ignored=7)


class Elements(HTMLParser):
    """The elements, attributes and text of a page. Asserts that each element is closed in order."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page.decode())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag != "meta":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(*columns: ColumnProfile) -> str:
    """The text of a page with one table of these columns."""
    return Elements(profile_page(table_of(*columns), path="t.csv")).text


def table_of(*columns: ColumnProfile) -> Profile:
    return Profile((replace(TABLE, name="", columns=columns),))


def test_a_page_names_the_data_and_its_totals() -> None:
    page = profile_page(PROFILE, path="data", oid=Oid.of(b"x"), version="v1.2")
    assert page.startswith(PROFILE_MARK)
    text = Elements(page).text
    for part in ("Profile of data at v1.2", "14 MB", "1,000 rows in 3 files", "40 images", Oid.of(b"x").short):
        assert part in text
    assert re.search(r"unreadable files\s*1\s", text)
    assert re.search(r"other files\s*7\s", text)
    assert "train/a.png: image file is truncated" in text


def test_a_column_has_type_nulls_distinct_values_and_range() -> None:
    text = shown(AGE, CITY)
    for part in ("integer", "int64", "18 to 89", "2 %", "40", "Aachen", "Berlin", "600", "60.0 %", "(blank)"):
        assert part in text
    assert "and other values" in text


def test_values_that_are_no_numbers_are_counted() -> None:
    assert "2 to 4, mean 3 5 NaN, 1 infinite" in shown(
        ColumnProfile("x", ColumnType.NUMBER, 8, 0, nans=5, infinities=1, numbers=numbers_of([2, 4]))
    )


def test_an_estimate_of_distinct_values_is_not_above_their_number() -> None:
    found = shown(ColumnProfile("x", ColumnType.TEXT, 900, 0, distinct=distinct_of(1000)))
    assert "≈ 900" in found


def test_times_are_dates() -> None:
    column = ColumnProfile("at", ColumnType.TIME, 2, 0, numbers=numbers_of([1_700_000_000, 1_800_000_000]))
    assert "2023-11-14 22:13:20 to 2027-01-15 08:00" in shown(column)


def test_a_time_that_no_calendar_has_is_seconds() -> None:
    assert "1e+18 s" in shown(ColumnProfile("at", ColumnType.TIME, 1, 0, numbers=numbers_of([1e18])))


def test_a_private_column_says_so() -> None:
    column = ColumnProfile("email", ColumnType.TEXT, 9, 0, lengths=numbers_of([3, 20]), private=True)
    assert "values were left out" in shown(column)


@pytest.mark.parametrize("kind", list(ColumnType))
def test_a_column_of_any_type_without_values_has_a_row(kind: ColumnType) -> None:
    assert "nothing" in shown(ColumnProfile("nothing", kind, 5, 5))


def test_an_empty_directory_says_that_nothing_was_found() -> None:
    assert "neither tables nor images" in Elements(profile_page(Profile(()), path="data")).text


def test_a_damaged_sketch_leaves_out_its_chart() -> None:
    damaged = replace(numbers_of([1, 2]), quantiles=b"?")
    assert "damaged" in shown(ColumnProfile("age", ColumnType.NUMBER, 2, 0, numbers=damaged, distinct=b"?"))


PLACES = {
    "path": lambda: profile_page(PROFILE, path=HOSTILE),
    "version": lambda: profile_page(PROFILE, path="data", version=HOSTILE),
    "collection": lambda: profile_page(Profile((replace(TABLE, name=HOSTILE),)), path="data"),
    "unreadable path": lambda: unreadable(HOSTILE, "why"),
    "unreadable reason": lambda: unreadable("path", HOSTILE),
    "column": lambda: profile_page(table_of(replace(AGE, name=HOSTILE)), path="data"),
    "declared type": lambda: profile_page(table_of(replace(AGE, declared=HOSTILE)), path="data"),
    "value": lambda: profile_page(table_of(replace(CITY, counts=ValueCounts(((HOSTILE, 9),), True))), path="data"),
    "first": lambda: profile_page(table_of(replace(CITY, first=HOSTILE)), path="data"),
    "last": lambda: profile_page(table_of(replace(CITY, last=HOSTILE)), path="data"),
}


def unreadable(path: str, why: str) -> bytes:
    return profile_page(Profile((replace(IMAGES, unreadable=(Unreadable(path, why),)),)), path="data")


@pytest.mark.parametrize("place", PLACES)
def test_text_of_data_is_shown_and_never_markup(place: str) -> None:
    found = Elements(PLACES[place]())
    assert "</title></style></code><script>" in found.text
    assert {"script", "img"}.isdisjoint(found.tags)
    assert [name for name in found.attributes if name.startswith("on")] == []


def test_a_page_loads_and_runs_nothing() -> None:
    page = profile_page(PROFILE, path="data")
    assert b"default-src &#x27;none&#x27;" in page
    assert {"script", "link", "iframe", "object"}.isdisjoint(Elements(page).tags)
    assert b"http://" not in page
    assert b"https://" not in page


WIDE = tuple(replace(CITY if at % 3 else AGE, name=f"feature_{at}_{'x' * (at % 40)}") for at in range(1000))


def test_the_page_of_a_thousand_columns_is_small() -> None:
    assert len(profile_page(table_of(*WIDE), path="wide.csv")) < 3_000_000


@pytest.mark.long
@needs_chromium
@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, False)], ids=["phone, dark", "wide, light"])
def test_a_browser_shows_the_page_and_runs_nothing_of_the_data(width: int, dark: bool) -> None:
    long = replace(AGE, name="n" * 300)
    hostile = replace(CITY, name=HOSTILE, first=HOSTILE, counts=ValueCounts(((HOSTILE, 9),), True))
    found = Profile((IMAGES, replace(TABLE, columns=(AGE, long, hostile, *WIDE[:60]))))
    page = profile_page(found, path=f"data/{HOSTILE}").replace(b"<details>", b"<details open>")
    shown = shown_in_browser(page, width=width, dark=dark)
    assert shown.overflow <= 0
    assert not shown.title.startswith("run")
    assert shown.flat_charts == 0
    assert shown.messages == ()
