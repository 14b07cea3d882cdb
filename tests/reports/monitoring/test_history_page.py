"""The page of a monitor."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from browsing import needs_chromium, shown_in_browser
from monitored import DRIFTED, METRICS, window

from dver.formats.monitor_history import MonitoredColumn, MonitoredMetric, MonitoredWindow
from dver.reports.monitoring.chart import ChartPoint, chart_html
from dver.reports.monitoring.page import MARK, render_history

HOSTILE = "</title><script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
BAD = MonitoredColumn(HOSTILE, ("new values",), new_values=3, role="prediction")
WINDOWS = tuple(
    window(
        day,
        drifted=(DRIFTED, BAD) if day > 20 else (),
        metrics=METRICS if day > 20 else METRICS[1:],
        sources=(f"live/{HOSTILE}.csv",),
        reference=HOSTILE,
        notes=(HOSTILE,),
    )
    for day in range(1, 29)
)


class Elements(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_has_a_chart_for_each_metric_and_a_table_of_windows() -> None:
    found = Elements(render_history("churn", WINDOWS))
    assert found.tags.count("svg") == 3
    assert "28 windows, 8 alarms" in found.text
    assert "accuracy 0.5; expected 0.7 to 0.8" in found.text
    assert "f1 0.75, estimated; expected 0.7 to 0.8" in found.text
    assert "2026-11-28" in found.text
    assert "(prediction)" in found.text


def test_a_page_loads_and_runs_nothing() -> None:
    page = render_history("churn", WINDOWS)
    assert page.startswith(MARK)
    assert b"default-src &#x27;none&#x27;" in page
    assert {"script", "link", "iframe", "img"}.isdisjoint(Elements(page).tags)
    assert b"http://" not in page
    assert b"https://" not in page


def test_an_empty_history_has_a_page() -> None:
    assert "0 windows, no alarm" in Elements(render_history("churn", ())).text


def test_a_long_history_has_a_small_page() -> None:
    many: list[MonitoredWindow] = [window(1, id=str(at), drifted=(DRIFTED,) * 50) for at in range(2000)]
    assert len(render_history("churn", many)) < 2_000_000


def test_a_chart_leaves_out_missing_values_and_marks_alarms() -> None:
    points = [ChartPoint("a", 1.0), ChartPoint("b"), ChartPoint("c", 3.0, 0.0, 2.0, alarm=True)]
    drawn = chart_html("accuracy", "", points)
    assert drawn.count("M") == 4  # two beginnings of the line, and two dots
    assert drawn.count("var(--worse)") == 1
    assert drawn.count("<rect") == 1


def test_a_chart_of_counts_begins_at_zero() -> None:
    drawn = chart_html("drifted columns", "", [ChartPoint("a", 0.0)], scale_with=(0.0, 1.0))
    assert "<span>1</span>" in drawn
    assert "<span>0</span>" in drawn
    assert drawn.count("<span>a</span>") == 1


def test_a_chart_of_equal_values_is_drawn() -> None:
    assert "<span>0.99</span>" in chart_html("accuracy", "", [ChartPoint("a", 0.9)])
    assert "NaN" not in chart_html("f1", "", [ChartPoint("a", 0.5), ChartPoint("b", 0.5)])
    assert "<svg" in chart_html("f1", "", [])


def test_a_range_with_one_limit_is_drawn_to_the_edge() -> None:
    assert 'y="0.0"' in chart_html("accuracy", "", [ChartPoint("a", 0.5, 0.4), ChartPoint("b", 0.7, 0.4)])


@pytest.mark.parametrize(
    ("value", "text", "tone"), [(2.0, "mae 2, expected 0.5 to 1", "worse"), (0.1, "better than expected", "better")]
)
def test_all_metrics_outside_of_their_limits_are_listed(value: float, text: str, tone: str) -> None:
    metric = MonitoredMetric("mae", value, 0.5, 1.0)
    page = render_history("churn", [window(1, metrics=(metric,))])
    assert text in Elements(page).text
    assert f"stroke:var(--{tone})".encode() in page


@pytest.mark.long
@needs_chromium
@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, False)], ids=["phone, dark", "wide, light"])
def test_a_browser_shows_the_page_and_runs_nothing_of_the_data(width: int, dark: bool) -> None:
    shown = shown_in_browser(render_history("churn", WINDOWS), width=width, dark=dark)
    assert shown.overflow <= 0
    assert not shown.title.startswith("run")
    assert shown.flat_charts == 0
    assert shown.messages == ()
