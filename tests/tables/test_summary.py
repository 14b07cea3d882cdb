"""Summaries of tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from dver.core.errors import CorruptError
from dver.tables.difference import ColumnSummary
from dver.tables.engine import is_table
from dver.tables.summary import summarize_table


def test_a_summary_has_rows_types_nulls_and_extremes(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": 1, "b": "x"}\n{"a": null, "b": "y"}\n{"a": 3}\n')
    found = summarize_table(tmp_path / "t.jsonl", "t.jsonl", _scratch(tmp_path))
    assert found.rows == 3
    assert found.columns == (ColumnSummary("a", "BIGINT", 1, "1", "3"), ColumnSummary("b", "VARCHAR", 1, "x", "y"))


def test_numbers_in_a_csv_file_are_compared_as_numbers(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("n,t\n" + "".join(f"{at},v{at}\n" for at in (7, 499, 60)))
    found = summarize_table(tmp_path / "t.csv", "t.csv", _scratch(tmp_path))
    assert [(one.least, one.greatest) for one in found.columns] == [("7", "499"), ("v499", "v7")]


def test_a_column_without_values_has_no_extremes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n,1\n")
    found = summarize_table(tmp_path / "t.csv", "t.csv", _scratch(tmp_path))
    assert found.columns[0] == ColumnSummary("a", "VARCHAR", 1, None, None)


def test_a_broken_table_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(CorruptError):
        summarize_table(tmp_path / "t.parquet", "t.parquet", _scratch(tmp_path))


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("a.csv", True), ("a.CSV.GZ", True), ("b/a.parquet", True), ("a.json", False), ("a.gz", False), ("csv", False)],
)
def test_suffixes_decide_what_is_a_table(name: str, is_one: bool) -> None:
    assert is_table(name) is is_one


def _scratch(directory: Path) -> Path:
    (directory / "scratch").mkdir()
    return directory / "scratch"
