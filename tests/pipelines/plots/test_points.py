from __future__ import annotations

import pytest

from dver.core.errors import PipelineError
from dver.pipelines.plots.points import kind_of_column, parse_points


def test_columns_of_numbers_become_numbers() -> None:
    content = b"step,loss,name\n1,0.5,01\n2,,x\n3,nan,3\n-4,1e-3,\n"
    assert parse_points(content, "a.csv") == [
        {"step": 1, "loss": 0.5, "name": "01"},
        {"step": 2, "loss": None, "name": "x"},
        {"step": 3, "loss": None, "name": "3"},
        {"step": -4, "loss": 0.001, "name": ""},
    ]


def test_tabs_quotes_and_a_byte_order_mark_are_understood() -> None:
    assert parse_points(b'\xef\xbb\xbfa\t"b c"\n1\t"x\ny"\n', "a.TSV") == [{"a": 1, "b c": "x\ny"}]
    assert parse_points(b"a,b\r\n1,2\r\n\r\n3\r\n", "a.csv") == [{"a": 1, "b": 2}, {"a": 3, "b": None}]


def test_without_a_header_columns_have_numbers() -> None:
    assert parse_points(b"1,2\n3,4,5\n", "a.csv", header=False) == [
        {"0": 1, "1": 2, "2": None},
        {"0": 3, "1": 4, "2": 5},
    ]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b'[{"a": 1}, {"a": 2}]', "a.json"),
        (b'{"meta": {"n": 3}, "train": [{"a": 1}, {"a": 2}]}', "a.json"),
        (b"train:\n- a: 1\n- {a: 2}\n", "a.yaml"),
        (b'{"one": {"two": {"three": [{"a": 1}, {"a": 2}]}}, "empty": [], "numbers": [1, 2]}', "a.json"),
    ],
)
def test_lists_of_mappings_are_found_wherever_they_are(content: bytes, name: str) -> None:
    assert parse_points(content, name) == [{"a": 1}, {"a": 2}]


def test_lists_that_belong_together_are_put_beside_each_other() -> None:
    content = b'{"train": [{"a": 1}, {"a": 2}], "test": [{"b": 3}]}'
    assert parse_points(content, "a.json") == [{"a": 1, "b": 3}, {"a": 2}]


def test_what_no_browser_can_hold_becomes_what_it_can() -> None:
    content = b'[{"nan": NaN, "inf": [Infinity], "big": 123456789012345678901, "huge": 1%s}]' % (b"0" * 400)
    (row,) = parse_points(content, "a.json")
    assert row == {"nan": None, "inf": [None], "big": 1.2345678901234568e20, "huge": "1" + "0" * 400}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "a.csv"),
        (b"a,b\n", "a.csv"),
        (b"\xff\xfe\x00", "a.csv"),
        (b"a\n" + b"x" * (2 << 20), "a.csv"),
        (b"{", "a.json"),
        (b"[" * 100_000, "a.json"),
        (b"[1, 2]", "a.json"),
        (b"{}", "a.json"),
        (b"3", "a.yaml"),
        (b"a: &x [*x]", "a.yaml"),
        (b"1" * 5000, "a.json"),
        (b"a,b\n1,2\n", "a.parquet"),
    ],
)
def test_what_has_no_data_points_is_told_in_plain_words(content: bytes, name: str) -> None:
    with pytest.raises(PipelineError, match=name):
        parse_points(content, name)


def test_dates_numbers_and_names_are_told_apart() -> None:
    assert kind_of_column([1, 2.5, None]) == "quantitative"
    assert kind_of_column(["2024-01-02", "2024-01-02T03:04:05Z"]) == "temporal"
    assert kind_of_column([True, False]) == "nominal"
    assert kind_of_column(["a", 1]) == "nominal"
    assert kind_of_column([None]) == "nominal"
