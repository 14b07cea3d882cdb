"""The pages of `dver monitor`. They load nothing, and nothing from data is executed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from dver.core.html_page import mark_of
from dver.core.phrasing import count
from dver.formats.monitor_history import MonitoredColumn, MonitoredMetric, MonitoredWindow, limits_text, time_label
from dver.monitoring.metrics import RANGES
from dver.reports.blocks.html import block_html, inline_html, render_blocks_page
from dver.reports.blocks.model import Block, Code, Inline, ItemList, Paragraph, ReportTable, Tone, Toned
from dver.reports.blocks.values import listed_codes, number_text
from dver.reports.monitoring.chart import ChartPoint, chart_html

MARK: Final = mark_of("monitor")
_ROWS: Final = 100
"""The most windows and columns that a table shows."""
_OPEN: Final = 10
"""The most windows whose columns are shown."""


def render_history(name: str, windows: Sequence[MonitoredWindow]) -> bytes:
    """The page of a history: charts over time, and what drifted in the latest windows."""
    return render_blocks_page(MARK, ("Monitor ", Code(name)), "".join(_body(windows)))


def _body(windows: Sequence[MonitoredWindow]) -> Iterator[str]:
    alarms = [one for one in windows if one.alarm]
    yield block_html(Paragraph(_summary(windows, len(alarms))))
    if windows:
        yield "<h2>Over time</h2>\n"
        yield from _charts(windows)
        yield "<h2>Windows</h2>\n"
        yield block_html(_windows_table(windows))
    if alarms:
        yield "<h2>Alarms</h2>\n"
    for one in reversed(alarms[-_OPEN:]):
        yield f"<h3>{inline_html((time_label(one), ' '))}{inline_html(listed_codes(one.sources))}</h3>\n"
        yield from map(block_html, _alarm_blocks(one))


def _summary(windows: Sequence[MonitoredWindow], alarms: int) -> Inline:
    state = Toned(count(alarms, "alarm"), Tone.WORSE) if alarms else Toned("no alarm", Tone.BETTER)
    references = tuple(dict.fromkeys(one.reference for one in windows))
    return (f"{count(len(windows), 'window')}, ", state, ". Compared with ", *listed_codes(references[-3:]), ".")


def _charts(windows: Sequence[MonitoredWindow]) -> Iterator[str]:
    drifted = [ChartPoint(time_label(one), float(one.drifted_count), alarm=bool(one.drifted)) for one in windows]
    yield chart_html("drifted columns", f"of {windows[-1].columns:,}", drifted, scale_with=(0.0, 1.0))
    for name in RANGES:
        found = [next((metric for metric in one.metrics if metric.name == name), None) for one in windows]
        last = next((one for one in reversed(found) if one is not None), None)
        if last is None:
            continue
        points = [
            ChartPoint(time_label(window))
            if metric is None
            else ChartPoint(time_label(window), metric.value, metric.lower, metric.upper, metric.alarm, metric.better)
            for window, metric in zip(windows, found, strict=True)
        ]
        note = f"{last.value:.4g}{', estimated' if last.estimated else ''}"
        yield chart_html(name, note + (f"; expected {limits_text(last)}" if limits_text(last) else ""), points)


def _windows_table(windows: Sequence[MonitoredWindow]) -> ReportTable:
    names = [name for name in RANGES if any(metric.name == name for one in windows for metric in one.metrics)]
    shown = list(reversed(windows))[:_ROWS]
    return ReportTable(
        (("time",), ("rows",), ("drifted",), *((name,) for name in names), ("live data",)),
        tuple(_window_row(one, names) for one in shown),
        len(windows),
        right=frozenset(range(1, 3 + len(names))),
    )


def _window_row(one: MonitoredWindow, names: Sequence[str]) -> tuple[Inline, ...]:
    found = {metric.name: metric for metric in one.metrics}
    values: list[Inline] = []
    for name in names:
        metric = found.get(name)
        text = "" if metric is None else f"{'~' if metric.estimated else ''}{metric.value:.4g}"
        values.append((Toned(text, _tone(metric)),) if metric is not None and metric.alarm else (text,))
    drifted = f"{one.drifted_count:,} of {one.columns:,}"
    return (
        (time_label(one),),
        (f"{one.rows:,}",),
        (Toned(drifted, Tone.WORSE),) if one.drifted else (drifted,),
        *values,
        listed_codes(one.sources[:3]),
    )


def _alarm_blocks(one: MonitoredWindow) -> Iterator[Block]:
    metrics = [metric for metric in one.metrics if metric.alarm]
    if metrics:
        lines = tuple(
            (
                Toned(f"{metric.name} {metric.value:.4g}", _tone(metric)),
                f", {'better than expected: ' if metric.better else 'expected '}{limits_text(metric)}",
            )
            for metric in metrics
        )
        yield ItemList(lines, len(lines))
    if one.drifted:
        yield ReportTable(
            (("column",), ("what",), ("method",), ("statistic",), ("threshold",), ("p-value",)),
            tuple(_column_row(column) for column in one.drifted[:_ROWS]),
            one.drifted_count,
            right=frozenset((3, 4, 5)),
        )
    if one.notes:
        yield ItemList(tuple((Code(note, is_whole=True),) for note in one.notes), len(one.notes))


def _tone(metric: MonitoredMetric) -> Tone:
    return Tone.BETTER if metric.better else Tone.WORSE


def _column_row(one: MonitoredColumn) -> tuple[Inline, ...]:
    numbers = (one.statistic, one.threshold, one.p_value)
    what = ", ".join(one.kinds) + (f" ({one.new_values:,})" if one.new_values else "")
    name: Inline = (Code(one.name), f" ({one.role})") if one.role else (Code(one.name),)
    return (name, (Code(what),), (one.method,), *(("" if n is None else number_text(float(n)),) for n in numbers))
