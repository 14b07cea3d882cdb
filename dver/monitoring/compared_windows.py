"""Windows of live data, each compared with the reference."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dver.core.display import Displayed
from dver.formats.monitor_history import MonitoredWindow
from dver.formats.profile import Profile
from dver.monitoring.common_collections import common_collections
from dver.monitoring.drifted_columns import WindowDrift, compare_profiles
from dver.monitoring.live_data import LiveWindow
from dver.monitoring.performance import WindowPerformance
from dver.monitoring.references import Reference
from dver.monitoring.request import MonitorRequest
from dver.monitoring.window_rule import time_text


@dataclass(frozen=True, slots=True, repr=False)
class ComparedWindow(Displayed):
    """A window, and all that is known of its columns."""

    window: MonitoredWindow
    drift: WindowDrift


@dataclass(frozen=True, slots=True)
class DriftedWindow:
    """A window of live data, without its profile, and its drift."""

    live: LiveWindow
    drift: WindowDrift


def find_drift(
    windows: Iterator[LiveWindow], request: MonitorRequest, reference: Reference, baseline: Reference | None
) -> Iterator[DriftedWindow]:
    """Compare the profile of each window with the reference, and drop it: a profile may have megabytes."""
    base = None if baseline is None else baseline.found.profile
    for one in windows:
        common = common_collections(reference.found.profile, one.profile)
        drift = compare_profiles(common.reference, common.live, request.settings, request.outputs, base)
        drift.notes[:0] = common.notes
        rows = sum(part.rows for part in common.live.collections)
        yield DriftedWindow(replace(one, profile=Profile(()), rows=rows), drift)


def compared_window(
    one: DriftedWindow, performance: WindowPerformance, reference: Reference, *, only_worse: bool
) -> ComparedWindow:
    """A window with its drift and its performance, as the history has it.

    With `only_worse`, its metrics have no limit to the better side.
    """
    metrics = performance.metrics
    live, drift = one.live, one.drift
    window = MonitoredWindow(
        id=live.id,
        start=live.start,
        end=live.end,
        recorded=time_text(time.time()),
        rows=live.rows,
        reference=reference.label,
        columns=drift.columns,
        drifted=tuple(drift.drifted),
        metrics=tuple(metric.without_better_limit() for metric in metrics) if only_worse else metrics,
        sources=live.sources,
        data=live.data,
        reference_data=reference.found.oid,
        labeled=performance.labeled,
        notes=(*drift.notes, *live.notes, *performance.notes),
    )
    return ComparedWindow(window, drift)
