"""The page of a difference: its text, what it may load, and how a browser shows it."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from browsing import needs_chromium, shown_in_browser

from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind
from dver.reports.difference import (
    DifferenceReport,
    PicturePair,
    TablePair,
    totals_of,
    tree_of,
)
from dver.reports.page import MARK, render_report
from dver.reports.thumbnails import Thumbnail
from dver.store.trees.compare import ChangeStatus, TreeChange
from dver.tables.difference import ColumnSummary, TableSummary

HOSTILE = b"<script>alert(1)<script>\"'&\n\xff\xe2\x80\xae.png"
DRAWING = Thumbnail(b'<svg xmlns="http://www.w3.org/2000/svg" width="900" height="50"></svg>', "image/svg+xml", "1 kB")
_VOID = ("meta", "img", "br")


class Elements(HTMLParser):
    """The elements of a page. Asserts that each is closed in order."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page.decode())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, tag: str, name: str) -> list[str | None]:
        """The attribute `name` of all elements `tag`."""
        return [attributes.get(name) for one, attributes in self.found if one == tag]


def change(path: bytes, old: int | None, new: int | None, status: ChangeStatus) -> TreeChange:
    """A change of a file with these sizes."""
    sides = [Entry(b"x", Kind.FILE, Oid.of(b"%d" % size), size) if size is not None else None for size in (old, new)]
    return TreeChange(status, path, sides[0], sides[1])


def report(*changes: TreeChange, pictures: tuple[PicturePair, ...] = (), tables: tuple[TablePair, ...] = ()) -> bytes:
    """The page of these changes."""
    return render_report(
        DifferenceReport("v1", "v<2>", totals_of(changes), tree_of(changes), pictures, tables, ("A note.",))
    )


MANY = [change(b"data/dir%02d/file%04d.txt" % (at % 20, at), 1, 2, ChangeStatus.MODIFIED) for at in range(2_000)]
LONG = change(b"data/" + b"n" * 250, None, 5, ChangeStatus.ADDED)
PICTURES = (PicturePair("data/a.svg", DRAWING, "not shown: 5 GB"), PicturePair("data/b.svg", None, DRAWING))
COLUMNS = tuple(ColumnSummary(f"column number {at}", "VARCHAR", at, "a" * 40, "z" * 40) for at in range(12))
TABLES = (TablePair("data/t.csv", TableSummary(10, COLUMNS[:10]), TableSummary(12, COLUMNS[2:])),)


def test_a_page_names_versions_counts_and_sizes() -> None:
    page = Elements(report(change(b"data/a.txt", 100, 2_000, ChangeStatus.MODIFIED)))
    for text in ("Changes from v1 to v<2>", "A note.", "a.txt", "100 B → 2.0 kB", "+1.9 kB"):
        assert text in page.text


def test_a_renamed_file_shows_both_paths() -> None:
    renamed = change(b"data/b.txt", 5, 5, ChangeStatus.RENAMED)
    page = Elements(report(TreeChange(ChangeStatus.RENAMED, b"data/b.txt", renamed.old, renamed.new, b"data/a.txt")))
    assert "data/a.txt → b.txt" in page.text


def test_names_are_text_and_never_elements() -> None:
    page = Elements(
        report(
            change(b"data/" + HOSTILE, None, 5, ChangeStatus.ADDED),
            pictures=(PicturePair("<img src=x>", DRAWING, None),),
            tables=(TablePair('"><b>', TableSummary(1, (ColumnSummary("<i>", "<u>", 0, "<s>", "</table>"),)), None),),
        )
    )
    tags = {tag for tag, _ in page.found}
    assert tags.isdisjoint({"script", "i", "u", "s"})
    assert "<script>alert(1)<script>\"'&\\u000a\\xff\\u202e.png" in page.text


def test_a_page_may_load_nothing_and_run_nothing() -> None:
    page = report(*MANY, pictures=PICTURES)
    assert page.startswith(MARK)
    elements = Elements(page)
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in elements.attributes("meta", "content")
    assert all(source and source.startswith("data:") for source in elements.attributes("img", "src"))
    assert not any(tag in ("script", "link", "iframe") for tag, _ in elements.found)
    assert all(elements.attributes("img", "alt"))


def test_a_side_without_a_picture_says_why() -> None:
    text = Elements(report(pictures=PICTURES)).text
    assert "after: not shown: 5 GB" in text
    assert "before: does not exist" in text


def test_a_table_shows_columns_on_both_sides() -> None:
    text = Elements(report(tables=TABLES)).text
    assert "rows: 10 → 12" in text
    assert "column number 0 removed" in text
    assert "column number 11 added" in text


def test_a_page_of_many_files_stays_small() -> None:
    assert len(report(*(change(b"d/%06d" % at, 1, 2, ChangeStatus.MODIFIED) for at in range(100_000)))) < 100_000
    wide = [change(b"%06d/f" % at, 1, 2, ChangeStatus.MODIFIED) for at in range(3_000)]
    assert len(report(*wide)) < 2_000_000


@needs_chromium
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
def test_a_browser_shows_the_page_without_horizontal_scrolling(width: int, dark: bool) -> None:
    page = report(*sorted([*MANY, LONG], key=lambda one: one.path), pictures=PICTURES, tables=TABLES)
    shown = shown_in_browser(page, width=width, dark=dark)
    assert shown.overflow <= 0
    assert shown.broken_images == 0
