"""The page of results of checks."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from browsing import needs_chromium, shown_in_browser

from dver.checks.result import CheckedData, RuleOutcome, RuleResult, Severity
from dver.core.oid import Oid
from dver.reports.quality.checks_page import CHECKS_MARK, ROWS_MAX, checks_page

HOSTILE = "</title></style></code><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">'&\n"
PASSED = RuleResult("not-null", RuleOutcome.PASSED, Severity.CRITICAL, "no nulls", "none", "age")
WARNING = RuleResult(
    "range", RuleOutcome.FAILED, Severity.WARNING, "0 to 120", "-3 to 140", "age", 5, ((("age", "-3"), ("id", "7")),)
)
CRITICAL = RuleResult("unique", RuleOutcome.FAILED, Severity.CRITICAL, "unique", "12 duplicates", "id", 12)
ERROR = RuleResult("sql", RuleOutcome.ERROR, Severity.CRITICAL, "SELECT 1", "there is no column 'b'", scanned=True)
DATA = CheckedData("data/train.csv", Oid.of(b"x"), "data/dver.checks.yaml", (PASSED, WARNING, CRITICAL, ERROR))


class Page(HTMLParser):
    """The elements, attributes and text of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_failed_checks_come_first_and_critical_ones_before_warnings() -> None:
    page = checks_page([DATA])
    assert page.startswith(CHECKS_MARK)
    text = Page(page).text
    places = [text.index(part) for part in ("12 duplicates", "there is no column 'b'", "-3 to 140", "no nulls")]
    assert places == sorted(places)
    assert "critical, not evaluated" in text


def test_failing_rows_are_a_table_and_those_left_out_are_counted() -> None:
    text = Page(checks_page([DATA])).text
    assert "1 failing row" in text
    assert "… 4 more rows left out" in text


def test_a_page_shows_at_most_a_hundred_rows_of_a_rule() -> None:
    rows = tuple((("id", f"row {at};"),) for at in range(1000))
    text = Page(checks_page([replace(DATA, results=(replace(WARNING, rows=rows, failed_rows=1000),))])).text
    assert f"row {ROWS_MAX - 1};" in text
    assert f"row {ROWS_MAX};" not in text
    assert "900 more rows left out" in text


def test_no_checks_are_said() -> None:
    assert "No checks are defined" in Page(checks_page([])).text


PLACES = {
    "title": lambda: checks_page([DATA], title=HOSTILE),
    "path": lambda: checks_page([replace(DATA, path=HOSTILE)]),
    "suite": lambda: checks_page([replace(DATA, suite=HOSTILE)]),
    "rule": lambda: page_of(rule=HOSTILE),
    "column": lambda: page_of(column=HOSTILE),
    "expected": lambda: page_of(expected=HOSTILE),
    "found": lambda: page_of(found=HOSTILE),
    "name in a row": lambda: page_of(rows=(((HOSTILE, "1"),),)),
    "value in a row": lambda: page_of(rows=((("id", HOSTILE),),)),
    "passed": lambda: page_of(
        outcome=RuleOutcome.PASSED, expected=HOSTILE, found=HOSTILE, column=HOSTILE, rule=HOSTILE
    ),
}


def page_of(**changes: object) -> bytes:
    return checks_page([replace(DATA, results=(replace(WARNING, **changes),))])  # type: ignore[arg-type]


@pytest.mark.parametrize("place", PLACES)
def test_text_of_data_is_shown_and_never_markup(place: str) -> None:
    found = Page(PLACES[place]())
    assert "</title></style></code><script>" in found.text
    assert {"script", "img"}.isdisjoint(found.tags)
    assert [name for name in found.attributes if name.startswith("on")] == []


@pytest.mark.long
@needs_chromium
def test_a_browser_shows_the_page_and_runs_nothing_of_the_data() -> None:
    rows = tuple(((HOSTILE, HOSTILE), *((f"column {at}", "x" * 300) for at in range(8))) for _ in range(3))
    hostile = replace(WARNING, rule=HOSTILE, column="n" * 300, expected=HOSTILE, found="long " * 100, rows=rows)
    found = replace(DATA, path=f"data/{HOSTILE}", suite=HOSTILE, results=(*DATA.results, hostile))
    page = checks_page([found]).replace(b"<details>", b"<details open>")
    shown = shown_in_browser(page, width=360, dark=True)
    assert shown.overflow <= 0
    assert not shown.title.startswith("run")
    assert shown.messages == ()
