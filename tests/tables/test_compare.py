"""Rows of two tables: against a plain comparison in Python, and in every format."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from dver.core.errors import CorruptError, UsageError
from dver.tables.compare import compare_tables
from dver.tables.difference import CellDifference, ColumnDifference, KeyProblems, RowDifference, TableDifference

Row = dict[str, Any]


def write_table(path: Path, rows: Sequence[Row]) -> Path:
    """Write `rows` in the format of the suffix. CSV and Parquet have the columns of the first row."""
    if path.suffix == ".parquet":
        parquet.write_table(pa.Table.from_pylist(list(rows)), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "wt", newline="") as file:
            writer = csv.DictWriter(file, rows[0], delimiter="\t" if ".tsv" in path.name else ",")
            writer.writeheader()
            writer.writerows(rows)
    return path


def compared(
    directory: Path, old: Sequence[Row], new: Sequence[Row], *key: str, suffix: str = ".parquet", samples: int = 10
) -> TableDifference:
    """The difference of two tables with these rows."""
    files = [write_table(directory / f"{side}{suffix}", rows) for side, rows in (("old", old), ("new", new))]
    with TemporaryDirectory() as scratch:
        return compare_tables(*files, f"t{suffix}", key=key, samples=samples, scratch=Path(scratch))


OLD = [{"id": 1, "name": "a", "x": 1.5}, {"id": 2, "name": "b", "x": 2.5}, {"id": 3, "name": None, "x": 3.5}]
NEW = [{"id": 1, "name": "a", "x": 1.5}, {"id": 3, "name": "c", "x": 4.5}, {"id": 4, "name": "d", "x": 0.5}]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".tsv", ".jsonl", ".csv.gz", ".CSV"])
def test_finds_added_removed_and_changed_rows_by_key(tmp_path: Path, suffix: str) -> None:
    found = compared(tmp_path, OLD, NEW, "id", suffix=suffix)
    assert (found.old_rows, found.new_rows, found.unchanged) == (3, 3, 1)
    assert (found.added, found.removed, found.changed) == (1, 1, 1)
    assert found.changed_cells == {"name": 1, "x": 1}
    cells = (CellDifference("name", None, "c"), CellDifference("x", "3.5", "4.5"))
    assert found.samples == (
        RowDifference("changed", ("3",), cells),
        RowDifference("added", ("4",)),
        RowDifference("removed", ("2",)),
    )


def test_without_a_key_equal_rows_are_counted(tmp_path: Path) -> None:
    rows = [{"a": 1}, {"a": 1}, {"a": 2}]
    found = compared(tmp_path, rows, [{"a": 1}, {"a": 3}, {"a": 2}, {"a": None}])
    assert (found.added, found.removed, found.changed, found.unchanged) == (2, 1, 0, 2)
    assert set(found.samples) == {
        RowDifference("added", ("3",)),
        RowDifference("added", (None,)),
        RowDifference("removed", ("1",)),
    }


def test_null_and_duplicate_keys_are_reported_and_compared_as_rows(tmp_path: Path) -> None:
    old = [{"id": 1, "x": 1}, {"id": 2, "x": 1}, {"id": 2, "x": 2}, {"id": None, "x": 9}, {"id": 5, "x": 5}]
    new = [{"id": 1, "x": 1}, {"id": 2, "x": 2}, {"id": None, "x": 8}, {"id": None, "x": 9}, {"id": 5, "x": 6}]
    found = compared(tmp_path, old, new, "id")
    assert found.old_keys == KeyProblems(null_rows=1, duplicate_rows=2)
    assert found.new_keys == KeyProblems(null_rows=2, duplicate_rows=0)
    assert (found.added, found.removed, found.changed, found.unchanged) == (1, 1, 1, 3)


def test_columns_that_differ_are_named_and_the_others_compared(tmp_path: Path) -> None:
    found = compared(
        tmp_path, [{"id": 1, "a": 1, "b": 1}, {"id": 2, "a": 7, "b": 1}], [{"b": "1", "id": 1, "c": 2.0}], "id"
    )
    assert found.columns == (
        ColumnDifference("a", "BIGINT", None),
        ColumnDifference("b", "BIGINT", "VARCHAR"),
        ColumnDifference("c", None, "DOUBLE"),
    )
    assert (found.added, found.removed, found.changed) == (0, 1, 0)
    assert not found.is_empty


def test_csv_values_are_compared_as_text(tmp_path: Path) -> None:
    found = compared(tmp_path, [{"id": "01", "x": "1.0"}], [{"id": "1", "x": "1"}], "id", suffix=".csv")
    assert (found.added, found.removed) == (1, 1)


def test_csv_rows_that_begin_with_a_number_sign_are_compared(tmp_path: Path) -> None:
    rows = [{"tag": f"#{at}", "n": at, "note": "a"} for at in range(3)] + [{"tag": "12", "n": 1, "note": "x"}] * 50
    found = compared(tmp_path, rows, rows[1:], suffix=".csv")
    assert (found.old_rows, found.new_rows, found.removed) == (53, 52, 1)


def test_values_that_are_no_numbers_and_nested_values_are_equal_to_themselves(tmp_path: Path) -> None:
    rows = [{"id": 1, "x": float("nan"), "nested": {"a": [1, None]}}]
    assert compared(tmp_path, rows, rows, "id").is_empty
    changed = [{"id": 1, "x": float("nan"), "nested": {"a": [1, 2]}}]
    assert compared(tmp_path, rows, changed, "id").changed_cells == {"nested": 1}


def test_the_order_of_columns_does_not_matter(tmp_path: Path) -> None:
    assert compared(tmp_path, [{"a": 1, "b": 2}], [{"b": 2, "a": 1}]).is_empty


def test_names_are_never_sql(tmp_path: Path) -> None:
    directory = tmp_path / "it's [a] *dir*"
    directory.mkdir()
    name = '"); DROP TABLE differing; --'
    found = compared(directory, [{name: 1, "o'x": 1}], [{name: 1, "o'x": 2}], name)
    assert found.changed_cells == {"o'x": 1}


def test_a_composite_key_is_used_as_a_whole(tmp_path: Path) -> None:
    old = [{"a": 1, "b": 1, "x": 1}, {"a": 1, "b": 2, "x": 1}]
    new = [{"a": 1, "b": 1, "x": 2}, {"a": 2, "b": 2, "x": 1}]
    found = compared(tmp_path, old, new, "a", "b")
    assert (found.added, found.removed, found.changed) == (1, 1, 1)
    assert found.samples[0].key == ("1", "1")


def test_samples_are_limited(tmp_path: Path) -> None:
    old = [{"id": at, "x": 0} for at in range(100)]
    new = [{"id": at + 50, "x": at % 2} for at in range(100)]
    found = compared(tmp_path, old, new, "id", samples=3)
    assert Counter(one.status for one in found.samples) == {"added": 3, "removed": 3, "changed": 3}


def test_a_table_with_keys_only_is_compared(tmp_path: Path) -> None:
    found = compared(tmp_path, [{"id": 1}, {"id": 2}], [{"id": 2}, {"id": 3}], "id")
    assert (found.added, found.removed, found.changed, found.unchanged) == (1, 1, 0, 1)


def test_wrong_input_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column 'none' in both versions") as caught:
        compared(tmp_path, OLD, NEW, "none")
    assert caught.value.why == "both have: id, name, x"
    (tmp_path / "bad.parquet").write_bytes(b"no table at all")
    with pytest.raises(CorruptError, match="cannot be read"):
        compare_tables(tmp_path / "bad.parquet", tmp_path / "bad.parquet", "t.parquet", scratch=_empty(tmp_path, "1"))
    with pytest.raises(UsageError, match="not a table"):
        compare_tables(tmp_path / "bad.parquet", tmp_path / "bad.parquet", "t.txt", scratch=_empty(tmp_path, "2"))


def _empty(directory: Path, name: str) -> Path:
    (directory / name).mkdir()
    return directory / name


VALUES = st.one_of(st.none(), st.integers(-2, 2))
ROWS = st.lists(st.fixed_dictionaries({"k": VALUES, "a": VALUES, "b": VALUES}), min_size=1, max_size=8)
TYPES = pa.schema([("k", pa.int64()), ("a", pa.int64()), ("b", pa.int64())])


def values(row: Row) -> tuple[Any, ...]:
    """The cells of a row in one order."""
    return row["k"], row["a"], row["b"]


def expected(old: Sequence[Row], new: Sequence[Row]) -> tuple[int, int, int]:
    """Added, removed and changed rows, by a plain comparison."""
    counts = [Counter(row["k"] for row in side) for side in (old, new)]
    ambiguous = {None, *(key for side in counts for key, number in side.items() if number > 1)}
    bags = [Counter(values(row) for row in side if row["k"] in ambiguous) for side in (old, new)]
    left, right = ({row["k"]: row for row in side if row["k"] not in ambiguous} for side in (old, new))
    added = len(right.keys() - left.keys()) + (bags[1] - bags[0]).total()
    removed = len(left.keys() - right.keys()) + (bags[0] - bags[1]).total()
    return added, removed, sum(left[key] != right[key] for key in left.keys() & right.keys())


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS)
def test_agrees_with_a_plain_comparison(old: list[Row], new: list[Row]) -> None:
    with TemporaryDirectory() as name:
        files = []
        for side, rows in (("old", old), ("new", new)):
            files.append(Path(name, f"{side}.parquet"))
            parquet.write_table(pa.Table.from_pylist(rows, TYPES), files[-1])
        found = compare_tables(*files, "t.parquet", key=("k",), scratch=_empty(Path(name), "scratch"))
        assert (found.added, found.removed, found.changed) == expected(old, new)
        bags = compare_tables(*files, "t.parquet", scratch=_empty(Path(name), "other"))
        left, right = (Counter(map(values, side)) for side in (old, new))
        assert (bags.added, bags.removed) == ((right - left).total(), (left - right).total())
        assert bags.unchanged == (left & right).total()
