"""The results of `dver monitor` as text and JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from dver.cli.render import terminal
from dver.cli.render.terminal import printable
from dver.formats.monitor_history import MonitoredColumn, MonitoredMetric, MonitoredWindow, alarm_text, time_label
from dver.monitoring.metrics import RANGES

if TYPE_CHECKING:
    from dver.cli.context import Context
    from dver.ops.quality.monitor import MonitorResult
    from dver.ops.quality.monitor_history import MonitorHistory

_BARS: Final = "▁▂▃▄▅▆▇█"
_WINDOWS: Final = 60
"""The most windows in a chart of the terminal."""
_LISTED: Final = 20
"""The most windows in a table without -v."""
_LABEL: Final = 34
"""The characters of a chart's line beside the chart."""


def print_monitor_result(ctx: Context, result: MonitorResult) -> None:
    """Print what was found in the windows of a run."""
    windows = [one.window for one in result.windows]
    ctx.say(f"{result.name}: {terminal.count(len(windows), 'window')} compared with {printable(result.reference)}")
    ctx.table(_rows(ctx, windows), right=_right(windows), indent=2)
    for compared in result.windows:
        if (one := compared.window).alarm:
            ctx.say(f"{ctx.style.red('alarm')} {time_label(one)} {printable(', '.join(one.sources))}")
            types = {
                it.column: f": {it.live_type.value} instead of {it.reference_type.value}"
                for it in compared.drift.found
                if it.live_type is not None and it.reference_type is not None
            }
            lines = [alarm_text(metric) for metric in one.metrics if metric.alarm]
            lines += [_column_text(it, types.get(it.name, "")) for it in one.drifted]
            ctx.listing([f"  {line}" for line in lines])
    if not result.alarm:
        ctx.say(ctx.style.green("no drift"))
    for note in dict.fromkeys(note for one in windows for note in one.notes):
        ctx.note(f"note: {printable(note)}")


def print_monitor_history(ctx: Context, history: MonitorHistory) -> None:
    """Print charts over time, and the latest windows."""
    windows = history.windows
    alarms = sum(one.alarm for one in windows)
    ctx.say(f"{history.name}: {terminal.count(len(windows), 'window')}, {terminal.count(alarms, 'alarm')}")
    for line in charts(windows, terminal.width() if terminal.is_terminal(sys.stdout) else 100):
        ctx.say(f"  {line}")
    ctx.say("")
    shown = windows if ctx.verbose else windows[-_LISTED:]
    ctx.table(_rows(ctx, shown), right=_right(shown), indent=2)
    left = len(windows) - len(shown) + history.older
    if left:
        ctx.say(f"  … and {left:,} older" + ("" if history.older else " (-v lists them)"))


def result_json(result: MonitorResult) -> Mapping[str, Any]:
    """A run as JSON: its windows, each with all of its columns."""
    windows = [{**window_json(one.window), "all_columns": one.drift.found} for one in result.windows]
    return {"name": result.name, "reference": result.reference, "alarm": result.alarm, "windows": windows}


def window_json(one: MonitoredWindow) -> Mapping[str, Any]:
    """A window as JSON, with its alarms."""
    plain = {each.name: getattr(one, each.name) for each in fields(one)}
    metrics = [
        {**{each.name: getattr(it, each.name) for each in fields(it)}, "alarm": it.alarm, "better": it.better}
        for it in one.metrics
    ]
    return {**plain, "metrics": metrics, "alarm": one.alarm, "alarms": one.alarms}


def _rows(ctx: Context, windows: Sequence[MonitoredWindow]) -> Iterator[Sequence[str]]:
    names = _metric_names(windows)
    yield ("time", "rows", "drifted", *names, "live data")
    for one in windows:
        found = {metric.name: metric for metric in one.metrics}
        drifted = f"{one.drifted_count:,} of {one.columns:,}"
        cells = [_cell(ctx, found.get(name)) for name in names]
        sources = ", ".join(one.sources[:2]) + (" …" if len(one.sources) > 2 else "")
        yield (
            time_label(one),
            f"{one.rows:,}",
            ctx.style.red(drifted) if one.drifted else drifted,
            *cells,
            printable(sources),
        )


def _right(windows: Sequence[MonitoredWindow]) -> range:
    return range(1, 3 + len(_metric_names(windows)))


def _metric_names(windows: Sequence[MonitoredWindow]) -> list[str]:
    known = {metric.name for one in windows for metric in one.metrics}
    return [name for name in RANGES if name in known]


def _cell(ctx: Context, metric: MonitoredMetric | None) -> str:
    if metric is None:
        return "-"
    text = f"{'~' if metric.estimated else ''}{metric.value:.4g}"
    if not metric.alarm:
        return text
    return ctx.style.green(f"{text}+") if metric.better else ctx.style.red(f"{text}!")


def _column_text(one: MonitoredColumn, types: str) -> str:
    role = f" ({one.role} drift)" if one.role else ""
    details = f": {one.method} {one.statistic:.4g}" if one.method and one.statistic is not None else ""
    if details and one.threshold is not None:
        details += f", threshold {one.threshold:.4g}"
    said = {"type": f"type{types}"}
    if one.new_values:
        said["new values"] = terminal.count(one.new_values, "new value")
    kinds = ", ".join(said.get(kind, kind) for kind in one.kinds)
    return f"{printable(one.name)}{role}  {kinds}{details}"


def charts(windows: Sequence[MonitoredWindow], width: int) -> Iterator[str]:
    """A line for the drifted columns and for each metric: its lowest value, bars over time, its highest value."""
    last = windows[-max(5, min(_WINDOWS, width - _LABEL)) :]
    yield _chart("drifted", [float(one.drifted_count) for one in last], from_zero=True)
    for name in _metric_names(last):
        found = ({metric.name: metric.value for metric in one.metrics} for one in last)
        yield _chart(name, [one.get(name) for one in found])


def _chart(name: str, values: Sequence[float | None], *, from_zero: bool = False) -> str:
    known = [one for one in values if one is not None]
    low, high = 0.0 if from_zero else min(known), max(known)
    span = (high - low) or 1.0
    bars = "".join(
        " " if one is None else _BARS[min(len(_BARS) - 1, int((one - low) / span * len(_BARS)))] for one in values
    )
    return f"{name:<10} {low:>8.4g} {bars} {high:.4g}"
