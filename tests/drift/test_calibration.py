"""Thresholds: false alarms, p-values without drift, and parts of the reference that differ."""

from __future__ import annotations

from itertools import chain
from typing import Any, Final

import numpy as np
import pytest
from driftalarms import data_set, divided, drawn
from drifting import table_of

from dver.drift.comparison import compare
from dver.drift.result import DriftMethod, DriftResult
from dver.drift.settings import ColumnSettings, DriftSettings

RESAMPLES: Final = 6


@pytest.fixture(scope="module")
def results() -> list[DriftResult]:
    """Comparisons of data that did not change: 20 columns of mixed kinds. `make drift-alarms` makes 500 of each."""
    settings = DriftSettings()
    made = (divided(300, 300, RESAMPLES, settings), divided(1500, 600, RESAMPLES, settings))
    return list(chain(*made, drawn(1200, 1200, RESAMPLES, settings)))


def test_data_that_did_not_change_raises_no_alarm(results: list[DriftResult]) -> None:
    assert [one.column for result in results for one in result.drifted] == []


def test_p_values_without_drift_are_as_small_as_chance_makes_them(results: list[DriftResult]) -> None:
    found = [one.p_value for result in results for one in result.columns if one.p_value is not None]
    assert len(found) > 250
    assert 0.01 < np.mean([one < 0.05 for one in found]) < 0.07
    assert np.mean([one < 0.5 for one in found]) > 0.2


def test_thresholds_by_hand_raise_many_alarms_where_calibrated_ones_raise_none() -> None:
    """A p-value below 0.05 is no rarity among 20 columns."""
    hand = {name: ColumnSettings(threshold=0.05) for name in data_set(1) if name not in ("constant", "time")}
    by_hand = list(divided(300, 300, RESAMPLES, DriftSettings(columns=hand)))
    assert sum(bool(one.drifted) for one in by_hand) > RESAMPLES / 2


def days(seed: int, differ: float, rows: int = 400, count: int = 20) -> Any:
    """The rows of days, one after the other. Their means differ with the deviation `differ`."""
    random = np.random.default_rng(seed)
    means = random.standard_normal(count) * differ
    return np.concatenate([random.standard_normal(rows) + mean for mean in means])


def test_days_that_differ_raise_the_threshold() -> None:
    alike, differing = days(1, 0.0), days(1, 0.1)
    live = np.random.default_rng(5).standard_normal(400)
    thresholds = [
        compare(table_of({"x": one}), table_of({"x": live})).columns[0].threshold for one in (alike, differing)
    ]
    assert thresholds[0] is not None
    assert thresholds[1] is not None
    assert thresholds[1] > 1.5 * thresholds[0]


@pytest.mark.parametrize("kind", ["numbers", "categories", "nulls"])
def test_one_more_day_of_a_kind_raises_no_alarm_and_a_different_day_does(kind: str) -> None:
    def made(values: Any) -> Any:
        return {
            "numbers": values,
            "categories": np.where(values > 0.5, "high", np.where(values > -1, "middle", "low")),
            "nulls": np.where(values > 1, np.nan, 0.0),
        }[kind]

    reference = table_of({"x": made(days(3, 0.15, rows=1500))})
    for seed in range(10):
        assert not compare(reference, table_of({"x": made(days(200 + seed, 0.15, rows=1500, count=1))})).drifted
    assert compare(reference, table_of({"x": made(days(7, 0.0, rows=1500, count=1) + 1.5)})).drifted


def test_a_sorted_reference_does_not_hide_drift() -> None:
    ordered = np.sort(days(1, 0.0))
    found = compare(table_of({"x": ordered}), table_of({"x": days(2, 0.0) + 0.2}))
    assert found.drifted


def test_more_columns_raise_thresholds_a_little() -> None:
    random = np.random.default_rng(4)
    tables = [{f"c{index}": random.standard_normal((2, 1100)) for index in range(count)} for count in (1, 100)]
    pairs = [[table_of({name: one[side] for name, one in table.items()}) for side in (0, 1)] for table in tables]
    low, high = (compare(*pair).columns[0] for pair in pairs)
    assert low.method is DriftMethod.WASSERSTEIN
    assert low.threshold is not None
    assert high.threshold is not None
    assert 1.05 < high.threshold / low.threshold < 2
