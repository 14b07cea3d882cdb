"""Windows of monitors for tests. Importable from every test."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from dver.core.oid import Oid
from dver.formats.monitor_history import MonitoredColumn, MonitoredMetric, MonitoredWindow

DRIFTED: Final = MonitoredColumn("amount", ("distribution",), method="ks", statistic=0.3, threshold=0.1, p_value=1e-9)
METRICS: Final = (MonitoredMetric("accuracy", 0.5, 0.7, 0.8), MonitoredMetric("f1", 0.75, 0.7, 0.8, estimated=True))


def window(day: int, **fields: Any) -> MonitoredWindow:
    """The window of a day of November 2026."""
    time = f"2026-11-{day:02}T00:00:00Z"
    known = {"recorded": "2026-11-30T12:00:00Z", "rows": 100, "reference": "train.csv", "columns": 3}
    return MonitoredWindow(**{"id": f"day/2026-11-{day:02}", "start": time, "end": time, **known, **fields})


def monitored_windows() -> st.SearchStrategy[MonitoredWindow]:
    """Windows with anything in each of their fields."""
    texts = st.text(max_size=8)
    numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
    columns = st.builds(
        MonitoredColumn,
        texts,
        st.lists(texts, min_size=1, max_size=2).map(tuple),
        statistic=numbers,
        new_values=st.integers(0, 9),
    )
    metrics = st.builds(MonitoredMetric, texts, st.floats(-9, 9), numbers, numbers, st.booleans())
    return st.builds(
        window,
        st.integers(1, 30),
        drifted=st.lists(columns, max_size=2).map(tuple),
        metrics=st.lists(metrics, max_size=2).map(tuple),
        sources=st.lists(texts, max_size=2).map(tuple),
        data=st.none() | st.binary(max_size=2).map(Oid.of),
        labeled=st.none() | st.integers(0, 9),
    )
