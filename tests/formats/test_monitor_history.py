"""Histories of monitors: lines and back, merged lines, and what is refused."""

from __future__ import annotations

import json

import pytest
from monitored import DRIFTED, METRICS, window

from dver.core.errors import CorruptError, NewerVersionError
from dver.core.oid import Oid
from dver.formats.monitor_history import MonitoredMetric, decode_history, encode_history, limits_text

FULL = window(
    2, drifted=(DRIFTED,), metrics=METRICS, sources=("live/zwei.csv",), data=Oid.of(b"x"), labeled=90, notes=("why",)
)


def test_a_history_is_decoded_as_it_was() -> None:
    assert decode_history(encode_history([window(1), FULL])) == (window(1), FULL)


def test_it_has_a_line_for_each_window_sorted_by_time() -> None:
    lines = encode_history([window(3), window(1), FULL]).splitlines()
    assert [json.loads(line)["start"][8:10] for line in lines] == ["01", "02", "03"]


def test_lines_that_git_merged_are_read_in_any_order() -> None:
    merged = encode_history([window(3)]) + encode_history([window(1)]) + encode_history([window(2)])
    assert decode_history(merged) == (window(1), window(2), window(3))


def test_of_two_lines_for_one_window_the_later_counts() -> None:
    older, newer = window(1, rows=1), window(1, rows=2, recorded="2026-11-30T13:00:00Z")
    for lines in ((older, newer), (newer, older)):
        assert decode_history(b"".join(encode_history([one]) for one in lines)) == (newer,)


def test_alarms_name_columns_and_metrics() -> None:
    assert FULL.alarm
    assert FULL.alarms == ("amount: distribution", "accuracy is 0.5, expected 0.7 to 0.8")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("accuracy", 0.9, "accuracy is 0.9, better than expected (0.7 to 0.8)"),
        ("accuracy", 0.6, "accuracy is 0.6, expected 0.7 to 0.8"),
        ("rmse", 0.6, "rmse is 0.6, better than expected (0.7 to 0.8)"),
        ("rmse", 0.9, "rmse is 0.9, expected 0.7 to 0.8"),
    ],
)
def test_an_alarm_says_if_the_metric_is_better(name: str, value: float, text: str) -> None:
    metric = MonitoredMetric(name, value, 0.7, 0.8)
    assert window(1, metrics=(metric,)).alarms == (text,)
    assert metric.better == ("better" in text)
    one_sided = metric.without_better_limit()
    assert one_sided.alarm != metric.better
    assert not one_sided.better
    assert not window(1).alarm


def test_the_name_of_live_data_is_that_of_its_file() -> None:
    assert FULL.data_name == "zwei.csv"
    assert window(1).data_name == ""


@pytest.mark.parametrize(
    ("limits", "text"),
    [((None, None), ""), ((1.0, None), "at least 1"), ((None, 2.0), "at most 2"), ((1, 2), "1 to 2")],
)
def test_limits_are_shown_as_a_range(limits: tuple[float | None, float | None], text: str) -> None:
    assert limits_text(MonitoredMetric("mae", 1.5, *limits)) == text


def test_a_newer_version_asks_for_an_upgrade() -> None:
    with pytest.raises(NewerVersionError):
        decode_history(encode_history([FULL]).replace(b'"version":1', b'"version":2'))


def test_a_merge_conflict_says_how_to_end_it() -> None:
    with pytest.raises(CorruptError, match="line 2") as error:
        decode_history(encode_history([window(1)]) + b"<<<<<<< HEAD\n")
    assert "delete the lines" in str(error.value.fix)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"rows":100', b'"rows":-1'),
        (b'"rows":100', b'"rows":true'),
        (b'"rows":100', b'"rows":100,"more":1'),
        (b"2026-11-02T00:00:00Z", b"yesterday"),
        (b'"name":"amount"', b'"name":5'),
        (b'"statistic":0.3', b'"statistic":NaN'),
        (b'"kinds":["distribution"]', b'"kinds":[]'),
        (b'"value":0.5', b'"value":null'),
        (b'"version":1', b'"version":"1"'),
        (b'"id":"day/2026-11-02"', b'"id":""'),
        (b"blake3:", b"blake3"),
        (b"{", b"["),
    ],
)
def test_a_line_that_is_not_valid_is_refused_with_its_number(old: bytes, new: bytes) -> None:
    content = encode_history([FULL])
    assert old in content
    with pytest.raises(CorruptError, match="line 1"):
        decode_history(content.replace(old, new))
